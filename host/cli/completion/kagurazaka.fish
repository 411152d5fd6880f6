# kagurazaka completion for fish: kagurazaka completion fish | source
function __kagurazaka_complete
  set -l words (commandline -opc)
  set -l typed (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] "$typed" 2>/dev/null)
    if string match -q \t'files'\t'*' -- $line
      set -l prefix (string replace \t'files'\t '' -- $line)
      set -l rest (string sub -s (math (string length -- "$prefix") + 1) -- "$typed")
      for path in (__fish_complete_path "$rest")
        printf '%s%s\n' "$prefix" "$path"
      end
    else
      printf '%s\n' $line
    end
  end
end
complete -c kagurazaka -f -a '(__kagurazaka_complete)'
