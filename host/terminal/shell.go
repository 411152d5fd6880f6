package terminal

import "strings"

// Quote writes a word as a shell reads it.
func Quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$`!*?[]{}()<>|&;#~") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Command is the command line of this program with some words, as a shell reads it.
func Command(words []string) string {
	line := "kagurazaka"
	for _, w := range words {
		line += " " + Quote(w)
	}
	return line
}
