// Package template is what a template is to the host: modes as data. It describes the built-in modes and compiles a tree of
// values into a Template, which host/plan carries out.
package template

// Template is a compiled template: what the host needs to list inputs, divide them, compute outputs and find out what
// is finished. It is immutable, so several goroutines may use it.
type Template struct {
	// Custom are the top-level fields whose mode is the plugin's own code, in their order.
	Custom []string
	// InputPath is the folder of the inputs; empty without a native hard shard mode.
	InputPath string
	// InputFrom says what gives InputPath, for messages.
	InputFrom string
	// OutputPath is the folder of the outputs; empty: the working folder, or one that only the plugin knows. It may not exist
	// yet. The staging folder goes directly below it.
	OutputPath string
	// OutputKnown tells an empty OutputPath, the working folder, from one that only the plugin knows.
	OutputKnown bool
	// Shard says which items this run takes; nil: all.
	Shard *Shard
	// Input says what is listed; nil: the task lists its items itself.
	Input *Input
	// Output says where outputs go; nil: items get none from the host.
	Output *Output
	// Finish says which outputs show that an item is finished; nil: the host does not look.
	Finish *Finish
}

// Shard is a part of the items. host/plan says which items belong to it.
type Shard struct {
	// ByHash divides by a hash of the item rather than by its number in the listing.
	ByHash bool
	// Num is how many shards there are, and Idx are those that this run takes: sorted, each once.
	Num uint64
	Idx []uint64
	// Sub divides what these shards have once more; nil: it does not.
	Sub *Shard
}

// Count is how many shards there are: 1 for a nil shard. Subshards do not count.
func (s *Shard) Count() int {
	if s == nil {
		return 1
	}
	return int(s.Num)
}

// Whole reports whether the shard takes every item. A nil shard does.
func (s *Shard) Whole() bool {
	for ; s != nil; s = s.Sub {
		if uint64(len(s.Idx)) != s.Num {
			return false
		}
	}
	return true
}

// InputKind says what a template lists.
type InputKind int

// The kinds of inputs.
const (
	// ByExts lists every file below the input folder that has one of Exts.
	ByExts InputKind = iota
	// ByGlob lists what matches the pattern Glob below the input folder.
	ByGlob
	// BySubDirectory lists the folders that lie Level levels below the input folder.
	BySubDirectory
	// TripletLines lists the inputs that the lines of the file JSONL have.
	TripletLines
	// AnyLines lists the lines of the file JSONL, whatever they have.
	AnyLines
)

// Input is an input mode.
type Input struct {
	Kind InputKind
	// Exts are what the lower-cased name of an input must end with; none: all do.
	Exts  []string
	Glob  string
	Level int
	JSONL string
	// From says what gives JSONL, for messages.
	From string
}

// OutputKind says how an output is named after its input.
type OutputKind int

// The kinds of outputs.
const (
	// AppendingExt adds Ext to the input's name.
	AppendingExt OutputKind = iota
	// ReplacingExt replaces the extension of the input's name with Ext.
	ReplacingExt
	// Subfoldering makes a folder with the input's name, for Files.
	Subfoldering
)

// Output is an output mode.
type Output struct {
	Kind  OutputKind
	Ext   string
	Files []OutputFile
}

// OutputFile is a file of a folder output: the field output_ID and its name in the folder.
type OutputFile struct{ ID, Name string }

// Finish is a finish check: it looks for the output itself, or for one file of a folder output.
type Finish struct {
	// File is an index of Output.Files, or WholeOutput.
	File int
}

// WholeOutput stands for the output itself where an index of a file may stand.
const WholeOutput = -1

// Field is the item's field for a file of the output.
func (o *Output) Field(file int) string {
	if file == WholeOutput {
		return "output"
	}
	return "output_" + o.Files[file].ID
}

// Native reports whether the host can run the whole template itself: no mode of it is the plugin's own code.
func (t *Template) Native() bool { return len(t.Custom) == 0 }

// Plugins returns the template as one of modes that are all the plugin's own code.
func (t *Template) Plugins() *Template {
	return &Template{Custom: []string{RoleHardShard, RoleInput, RoleOutput, RoleFinishCheck}, Shard: t.Shard}
}

// InputsFrom is what is listed: the folder of the inputs, or the JSON Lines file that names them; empty: the task lists.
func (t *Template) InputsFrom() string {
	switch {
	case t.Input == nil:
		return ""
	case t.Input.JSONL != "":
		return t.Input.JSONL
	}
	return t.InputPath
}

// Staging says how outputs are to be written aside.
type Staging struct {
	// Folder: output is a folder of files.
	Folder bool
	// Last are the fields whose file is renamed last, because the finish check looks at it.
	Last []string
}

// Staging returns how outputs are written aside and committed; false when the host does not know them (no output mode,
// or one of the plugin's own).
func (t *Template) Staging() (Staging, bool) {
	if t.Output == nil || !t.OutputKnown {
		return Staging{}, false
	}
	s := Staging{Folder: t.Output.Kind == Subfoldering}
	if t.Finish != nil {
		s.Last = []string{t.FinishField()}
	}
	return s, true
}

// CanBeDirect reports whether the host can tell which direct outputs are whole: it knows where they are and how they are checked.
func (t *Template) CanBeDirect() bool {
	return t.Output != nil && t.Finish != nil && t.OutputKnown
}

// FinishField is the item's field that the finish check looks at; empty without one.
func (t *Template) FinishField() string {
	if t.Output == nil || t.Finish == nil {
		return ""
	}
	return t.Output.Field(t.Finish.File)
}
