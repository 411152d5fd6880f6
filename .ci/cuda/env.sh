# Sourced by bash in the repository's root: makes what `-tags cuda` builds with (driver.sh) and sets the variables for it.
bash .ci/cuda/driver.sh .tools/cuda
export CGO_ENABLED=1
export CGO_CFLAGS="-O2 -I$PWD/.tools/cuda/include ${CGO_CFLAGS:-}"
export CGO_LDFLAGS="-L$PWD/.tools/cuda/lib -ldl -lpthread ${CGO_LDFLAGS:-}"
