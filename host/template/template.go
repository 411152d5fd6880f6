// Package template is what a template is to the host: modes as data, compiled; inputs listed and divided, outputs computed, and
// what is finished found.
package template

// Template is a compiled template: what the host needs to list inputs, divide them, compute outputs and find out what
// is finished. It does not change and may be used by several goroutines.
type Template struct {
	custom []string

	inputPath string
	// inputFrom says what gives the path of the inputs, or of their list, for messages.
	inputFrom  string
	outputPath string
	// outputKnown tells an empty outputPath, the working folder, from one that only the plugin knows.
	outputKnown bool

	shard  *shard
	input  *inputMode
	output *outputMode
	finish *finishMode
}

type inputKind int

const (
	inputExts inputKind = iota
	inputGlob
	inputSubDirectory
	inputTriplets
	inputWhatever
)

type inputMode struct {
	kind  inputKind
	exts  []extension
	glob  string
	level int
	jsonl string
	// from says what gives the path of jsonl.
	from string
}

type outputKind int

const (
	outputAppend outputKind = iota
	outputReplace
	outputFolder
)

type outputMode struct {
	kind  outputKind
	ext   string
	files []outputFile
}

// outputFile is a file of a folder output: the field output_ID and its name in the folder.
type outputFile struct{ id, name string }

// finishMode looks for the output itself, or for one file of a folder output.
type finishMode struct{ file int }

const wholeOutput = -1

// Native reports whether the host can run the whole template itself: no mode of it is the plugin's own code.
func (t *Template) Native() bool { return len(t.custom) == 0 }

// Plugins returns the template as one of modes that are all the plugin's own code.
func (t *Template) Plugins() *Template {
	return &Template{custom: []string{RoleHardShard, RoleInput, RoleOutput, RoleFinishCheck}, shard: t.shard}
}

// CustomModes are the top-level fields whose mode is the plugin's own code, in their order.
func (t *Template) CustomModes() []string { return t.custom }

// HasInput reports whether the template lists items. Otherwise the task does it, and a Filter applies the rest.
func (t *Template) HasInput() bool { return t.input != nil }

// HasOutput reports whether items get an output.
func (t *Template) HasOutput() bool { return t.output != nil }

// HasFinishCheck reports whether finished items are found by the host.
func (t *Template) HasFinishCheck() bool { return t.finish != nil }

// InputPath is the folder of the inputs as the template has it; empty without a native hard shard mode.
func (t *Template) InputPath() string { return t.inputPath }

// InputsFrom is what is listed: the folder of the inputs, or the JSON Lines file that names them; empty: the task lists.
func (t *Template) InputsFrom() string {
	switch {
	case t.input == nil:
		return ""
	case t.input.jsonl != "":
		return t.input.jsonl
	}
	return t.inputPath
}

// OutputRoot is the folder of the outputs as the template has it; empty: the working folder, or one that only the plugin knows. It
// may not exist yet. The staging folder goes directly below it.
func (t *Template) OutputRoot() string { return t.outputPath }

// ShardCount is in how many parts soft_shard divides the items: 1 without one. Subshards do not count.
func (t *Template) ShardCount() int {
	if t.shard == nil {
		return 1
	}
	return int(t.shard.num)
}

// WholeShard reports whether this run takes every item.
func (t *Template) WholeShard() bool { return t.shard.whole() }

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
	if t.output == nil || !t.outputKnown {
		return Staging{}, false
	}
	s := Staging{Folder: t.output.kind == outputFolder}
	if t.finish != nil {
		s.Last = []string{t.output.field(t.finish.file)}
	}
	return s, true
}

// field is the item's field for a file of the output.
func (o *outputMode) field(file int) string {
	if file == wholeOutput {
		return "output"
	}
	return "output_" + o.files[file].id
}
