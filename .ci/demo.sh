#!/usr/bin/env bash
# demo.sh FOLDER: shows a whole run on any machine. The host draws 400 pictures, resizes them, finds on a second run that
# all are finished, and a contact sheet shows what came out.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=${1:?FOLDER}
rm -rf "$demo"
mkdir -p "$demo"
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }
[ -t 1 ] || say() { printf '\n$ %s\n' "$*"; "$@"; }

echo "1. Draw 400 pictures"
say bin/kagurazaka ./plugins/picture Picture --count 400 --out "$demo/pictures"
resize=(bin/kagurazaka ./plugins/resize Resize --size 256
  --mixin "hard_shard_mode.input_path=$demo/pictures" "hard_shard_mode.output_path=$demo/thumbnails")
echo
echo "2. Resize them"
say "${resize[@]}"
echo
echo "3. Once more: everything is finished, and no worker is started"
say "${resize[@]}"
echo
echo "4. A contact sheet"
say bin/plugins/contactsheet --out "$demo/contact-sheet.png" "$demo/thumbnails"
echo
echo "The pictures are in $demo/pictures, the thumbnails in $demo/thumbnails, the contact sheet is $PWD/$demo/contact-sheet.png"
