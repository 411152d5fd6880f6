package problem

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// Near is the suggestion for an unknown name if one of the options is near to it, and "" otherwise.
func Near(word string, options []string) string { return DidYouMean(suggest.Closest(word, options)) }

// DidYouMean is the suggestion for what was probably meant; several: one of them was. Without any it is empty.
func DidYouMean(words ...string) string {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", list(words, "or"))
}

// list writes words with commas, and and or or between the last two.
func list(words []string, between string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " " + between + " " + words[last]
}

// Meant is Near, or else all options if they are few. what describes the options, for the second case: "its fields".
func Meant(word, what string, options []string) string {
	if near := Near(word, options); near != "" {
		return near
	}
	if len(options) == 0 || len(options) > 12 {
		return ""
	}
	return fmt.Sprintf("%s: %s", what, strings.Join(options, ", "))
}

// mostChoices is the largest number of choices that a message lists.
const mostChoices = 40

// OneOf is the message for a value that is not one of some choices.
func OneOf(choices []string) string {
	shown := choices[:min(len(choices), mostChoices)]
	text := "must be one of " + strings.Join(shown, ", ")
	if len(choices) == 1 {
		text = "must be " + choices[0]
	}
	if more := len(choices) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// File is the problem of a file or folder that cannot be opened. where is the flag that names it, as typed.
func File(where, path string, err error) Problem {
	p := Problem{Source: where, Message: regular.Cause(err).Error()}
	if errors.Is(err, fs.ErrNotExist) {
		p.Message, p.Suggestion = "no such file", DidYouMean(NearFile(path))
	}
	return p
}

// mostNames is the largest number of names of a folder that NearFile looks at.
const mostNames = 10_000

// NearFile is the path of a file or folder that a path which does not exist was probably meant for; empty: none is near. It looks in the
// folders of the path, for one wrong name.
func NearFile(path string) string {
	at, names := ".", strings.Split(filepath.Clean(path), string(filepath.Separator))
	if names[0] == "" {
		at, names = string(filepath.Separator), names[1:]
	}
	for i, name := range names {
		next := filepath.Join(at, name)
		if _, err := os.Lstat(next); err == nil {
			at = next
			continue
		}
		near := suggest.File(name, namesIn(at, strings.HasPrefix(name, ".")))
		if near == "" {
			return ""
		}
		meant := filepath.Join(append([]string{at, near}, names[i+1:]...)...)
		if _, err := os.Stat(meant); err != nil {
			return ""
		}
		if strings.HasPrefix(path, "./") {
			meant = "./" + meant
		}
		return meant
	}
	return ""
}

// namesIn are the names in a folder, hidden ones only where they are asked for.
func namesIn(dir string, hidden bool) (names []string) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = folder.Close() }()
	all, _ := folder.Readdirnames(mostNames)
	for _, name := range all {
		if strings.HasPrefix(name, ".") == hidden {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
