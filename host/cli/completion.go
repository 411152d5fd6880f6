package cli

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// completeCommand is what the completion scripts call: the words of the line so far, the last one being typed.
const completeCommand = "__complete"

// The scripts ask the host for candidates, a line each, a tab before a candidate's description. A line that begins with a tab says what the shell
// adds itself: "files", and behind another tab the beginning of the word that belongs to no file name, such as "--cfg=".
//
//go:embed completion
var completionScripts embed.FS

// shells are the shells that there are scripts for.
var shells = []string{"bash", "zsh", "fish"}

// completion is `completion SHELL`.
func (a *app) completion() error {
	shell := a.line.TakeWord()
	script, err := completionScripts.ReadFile("completion/kagurazaka." + shell)
	if err != nil {
		return exitcode.Usagef("SHELL: must be bash, zsh or fish, not %q", shell)
	}
	_, err = a.streams.Out.Write(script)
	return err
}

// candidate is a word that fits, and what it means.
type candidate struct{ text, help string }

// offer is what fits a word that is being typed.
type offer struct {
	candidates []candidate
	// files: names of files fit, too.
	files bool
}

// words are an offer of words without descriptions.
func words(values ...string) (o offer) {
	for _, v := range values {
		if v != "" {
			o.candidates = append(o.candidates, candidate{text: v})
		}
	}
	return o
}

// complete prints what fits the last of the words. A broken line has nothing.
func (a *app) complete(ctx context.Context, words []string) error {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	// The value of --flag=value and KEY=VALUE is what is completed.
	typed, value, prefix := words[len(words)-1], words[len(words)-1], ""
	before := words[:len(words)-1]
	o, assigned := a.assigned(ctx, before, typed)
	if assigned {
		name, rest, _ := strings.Cut(typed, "=")
		prefix, value = name+"=", rest
	} else {
		o = a.offer(ctx, before, typed)
	}
	if o.files {
		if _, err := fmt.Fprintf(a.streams.Out, "\tfiles\t%s\n", terminal.Line(prefix, maxWord)); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, c := range o.candidates {
		if !strings.HasPrefix(c.text, value) || seen[c.text] {
			continue
		}
		seen[c.text] = true
		_, err := fmt.Fprintf(a.streams.Out, "%s\t%s\n", terminal.Line(prefix+c.text, maxWord), terminal.Line(firstSentence(c.help), maxName))
		if err != nil {
			return err
		}
	}
	return nil
}

// firstSentence is the part of a help text that fits beside a candidate.
func firstSentence(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	sentence, _, _ := strings.Cut(line, ". ")
	return strings.TrimSuffix(sentence, ".")
}
