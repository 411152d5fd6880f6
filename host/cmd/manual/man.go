package main

import (
	"fmt"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/cli"
)

// manPages are the man pages by their file names.
func manPages(pages []cli.Page) map[string]string {
	files := map[string]string{}
	for i := range pages {
		files[manName(&pages[i])+".1"] = manPage(&pages[i], pages)
	}
	return files
}

// manName is "kagurazaka-launch-slurm" for "launch slurm".
func manName(p *cli.Page) string {
	return strings.TrimSuffix("kagurazaka-"+strings.ReplaceAll(p.Name, " ", "-"), "-")
}

// manPage is a page in the macros of man(7), which mandoc and groff know alike.
func manPage(p *cli.Page, all []cli.Page) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	paragraphs := func(text string) {
		for i, part := range strings.Split(text, "\n") {
			if part == "" {
				continue
			}
			if i > 0 {
				line(".PP")
			}
			line("%s", roff(part))
		}
	}
	line(".TH %s 1 \"\" kagurazaka \"User Commands\"", strings.ToUpper(manName(p)))
	line(".SH NAME")
	line("%s \\- %s", roff(manName(p)), roff(strings.TrimSuffix(p.Summary, ".")))
	line(".SH SYNOPSIS")
	for i, u := range p.Usage {
		if i > 0 {
			line(".br")
		}
		line(".B kagurazaka")
		line("%s", roff(u))
	}
	if p.Text != "" {
		line(".SH DESCRIPTION")
		paragraphs(p.Text)
	}
	if len(p.Commands) > 0 {
		line(".SH COMMANDS")
		for _, c := range p.Commands {
			line(".TP\n.B %s\n%s.", roff(c.Name), roff(c.Summary))
		}
	}
	for _, s := range p.Sections {
		line(".SH %s", roff(strings.ToUpper(s.Title)))
		for i := range s.Arguments {
			line(".TP\n.B %s\n%s", roff(s.Arguments[i].Spellings()), roff(s.Arguments[i].Text()))
		}
	}
	line(".SH EXAMPLES")
	for _, e := range p.Examples {
		line(".TP\n%s\n.B %s", roff(e.Does), roff(e.Line))
	}
	if p.More != "" {
		line(".SH NOTES")
		paragraphs(p.More)
	}
	line(".SH SEE ALSO")
	others := []string{".BR kagurazaka (1)"}
	if p.Name == "" {
		others = nil
		for i := range all[1:] {
			others = append(others, fmt.Sprintf(".BR %s (1)", roff(manName(&all[i+1]))))
		}
	}
	line("%s", strings.Join(others, " ,\n"))
	return b.String()
}

// roff is text as a line of roff that means nothing else: backslashes, hyphens, a control character at the beginning, and everything
// that is not ASCII are escaped.
func roff(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '^' || r == '`' || r == '~':
			fmt.Fprintf(&b, `\(%s`, map[rune]string{'^': "ha", '`': "ga", '~': "ti"}[r])
		case r == '"':
			b.WriteString(`\(dq`)
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	if strings.HasPrefix(b.String(), ".") {
		return `\&` + b.String()
	}
	return b.String()
}
