# samples.sh DIR counts the members of the archives in a folder.
for t in "$1"/*.tar; do tar tf "$t"; done >"$1.members"
echo "$(grep -c 'jpg$' "$1.members") images, $(grep -vc 'jpg$' "$1.members") others, $(sort "$1.members" | uniq -d | wc -l) twice"
