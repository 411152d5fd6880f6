# kagurazaka completion for fish: kagurazaka completion fish | source
function __kagurazaka_complete
  set -l words (commandline -opc) (commandline -ct)
  kagurazaka __complete -- $words[2..-1] 2>/dev/null
end
complete -c kagurazaka -a '(__kagurazaka_complete)'
