"""Makes resize.ptx of resize.cu with NVRTC, which needs neither a GPU nor CUDA:

    pip install nvidia-cuda-nvrtc-cu12==12.1.105
    python make_ptx.py

PTX of that version and for compute_70 is taken by drivers since 530 (CUDA 12.1), which compile it for their card. The first line of resize.ptx has the
hash of the source: a test fails when the two do not belong together.
"""

import ctypes
import glob
import hashlib
import os
import site
import sys

OPTIONS = ["--gpu-architecture=compute_70", "--std=c++14"]


def library():
    folders = [*site.getsitepackages(), site.getusersitepackages(), *os.environ.get("NVRTC_PATH", "").split(os.pathsep)]
    for folder in folders:
        for path in glob.glob(os.path.join(folder, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so.*")):
            # It looks for this one beside itself only when that is loaded already.
            for builtins in glob.glob(os.path.join(os.path.dirname(path), "libnvrtc-builtins.so.*")):
                ctypes.CDLL(builtins, mode=ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(path)
    sys.exit("there is no NVRTC: pip install nvidia-cuda-nvrtc-cu12==12.1.105, or name a folder with it in NVRTC_PATH")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "resize.cu"), "rb") as f:
        source = f.read()
    nvrtc = library()

    def call(name, *args):
        if code := getattr(nvrtc, name)(*args):
            nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
            print(log(), file=sys.stderr)
            sys.exit(f"{name}: {nvrtc.nvrtcGetErrorString(code).decode()}")

    def text(size, get):
        n = ctypes.c_size_t()
        getattr(nvrtc, size)(program, ctypes.byref(n))
        buffer = ctypes.create_string_buffer(n.value)
        getattr(nvrtc, get)(program, buffer)
        return buffer.value.decode()

    def log():
        return text("nvrtcGetProgramLogSize", "nvrtcGetProgramLog")

    program = ctypes.c_void_p()
    call("nvrtcCreateProgram", ctypes.byref(program), source, b"resize.cu", 0, None, None)
    options = (ctypes.c_char_p * len(OPTIONS))(*(o.encode() for o in OPTIONS))
    call("nvrtcCompileProgram", program, len(OPTIONS), options)
    ptx = text("nvrtcGetPTXSize", "nvrtcGetPTX")
    with open(os.path.join(here, "resize.ptx"), "w") as f:
        f.write(f"// resize.cu sha256:{hashlib.sha256(source).hexdigest()} {' '.join(OPTIONS)}\n{ptx.rstrip()}\n")


main()
