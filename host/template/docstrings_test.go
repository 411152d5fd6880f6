package template

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the texts of the specs into the docstrings of the Python SDK")

const (
	pythonModes = "../../sdk/python/kagurazaka/template/io.py"
	quotes      = `"""`
	fieldsHead  = "\n\n    Fields:\n"
)

// The docstrings of the Python SDK's modes begin with the texts of the specs, which -h shows.
func TestDocstringsHaveTheTextsOfTheSpecs(t *testing.T) {
	text, err := os.ReadFile(pythonModes)
	if err != nil {
		t.Fatal(err)
	}
	source := string(text)
	for _, m := range specs {
		at := regexp.MustCompile(`\nclass ` + m.Name + `\b.*:\n`).FindStringIndex(source)
		if at == nil {
			t.Errorf("there is no class %s", m.Name)
			continue
		}
		before, rest := source[:at[1]], source[at[1]:]
		head, rest, opened := strings.Cut(rest, quotes)
		doc, after, closed := strings.Cut(rest, quotes)
		if !opened || !closed || strings.TrimSpace(head) != "" {
			t.Errorf("class %s has no docstring", m.Name)
			continue
		}
		want := docstring(m)
		if !strings.HasPrefix(doc+"\n    ", want+"\n") {
			t.Errorf("the docstring of %s (go test ./host/template -update writes it):\n%s", m.Name, cmp.Diff(want, strings.TrimRight(doc, " \n")))
		}
		source = before + head + quotes + want + further(doc) + quotes + after
	}
	if *update {
		if err := os.WriteFile(pythonModes, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// docstring is the beginning of a mode's docstring: what it is, and its fields.
func docstring(m ModeSpec) string {
	text := wrapped(m.Help, "    ", len(quotes)) + fieldsHead
	for _, f := range m.Fields {
		text += "        " + wrapped(f.Name+": "+f.Help, "            ", 4) + "\n"
	}
	return strings.TrimSuffix(text, "\n")
}

// further is what the author of the SDK has added: the paragraphs after the fields.
func further(doc string) string {
	rest := doc
	if _, fields, found := strings.Cut(doc, fieldsHead); found {
		rest = fields
	}
	_, more, _ := strings.Cut(rest, "\n\n")
	if more = strings.TrimRight(more, " \n"); more == "" {
		return "\n    "
	}
	return "\n\n" + more + "\n    "
}

// wrapped breaks a text into lines. The first has a part of its indent already.
func wrapped(text, indent string, first int) string {
	const width = 138
	var out strings.Builder
	at := len(indent) + first
	for i, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case i == 0:
			at += n
		case at+1+n > width:
			out.WriteString("\n" + indent)
			at = len(indent) + n
		default:
			out.WriteString(" ")
			at += 1 + n
		}
		out.WriteString(word)
	}
	return out.String()
}
