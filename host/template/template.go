// Package template describes the built-in modes and compiles a template, a tree of values, into data: a Template. host/plan lists by it.
package template

import (
	"strings"
)

// Template is a compiled template: what the host needs to list inputs, divide them, compute outputs and find those that are
// finished. It is immutable, so several goroutines may use it.
type Template struct {
	// Custom are the top-level fields whose mode is the plugin's own code, in their order.
	Custom []string
	// InputPath is the folder of the inputs; empty without a native hard shard mode.
	InputPath string
	// InputPaths are several such folders, or patterns of them, as a list gives them; InputPath is the first. nil: there is only that.
	InputPaths []string
	// InputFrom is the source of InputPath, for messages.
	InputFrom string
	// OutputPath is the folder of the outputs; empty: the working folder, or one that only the plugin knows. It may not exist
	// yet. The staging folder goes directly below it.
	OutputPath string
	// OutputKnown: an empty OutputPath is the working folder.
	OutputKnown bool
	// Shard is the part of the items that this run takes; nil: all.
	Shard *Shard
	// Input is what the host lists; nil: the task lists its items itself.
	Input *Input
	// Output is where outputs go; nil: the host gives items no outputs.
	Output *Output
	// Finish is which outputs show that an item is finished; nil: the host does not check.
	Finish *Finish
}

// Shard is a part of the items. host/plan decides which items belong to it.
type Shard struct {
	// ByHash divides by a hash of the item. Otherwise its number in the listing counts.
	ByHash bool
	// Num is the number of shards, and Idx are those that this run takes: sorted, without duplicates.
	Num uint64
	Idx []uint64
	// Sub divides these shards again; may be nil.
	Sub *Shard
}

// Count is the number of shards: 1 for a nil shard. Subshards do not count.
func (s *Shard) Count() int {
	if s == nil {
		return 1
	}
	return int(s.Num)
}

// Whole reports whether the shard takes every item. A nil shard does.
func (s *Shard) Whole() bool {
	return s == nil || uint64(len(s.Idx)) == s.Num && s.Sub.Whole()
}

// InputKind is the kind of an Input.
type InputKind int

const (
	// ByExts lists every file below the input folder that has one of Exts.
	ByExts InputKind = iota
	// ByGlob lists what matches the pattern Glob below the input folder.
	ByGlob
	// BySubDirectory lists the folders that lie Level levels below the input folder.
	BySubDirectory
	// TripletLines lists the inputs in the lines of the file JSONL.
	TripletLines
	// AnyLines lists the lines of the file JSONL as they are.
	AnyLines
	// ByGroup lists the files below the input folder that share a stem: one item for the files of a stem, which are its Members.
	ByGroup
	// ByFolder lists the folders below the input folder that have files with the names of Members.
	ByFolder
	// Merged lists the items of Modes, one mode after another.
	Merged
	// PathLines lists the paths in the lines of the file JSONL.
	PathLines
	// ByTar lists the samples of the tar archives that match the pattern Glob below the input folder: one item for the members of a
	// sample, which are its Members.
	ByTar
)

// Input is an input mode.
type Input struct {
	Kind InputKind
	// Exts are the possible ends of an input's name in lower case; none: all names are inputs.
	Exts []string
	Glob string
	// Recursive: ** in Glob stands for any number of folders.
	Recursive bool
	// Filter leaves out some of the files of ByExts; nil: none.
	Filter *Filter
	Level  int
	// JSONL is a file of lines; Stdin: stdin. NUL: a NUL ends each of them, and not a newline.
	JSONL string
	NUL   bool
	// From is the source of JSONL, for messages.
	From string
	// Members are the files of an item, in their order, for ByGroup, ByFolder and ByTar. An item of any other mode is one file or line.
	Members []Member
	// Bytes: the task gets the members of ByTar as bytes. Otherwise they are files.
	Bytes bool
	// First is the index of the member of ByGroup and ByTar that is the item's input as well, and names its output. It is a required one, so
	// that the output's name does not depend on the others.
	First int
	// Modes are those of Merged. None of them is Merged itself.
	Modes []*Input
}

