"""Build a platform wheel that holds the host binary, as the command `kagurazaka`, and the Python SDK.

usage: wheel.py HOST_BINARY GOOS GOARCH OUT_DIR

The host is a static binary, so the wheel fits every Linux of its architecture. Nothing is compiled here, and no build
tool is needed: a wheel is a zip file (https://packaging.python.org/en/latest/specifications/binary-distribution-format/).
"""

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib

PLATFORMS = {
    ("linux", "amd64"): "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    ("linux", "arm64"): "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    ("darwin", "amd64"): "macosx_11_0_x86_64",
    ("darwin", "arm64"): "macosx_11_0_arm64",
}
# Zip files know no earlier time; the same content gives the same wheel.
TIME = (1980, 1, 1, 0, 0, 0)


def main(binary: str, goos: str, goarch: str, out: str) -> None:
    root = Path(__file__).resolve().parent.parent
    project = tomllib.loads((root / "sdk/python/pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    tag = f"py3-none-{PLATFORMS[goos, goarch]}"
    info = f"{name}-{version}.dist-info"
    files: list[tuple[str, bytes, int]] = [(f"{name}-{version}.data/scripts/kagurazaka", Path(binary).read_bytes(), 0o755)]
    source = root / "sdk/python"
    for path in sorted((source / "kagurazaka").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files.append((path.relative_to(source).as_posix(), path.read_bytes(), 0o644))
    metadata = [
        "Metadata-Version: 2.4",
        f"Name: {name}",
        f"Version: {version}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
        f"Author: {', '.join(author['name'] for author in project['authors'])}",
        f"Keywords: {','.join(project['keywords'])}",
        *(f"Classifier: {c}" for c in project["classifiers"]),
        *(f"Project-URL: {label}, {url}" for label, url in project["urls"].items()),
        *(f"Requires-Dist: {d}" for d in project["dependencies"]),
        "Description-Content-Type: text/markdown",
        "",
        absolute((root / "README.md").read_text(), project["urls"]["Homepage"]),
    ]
    wheel = ["Wheel-Version: 1.0", "Generator: kagurazaka", "Root-Is-Purelib: false"]
    # A file name may carry several platforms; inside, each is a tag of its own.
    wheel += [f"Tag: py3-none-{platform}" for platform in PLATFORMS[goos, goarch].split(".")]
    files.append((f"{info}/METADATA", "\n".join(metadata).encode(), 0o644))
    files.append((f"{info}/WHEEL", ("\n".join(wheel) + "\n").encode(), 0o644))
    files.append((f"{info}/licenses/LICENSE", (root / "LICENSE").read_bytes(), 0o644))

    Path(out).mkdir(parents=True, exist_ok=True)
    target = Path(out) / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        record = []
        for path, data, mode in files:
            add(z, path, data, mode)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}\n")
        record.append(f"{info}/RECORD,,\n")
        add(z, f"{info}/RECORD", "".join(record).encode(), 0o644)
    print(target)


def absolute(text: str, home: str) -> str:
    """Return Markdown whose links to files of the repository lead to its pages, and whose pictures are found outside of it."""
    text = re.sub(r"(!\[[^]]*\]\()(?![a-z]+:|#)", rf"\1{home}/raw/main/", text)
    return re.sub(r"((?<!!)\[[^]]*\]\()(?![a-z]+:|#)", rf"\1{home}/blob/main/", text)


def add(z: zipfile.ZipFile, path: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(path, TIME)
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    z.writestr(entry, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
