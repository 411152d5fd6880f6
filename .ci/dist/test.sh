#!/usr/bin/env bash
# test.sh: opens what the task dist has made for this machine's architecture, as a user does, and runs the host in it.
set -euo pipefail
cd "$(dirname "$0")/../../build/dist"
sha256sum --quiet --check SHA256SUMS
[ "$(find . -maxdepth 1 -name '*.whl' | wc -l) $(find . -maxdepth 1 -name '*.deb' | wc -l) $(find . -maxdepth 1 -name '*.tar.gz' | wc -l)" = "2 2 2" ]
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) echo "no package for $(uname -m)"; exit 1 ;; esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Outside of the checkout, with nothing in the environment.
runs() { (cd "$scratch" && env -i PATH=/usr/bin:/bin HOME="$scratch" "$@" version); }

mkdir "$scratch/tar" "$scratch/deb" "$scratch/home"
tar -xzf kagurazaka-*-linux-$arch.tar.gz -C "$scratch/tar" --strip-components=1
runs "$scratch/tar/bin/kagurazaka"
[ -x "$scratch/tar/bin/kagurazaka-cuda-agent" ]
gzip -dc "$scratch/tar/share/man/man1/kagurazaka.1.gz" | grep -q '^\.TH'

# Every other architecture has the same files.
for other in kagurazaka-*-linux-*.tar.gz; do
  cmp <(tar -tzf "$other" | cut -d/ -f2- | sort) <(tar -tzf kagurazaka-*-linux-$arch.tar.gz | cut -d/ -f2- | sort)
done

if command -v dpkg-deb >/dev/null; then
  dpkg-deb -x kagurazaka_*_$arch.deb "$scratch/deb"
  dpkg-deb -f kagurazaka_*_$arch.deb Package Version Architecture
  runs "$scratch/deb/usr/bin/kagurazaka"
  bash -n "$scratch/deb/usr/share/bash-completion/completions/kagurazaka"
  [ -s "$scratch/deb/usr/share/zsh/vendor-completions/_kagurazaka" ]
else
  bash "$OLDPWD/.ci/leave-out.sh" deb "dpkg-deb is not installed"
fi

# The image's folder has all that a static program needs.
runs "$PWD/image/$arch/usr/bin/kagurazaka"
