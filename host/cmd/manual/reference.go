package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/cli"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// reference are the files of docs/reference in dir with their generated parts made again.
func reference(dir string, pages []cli.Page) (map[string]string, error) {
	parts := map[string]map[string]string{
		"command-line.md": {"usage": usage(pages), "flags": flags(&pages[0]), "commands": commands(pages[1:])},
		"templates.md":    {"modes": modes(), "fields": fields()},
	}
	files := map[string]string{}
	for name, generated := range parts {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if files[name], err = replace(string(text), generated); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return files, nil
}

// replace puts the parts between their markers, <!-- generated: NAME --> and <!-- end -->.
func replace(text string, parts map[string]string) (string, error) {
	for name, part := range parts {
		begin := "<!-- generated: " + name + " -->\n"
		before, rest, found := strings.Cut(text, begin)
		_, after, ended := strings.Cut(rest, "<!-- end -->\n")
		if !found || !ended {
			return "", fmt.Errorf("the marker %q with its <!-- end --> is missing", strings.TrimSpace(begin))
		}
		text = before + begin + "\n" + strings.TrimSpace(part) + "\n\n<!-- end -->\n" + after
	}
	return text, nil
}

func usage(pages []cli.Page) string {
	var b strings.Builder
	b.WriteString("```\n")
	for _, p := range pages[1:] {
		for _, u := range p.Usage {
			b.WriteString("kagurazaka " + u + "\n")
		}
	}
	return b.String() + "```\n"
}

// flags are the flags of the program, a table a group.
func flags(p *cli.Page) string {
	var b strings.Builder
	for _, s := range p.Sections {
		fmt.Fprintf(&b, "### %s\n\n%s\n", s.Title, table(&s))
	}
	return b.String()
}

// more are the pages that say more about a flag.
var more = map[string]string{
	"num_process": "affinity.md#the-number-of-workers", "cpu_affinity": "affinity.md", "batch_by": "collates.md#batches-of-similar-length",
	"retries": "failed-items.md", "max-failures": "failed-items.md", "files-from": "inputs.md#lists-of-paths", "manifest": "inputs.md#manifests",
	"shard": "sharding.md", "item": "debug-a-task.md", "kg-debug": "debug-a-task.md", "resume": "resume.md", "retry-failed": "failed-items.md",
	"listen": "several-machines.md", "nats": "several-machines.md", "plugin-sha256": "trust.md", "locked": "trust.md", "clean-env": "trust.md#the-environment",
	"mtls": "trust.md#sockets-and-mtls",
}

func table(s *cli.Section) string {
	if len(s.Arguments[0].Flags) == 0 {
		rows := [][]string{{"argument", ""}}
		for _, a := range s.Arguments {
			rows = append(rows, []string{code(a.Spellings()), prose(a.Help)})
		}
		return markdown(rows)
	}
	rows := [][]string{{"flag", "default", ""}}
	for _, a := range s.Arguments {
		value := ""
		if a.HasDefault {
			value = code(fmt.Sprint(a.Default))
		}
		a.HasDefault = false
		text := prose(a.Text())
		if page := more[a.Name]; page != "" {
			text += " [More](../how-to/" + page + ")"
		}
		rows = append(rows, []string{code(a.Spellings()), value, text})
	}
	return markdown(rows)
}

// commands are a section for each command.
func commands(pages []cli.Page) string {
	var b strings.Builder
	for _, p := range pages {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", p.Name, prose(cmp.Or(p.Text, p.Summary)))
		command, _, _ := strings.Cut(p.Name, " ")
		if slices.Contains([]string{"debug", "launch", "work"}, command) {
			// They need a terminal or other machines.
			b.WriteString("<!-- tested by TestExamplesParse -->\n")
		}
		b.WriteString("```sh\n")
		for _, e := range p.Examples {
			fmt.Fprintf(&b, "# %s\n%s\n", e.Does, e.Line)
		}
		b.WriteString("```\n\n")
		for _, s := range p.Sections {
			// The flags of all commands and of the workers have their own section.
			if s.Title == "Arguments" || s.Title == "Flags" {
				b.WriteString(table(&s) + "\n")
			}
		}
		if p.More != "" {
			b.WriteString(prose(p.More) + "\n\n")
		}
	}
	return b.String()
}

// modes are the built-in modes of a template, a table a field.
func modes() string {
	rows := [][]string{{"field", "mode", ""}}
	for _, f := range template.TopLevelFields() {
		name := code(f.Name)
		for _, m := range template.SpecsOfRole(f.Name) {
			var names []string
			for _, field := range m.Fields {
				names = append(names, field.Name)
			}
			rows = append(rows, []string{name, code(m.Name + "(" + strings.Join(names, ", ") + ")"), prose(m.Help)})
			name = ""
		}
		if name != "" {
			rows = append(rows, []string{name, "", prose(f.Help)})
		}
	}
	return markdown(rows)
}

// fields are the fields of the modes, a section a mode.
func fields() string {
	var b strings.Builder
	for _, f := range template.TopLevelFields() {
		for _, m := range template.SpecsOfRole(f.Name) {
			rows := [][]string{{"field", "type", "default", ""}}
			for _, field := range m.Fields {
				value := "required"
				if !field.Required {
					value = code(literal(field.Default))
				}
				rows = append(rows, []string{code(field.Name), field.Type, value, prose(field.Help)})
			}
			fmt.Fprintf(&b, "### %s\n\n%s\n\n%s\n", m.Name, prose(m.Help), markdown(rows))
		}
	}
	return b.String()
}

func literal(n *template.Node) string {
	if n.IsNull() {
		return "null"
	}
	return fmt.Sprint(n.Plain())
}

// markdown is a table. The first row has the titles.
func markdown(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for j := range row {
			row[j] = strings.ReplaceAll(row[j], "|", `\|`)
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

func code(text string) string { return "`" + text + "`" }

// prose is text in which Markdown finds nothing of its own. Flags are code.
func prose(text string) string {
	var commands []string
	text = command.ReplaceAllStringFunc(text, func(found string) string {
		commands = append(commands, code(found))
		return "\x00"
	})
	words := strings.Fields(text)
	for i, word := range words {
		if flag := strings.TrimRight(strings.TrimLeft(word, "("), ".,;:)"); len(flag) > 1 && flag[0] == '-' && flag != "--" {
			words[i] = strings.Replace(word, flag, code(flag), 1)
			continue
		}
		words[i] = escape.Replace(word)
	}
	text = strings.Join(words, " ")
	for _, c := range commands {
		text = strings.Replace(text, "\x00", c, 1)
	}
	return text
}

// command is a command line in a sentence.
var command = regexp.MustCompile(`kagurazaka(( (PLUGIN|TASK|COMMAND|RUN|work|show|trust|launch|slurm|k8s|ssh)\b)+( --?[a-z][a-z-]*)*|( --?[a-z][a-z-]*( cuda)?)+)`)

var escape = strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`, "`", "\\`")
