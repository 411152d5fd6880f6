#!/usr/bin/env bash
# driver.sh DIR: fetches the CUDA headers into DIR/include and makes DIR/lib/libcuda.a, with which programs for CUDA are built on a
# machine without it. Nothing is done when DIR is of this version already. Needs a C compiler, and Python with pip for the headers,
# unless KAGURAZAKA_CUDA_INCLUDE names a folder that has cuda.h.
set -euo pipefail
mkdir -p "${1:?DIR}" && out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
wheel=nvidia-cuda-runtime-cu12==12.9.79

cc=$(go env CC)
if ! command -v "${cc%% *}" >/dev/null 2>&1; then
  echo "build:cuda needs a C compiler, and there is no $cc on this machine: install gcc or clang, or name one in CC" >&2
  exit 1
fi
stamp=$out/stamp
want="$wheel ${KAGURAZAKA_CUDA_INCLUDE:-} $($cc -dumpmachine) $($cc -dumpversion) $(cat "$here/driver.c" "$here/driver.sh" | cksum)"
[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$out" && mkdir -p "$out/include" "$out/lib"
if [ -n "${KAGURAZAKA_CUDA_INCLUDE:-}" ]; then
  cp "$KAGURAZAKA_CUDA_INCLUDE/cuda.h" "$out/include/"
else
  python=${KAGURAZAKA_PYTHON:-python3}
  if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "build:cuda takes cuda.h from the Python package ${wheel%%=*}, and $python has no pip: install it, or set KAGURAZAKA_CUDA_INCLUDE to a folder with cuda.h" >&2
    exit 1
  fi
  echo "fetching the headers of $wheel"
  # Headers are the same for every platform; this wheel is there whatever the machine is.
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --platform manylinux2014_x86_64 -d "$work" "$wheel"
  "$python" - "$work"/*.whl "$out/include" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    with open(sys.argv[2] + "/cuda.h", "wb") as f:
        f.write(wheel.read("nvidia/cuda_runtime/include/cuda.h"))
PY
fi

# Every function of the header under the name that its macros give it (cuCtxCreate is cuCtxCreate_v2 in the library). cuInit is
# written by hand.
names=$(printf '#include <cuda.h>\n' | $cc -E -P -I"$out/include" - | tr '\n' ' ' | grep -oE '\bCUresult +cu[A-Z][A-Za-z0-9_]* *\(' |
  grep -oE 'cu[A-Z][A-Za-z0-9_]*' | sort -u | grep -vx cuInit)
case $($cc -dumpmachine) in
  x86_64*) jump='  jmp *kagurazaka_cuda_table+%d(%%rip)\n' ;;
  aarch64*) jump='  mov x17, #%d\n  adrp x16, kagurazaka_cuda_table\n  add x16, x16, :lo12:kagurazaka_cuda_table\n  ldr x16, [x16, x17]\n  br x16\n' ;;
  *) echo "build:cuda knows x86-64 and ARM64, and $cc builds for $($cc -dumpmachine)" >&2; exit 1 ;;
esac
{
  i=0
  echo '  .text'
  for name in $names; do
    printf '  .globl %s\n  .type %s, %%function\n%s:\n' "$name" "$name" "$name"
    # shellcheck disable=SC2059 # the format is one of the two above
    printf "$jump" $((8 * i))
    i=$((i + 1))
  done
  echo '  .section .note.GNU-stack,"",%progbits'
} >"$work/jumps.s"
{
  echo '#include <stddef.h>'
  echo 'extern int kagurazaka_cuda_early(void);'
  echo 'const char *const kagurazaka_cuda_names[] = {'
  for name in $names; do echo "  \"$name\","; done
  echo '};'
  echo 'void *kagurazaka_cuda_table[] = {'
  for name in $names; do echo '  (void *)kagurazaka_cuda_early,'; done
  echo '};'
  echo 'const size_t kagurazaka_cuda_count = sizeof kagurazaka_cuda_names / sizeof kagurazaka_cuda_names[0];'
} >"$work/table.c"
(
  cd "$work"
  $cc -c -O2 -fPIC -Wall -I"$out/include" "$here/driver.c" table.c jumps.s
  ar rcs libcuda.a driver.o table.o jumps.o
)
mv "$work/libcuda.a" "$out/lib/"
printf '%s\n' "$want" >"$stamp"