// Member is one of the files of an item: the field input_ID.
type Member struct {
	ID string
	// Exts are the possible ends of the file's name in lower case, the preferred one first. What is before it is the stem. Those of ByTar
	// are what follows the first dot of the name.
	Exts []string
	// Name is the file's name in the folder that is the item.
	Name string
	// Required: without this file, there is no item.
	Required bool
}

// Field is the item's field for the file.
func (m Member) Field() string { return "input_" + m.ID }

// OutputKind is the way an output is named after its input.
type OutputKind int

const (
	// AppendingExt adds Ext to the input's name.
	AppendingExt OutputKind = iota
	// ReplacingExt replaces the extension of the input's name with Ext.
	ReplacingExt
	// Subfoldering makes a folder with the input's name, for Files.
	Subfoldering
	// InTar makes a sample of a tar archive, with the members of Files, or with one that has the input's extension.
	InTar
)

// Output is an output mode.
type Output struct {
	Kind  OutputKind
	Ext   string
	Files []OutputFile
	// Size is the number of bytes, and Count the number of samples, from which an archive of InTar is closed; 0: no limit.
	Size  int64
	Count int
}

// OutputFile is a file of a folder output: the field output_ID and its name in the folder. For InTar it is a member of a sample, and Name
// its extension.
type OutputFile struct{ ID, Name string }

// Finish is a finish check: it looks for the output itself, or for one file of a folder output.
type Finish struct {
	// File is an index of Output.Files, or WholeOutput.
	File int
	// Newer: an item is done again when one of its inputs was modified after its output.
	Newer bool
	// Changed: an item is done again as well when something else made its output than would make it now.
	Changed bool
}

// WholeOutput stands for the output itself, instead of an index of a file.
const WholeOutput = -1

// Field is the item's field for a file of the output.
func (o *Output) Field(file int) string {
	if file == WholeOutput {
		return "output"
	}
	return "output_" + o.Files[file].ID
}

// Native reports whether the host can run the whole template: none of its modes is the plugin's own code.
func (t *Template) Native() bool { return len(t.Custom) == 0 }

// Plugins returns the template as if all its modes were the plugin's own code.
func (t *Template) Plugins() *Template {
	return &Template{Custom: []string{RoleHardShard, RoleInput, RoleOutput, RoleFinishCheck}, Shard: t.Shard}
}

// InputsFrom is the folder of the inputs, or the JSON Lines file that names them; empty: the task lists its items.
func (t *Template) InputsFrom() string {
	switch {
	case t.Input == nil:
		return ""
	case t.Input.IsStdin():
		return "stdin"
	case t.Input.JSONL != "":
		return t.Input.JSONL
	case t.Input.Kind == Merged && !t.Input.NeedsFolder() && len(t.Input.Modes) > 0:
		return t.Input.Modes[0].JSONL
	}
	if t.InputPaths != nil {
		return strings.Join(t.InputPaths, ", ")
	}
	return t.InputPath
}

// Staging is how outputs are staged.
type Staging struct {
	// Folder: an output is a folder of files.
	Folder bool
	// Last are the fields whose file is renamed last, because the finish check looks at it.
	Last []string
}

// Staging returns how outputs are staged; false: the host does not know them (no output mode, or one of the plugin's own).
func (t *Template) Staging() (Staging, bool) {
	if t.Output == nil || !t.OutputKnown {
		return Staging{}, false
	}
	s := Staging{Folder: t.Output.Kind == Subfoldering}
	switch {
	case t.Output.Kind == InTar:
		// A sample is whole once its first member is there.
		s.Last = []string{t.Output.Field(WholeOutput)}
	case t.Finish != nil:
		s.Last = []string{t.FinishField()}
	}
	return s, true
}

// CanBeDirect reports whether the host can tell which direct outputs are whole: it knows their folder and their finish check. What goes
// into an archive is staged.
func (t *Template) CanBeDirect() bool {
	return t.Output != nil && t.Finish != nil && t.OutputKnown && t.Output.Kind != InTar
}

// Packs reports whether the outputs go into tar archives.
func (t *Template) Packs() bool { return t != nil && t.Output != nil && t.Output.Kind == InTar }

// FinishField is the item's field that the finish check looks at; empty: no check.
func (t *Template) FinishField() string {
	if t.Output == nil || t.Finish == nil {
		return ""
	}
	return t.Output.Field(t.Finish.File)
}
