# kagurazaka completion for bash: source <(kagurazaka completion bash)
_kagurazaka() {
  local cur words line
  cur="${COMP_WORDS[COMP_CWORD]}"
  words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    line="${line%%$'\t'*}"
    [[ "$line" == "$cur"* ]] && COMPREPLY+=("$line")
  done < <(kagurazaka __complete -- "${words[@]}" 2>/dev/null)
  [[ "${COMPREPLY[0]-}" == *= ]] && compopt -o nospace
  return 0
}
complete -o default -F _kagurazaka kagurazaka
