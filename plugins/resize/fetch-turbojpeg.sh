#!/bin/sh
# fetch-turbojpeg.sh: puts Debian's libjpeg-turbo where the resize plugin looks for it, in the user's cache, unless the system
# or the cache has it. Nothing is installed and no rights are needed. Where it cannot be had the script says so and
# succeeds: the plugin then decodes with Go's image/jpeg.
set -eu

name=libturbojpeg.so.0
target=${XDG_CACHE_HOME:-$HOME/.cache}/kagurazaka/lib

say() { echo "fetch-turbojpeg: $*"; }
without() { say "$*; the resize plugin will decode JPEG with Go's image/jpeg, which is slower"; exit 0; }

if [ -n "${KAGURAZAKA_TURBOJPEG:-}" ]; then say "KAGURAZAKA_TURBOJPEG names a library: $KAGURAZAKA_TURBOJPEG"; exit 0; fi
if [ -e "$target/$name" ]; then say "$target/$name is there"; exit 0; fi
for ldconfig in ldconfig /sbin/ldconfig /usr/sbin/ldconfig; do
  command -v "$ldconfig" >/dev/null 2>&1 || continue
  if "$ldconfig" -p | grep -qF "$name"; then say "the system has $name"; exit 0; fi
  break
done
for tool in apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null 2>&1 || without "no $name on this system, and no $tool to get it with"
done

# Debian and Ubuntu name the package differently.
package=
for candidate in libturbojpeg0 libturbojpeg; do
  if apt-cache show "$candidate" >/dev/null 2>&1; then package=$candidate; break; fi
done
[ -n "$package" ] || without "apt-get knows no package with $name (apt-get update may help)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
if ! (cd "$work" && apt-get download -qq "$package" >"$work/log" 2>&1); then
  without "apt-get could not download $package: $(tail -n 1 "$work/log")"
fi
dpkg -x "$work"/*.deb "$work/root"
found=$(find "$work/root" -name "$name.*" -type f | head -n 1)
[ -n "$found" ] || without "$package has no $name"
mkdir -p "$target"
# Renaming into place: a plugin that starts at this moment sees the whole file or none.
cp "$found" "$target/.$name.$$"
mv "$target/.$name.$$" "$target/$name"
say "put $(basename "$found") of $package at $target/$name"
