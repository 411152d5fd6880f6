#compdef kagurazaka
# kagurazaka completion for zsh: source <(kagurazaka completion zsh)
_kagurazaka() {
  local -a plain keys typed
  local line text help prefix files
  typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  while IFS= read -r line; do
    if [[ "$line" == $'\tfiles\t'* ]]; then
      files=1
      prefix="${line#$'\tfiles\t'}"
      continue
    fi
    text="${line%%$'\t'*}"
    help="${line#*$'\t'}"
    text="${text//:/\\:}"
    if [[ "$text" == *= ]]; then
      keys+=("$text:$help")
    else
      plain+=("$text:$help")
    fi
  done < <("${(Q)words[1]/#\~/$HOME}" __complete -- "${typed[@]}" 2>/dev/null)
  (( ${#plain} )) && _describe -t words word plain
  (( ${#keys} )) && _describe -t keys key keys -S ''
  if [[ -n "$files" ]]; then
    [[ -z "$prefix" ]] || compset -P "${(b)prefix}"
    _files
  fi
}
if [[ "${funcstack[1]}" = _kagurazaka ]]; then
  _kagurazaka "$@"
else
  compdef _kagurazaka kagurazaka
fi
