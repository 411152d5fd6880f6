#compdef kagurazaka
# kagurazaka completion for zsh: source <(kagurazaka completion zsh)
_kagurazaka() {
  local -a plain assign
  local line value
  while IFS= read -r line; do
    value="${line%%$'\t'*}"
    if [[ "$value" == *= ]]; then assign+=("$value"); else plain+=("$value"); fi
  done < <(kagurazaka __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#plain} + ${#assign} )); then
    (( ${#plain} )) && compadd -a plain
    (( ${#assign} )) && compadd -S '' -a assign
  else
    _files
  fi
}
compdef _kagurazaka kagurazaka
