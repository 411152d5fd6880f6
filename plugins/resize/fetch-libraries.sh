#!/bin/sh
# fetch-libraries.sh: puts Debian's or Ubuntu's libjpeg-turbo and libtiff where the resize plugin looks for them, in the user's
# cache, unless the system or the cache has them. Nothing is installed and no rights are needed. Where a library cannot be
# had the script says so and ends with status 1: the plugin does without.
set -eu

status=0
target=${XDG_CACHE_HOME:-$HOME/.cache}/kagurazaka/lib

say() { echo "fetch-libraries: $*"; }
without() { say "$*; $reason" >&2; status=1; }

# has NAME: whether the system's loader finds a library.
has() {
  for ldconfig in ldconfig /sbin/ldconfig /usr/sbin/ldconfig; do
    command -v "$ldconfig" >/dev/null 2>&1 || continue
    "$ldconfig" -p | grep -qF "$1 "
    return
  done
  return 1
}

# keep FOLDER: copies the libraries of unpacked packages, each under the name that programs ask for.
keep() {
  find "$1" -name 'lib*.so.*' ! -name '*.py' \( -type l -o -type f \) | while read -r file; do
    name=$(basename "$file")
    if has "$name"; then continue; fi
    # A file that a link points to is known by the link's name.
    if [ ! -L "$file" ] && [ -n "$(find "$(dirname "$file")" -type l -lname "$name")" ]; then continue; fi
    # Renaming into place: a plugin that starts at this moment sees the whole file or none.
    cp -L "$file" "$target/.$name.$$"
    mv "$target/.$name.$$" "$target/$name"
    say "put $name at $target/$name"
  done
}

# fetch REASON VARIABLE PACKAGE:LIBRARY...: gets the first of the packages that there is, with what it needs. REASON says what it is to do without.
fetch() {
  reason=$1 variable=$2
  shift 2
  eval "named=\${$variable:-}"
  if [ -n "$named" ]; then say "$variable names a library: $named"; return; fi
  for choice in "$@"; do
    name=${choice#*:}
    if has "$name"; then say "the system has $name"; return; fi
    if [ -e "$target/$name" ]; then say "$target/$name is there"; return; fi
  done
  for tool in apt-get apt-cache dpkg dpkg-query; do
    if ! command -v "$tool" >/dev/null 2>&1; then without "no $name on this system, and no $tool to get it with"; return; fi
  done
  package=
  for choice in "$@"; do
    if apt-cache show "${choice%%:*}" >/dev/null 2>&1; then package=${choice%%:*}; break; fi
  done
  if [ -z "$package" ]; then without "apt-get knows no package with $name (apt-get update may help)"; return; fi

  work=$(mktemp -d)
  chmod 755 "$work"
  # What is installed is found where it is. The C library is there always, and a second one would be the end of the plugin.
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$package" 2>/dev/null |
    grep '^[a-z]' | grep -vE '^(libc6|libgcc-s1|libcrypt1|gcc-[0-9]+-base)$' | sort -u | while read -r needed; do
    if [ "$needed" = "$package" ] || ! dpkg-query -W -f '${Status}\n' "$needed" 2>/dev/null | grep -q ' installed$'; then echo "$needed"; fi
  done >"$work/packages"
  # One by one: a package that another provides has no file of its own.
  while read -r needed; do
    (cd "$work" && apt-get download -qq "$needed" >>"$work/log" 2>&1) || true
  done <"$work/packages"
  for file in "$work"/*.deb; do
    if [ -e "$file" ]; then dpkg -x "$file" "$work/root"; fi
  done
  if [ -d "$work/root" ] && [ -n "$(find "$work/root" -name "${package%%[0-9]*}*.so.*")" ]; then
    mkdir -p "$target"
    keep "$work/root"
  else
    without "apt-get could not download $package: $(tail -n 1 "$work/log")"
  fi
  rm -rf "$work"
}

# Debian and Ubuntu name the packages differently, from release to release.
fetch "the resize plugin will decode JPEG with Go's image/jpeg, which is slower" KAGURAZAKA_TURBOJPEG \
  libturbojpeg0:libturbojpeg.so.0 libturbojpeg:libturbojpeg.so.0
fetch "the resize plugin will refuse the kinds of TIFF that only libtiff knows" KAGURAZAKA_LIBTIFF \
  libtiff6:libtiff.so.6 libtiff5:libtiff.so.5
exit "$status"
