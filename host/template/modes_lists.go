package template

import (
	"slices"
	"strings"
)

// listSpecs are the modes of lists of paths.
var listSpecs = []ModeSpec{
	{Name: "InputFromList", Role: RoleInput,
		Help: "The paths in a file, one a line, as find or ls write them. rel_dir is that below the input folder, or below the working folder without one.",
		Fields: []FieldSpec{
			{Name: "list_path", Type: TypePath, Required: true, Help: "The file, which may be compressed with gzip or zstd; - is stdin. Paths in it start from the working folder."},
			{Name: "nul", Type: TypeBool, Default: Scalar(false), Help: "Each path ends with a NUL, as find -print0 writes them. It may then have a newline in it."},
		}},
}

// Stdin is the name of a file of lines that stands for stdin. A file of this name is ./-.
const Stdin = "-"

// IsStdin reports whether the inputs come from stdin, which can be read once.
func (m *Input) IsStdin() bool { return m != nil && m.JSONL == Stdin }

// hasLines reports whether the items are lines of a file.
func (m *Input) hasLines() bool {
	return m.Kind == TripletLines || m.Kind == AnyLines || m.Kind == PathLines
}

// EntersFolders reports whether the mode lists folders with all that lies in them.
func (m *Input) EntersFolders() bool {
	switch m.Kind {
	case Merged:
		return slices.ContainsFunc(m.Modes, (*Input).EntersFolders)
	case ByExts:
		return m.Filter == nil || !m.Filter.Flat
	}
	return m.Kind == ByGroup || m.Kind == ByFolder || m.Recursive
}

// OnlyInput reports whether an item of lines is its input and nothing else.
func (m *Input) OnlyInput() bool { return m.Kind == TripletLines || m.Kind == PathLines }

// Lines is what a line of the file should be, for messages.
func (m *Input) Lines() string {
	switch {
	case m.Kind == PathLines && m.NUL:
		return "a list has one path before each NUL"
	case m.Kind == PathLines:
		return "a list has one path a line"
	}
	return "a JSON Lines file has one item a line"
}

// End is the byte that ends a line.
func (m *Input) End() byte {
	if m.NUL {
		return 0
	}
	return '\n'
}

// anyFolders is a name of a pattern that stands for any number of folders.
const anyFolders = "**"

// deep checks a pattern with ** in it.
func (c *compiler) deep(m values, in *Input) {
	path, names := m.path+".glob_pattern", strings.Split(in.Glob, "/")
	first := slices.Index(names, anyFolders)
	switch {
	case first < 0:
		in.Recursive = false
	case !in.Recursive:
		c.warn(path, m.node("glob_pattern"), "has ** in it, which is the same as * here: it stands for one folder", "recursive: true beside it makes it stand for any number of them")
	case names[len(names)-1] == "":
		c.problem(path, m.node("glob_pattern"), "ends with a slash behind a **", "folders match without it, too")
	case slices.Contains(names[first:], ".."), slices.Contains(names[first:], "."):
		c.problem(path, m.node("glob_pattern"), "goes up or stays behind a **, so the same file could be listed twice", "take .. and . out of what follows it")
	}
}

func boolOf(n *Node) bool {
	if n == nil {
		return false
	}
	b, _ := n.Scalar.(bool)
	return b
}
