# kagurazaka completion for bash: source <(kagurazaka completion bash)

# Bash cuts words at = and :, and leaves quotes in them. _kagurazaka_words makes them as the program gets them, up to the cursor.
_kagurazaka_words() {
  local rest="${COMP_LINE:0:COMP_POINT}" raw i piece joined
  raw=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece="${COMP_WORDS[i]}"
    joined=
    if ((i > 0)) && [[ -n "$rest" && "$rest" != [[:space:]]* ]]; then
      joined=1
    fi
    rest="${rest#"${rest%%[![:space:]]*}"}"
    piece="${piece:0:${#rest}}"
    rest="${rest:${#piece}}"
    if [[ -n "$joined" ]]; then
      raw[${#raw[@]}-1]+="$piece"
    else
      raw+=("$piece")
    fi
  done
  typed="${raw[${#raw[@]}-1]}"
  words=()
  for piece in "${raw[@]:1}"; do
    # Quotes are taken away only where nothing could be run.
    if [[ "$piece" == *[\\\'\"~]* && "$piece" != *[\$\`\(\)\;\&\|\<\>]* ]]; then
      eval "piece=$piece" 2>/dev/null
    fi
    words+=("$piece")
  done
}

_kagurazaka() {
  local words typed line text cut prefix= files=
  _kagurazaka_words
  COMPREPLY=()
  # Readline replaces what is behind the last = or :.
  cut="${typed%"${typed##*[=:]}"}"
  while IFS= read -r line; do
    if [[ "$line" == $'\tfiles\t'* ]]; then
      files=1
      prefix="${line#$'\tfiles\t'}"
      continue
    fi
    text="${line%%$'\t'*}"
    text="${text#"$cut"}"
    [[ "$text" == *= ]] || printf -v text '%q' "$text"
    COMPREPLY+=("$text")
  done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete -- "${words[@]}" 2>/dev/null)
  if ((${#COMPREPLY[@]} == 1)) && [[ "${COMPREPLY[0]}" == *= ]]; then
    compopt -o nospace
  fi
  if [[ -n "$files" ]]; then
    local last="${words[${#words[@]}-1]}"
    last="${last#"$prefix"}"
    cut="${cut#"$prefix"}"
    compopt -o filenames
    while IFS= read -r line; do
      COMPREPLY+=("${line#"$cut"}")
    done < <(compgen -f -- "$last")
  fi
  return 0
}
complete -F _kagurazaka kagurazaka
