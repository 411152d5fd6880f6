#!/usr/bin/env bash
# dist.sh: packs what the task dist has built in build/dist/tree-ARCH: tar.gz, .deb and a folder for the image, and SHA256SUMS.
# The same commit gives the same bytes: files have the commit's time.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(bin/kagurazaka version --json | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p')
out=$PWD/build/dist
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

for arch in amd64 arm64; do
  tree=$out/tree-$arch
  mkdir -p "$tree"/share/{man/man1,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
  cp build/man/*.1 "$tree/share/man/man1/"
  gzip -9nf "$tree"/share/man/man1/*.1
  bin/kagurazaka completion bash >"$tree/share/bash-completion/completions/kagurazaka"
  bin/kagurazaka completion zsh >"$tree/share/zsh/vendor-completions/_kagurazaka"
  bin/kagurazaka completion fish >"$tree/share/fish/vendor_completions.d/kagurazaka.fish"
  cp README.md LICENSE CHANGELOG.md "$tree/"
  chmod -R u=rwX,go=rX "$tree"

  VERSION=$version ARCH=$arch TREE=$tree .tools/bin/nfpm package --config .ci/dist/nfpm.yaml --packager deb --target "$out"
  name=kagurazaka-$version-linux-$arch
  tar -C "$out" --transform "s,^tree-$arch,$name," --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -c "tree-$arch" | gzip -9n >"$out/$name.tar.gz"
  mkdir -p "$out/image/$arch/usr/bin" "$out/image/$arch/tmp"
  mv "$tree/bin/kagurazaka" "$out/image/$arch/usr/bin/"
  chmod 1777 "$out/image/$arch/tmp"
  rm -r "$tree"
done
cd "$out"
sha256sum -- *.tar.gz *.deb *.whl >SHA256SUMS
ls
