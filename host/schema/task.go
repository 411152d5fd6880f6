// Package schema holds what a task declares of itself, and renders it: help, validation, a configuration skeleton, a
// JSON Schema. One declaration, many renderings.
package schema

import "github.com/kagurazaka/kagurazaka/host/template"

// Plugin is a plugin's answer to Describe.
type Plugin struct {
	Name    string
	Version string
	// SDK is "language/version".
	SDK          string
	Capabilities []string
	Tasks        []Task
}

// Kind is how a task's items are worked on.
type Kind int

const (
	// Normal tasks process items one by one in a worker.
	Normal Kind = iota
	// Device tasks load items, infer batches on a device and postprocess.
	Device
	// Factory tasks are functions that make the task from the mixin: they are described again with it.
	Factory
)

// Task is what one task needs.
type Task struct {
	Name        string
	Kind        Kind
	Summary     string
	Description string
	Arguments   []Argument
	// OpenArguments says that the task takes arguments which Arguments does not name.
	OpenArguments bool
	// Flags are spellings of flags that the task's parser knows in some place and Arguments does not name.
	Flags []string
	// Usage is help of the task's own making.
	Usage string
	// Template is a node of KindMap whose fields are the top-level ones, or nil for a task without a template.
	Template *template.Node
	// Capabilities are those of the contract: "list", "is_executed" and so on; see Has.
	Capabilities []string
}

// Type is the type of an argument's value.
type Type int

// The types an argument can have. Custom ones are the plugin's own and are not checked by the host.
const (
	String Type = iota
	Int
	Float
	Bool
	JSON
	Path
	Duration
	Custom
)

// Argument is one argument of a task.
type Argument struct {
	// Name has no dashes: "size".
	Name string
	// Flags are all spellings with their dashes, longest first; empty for a positional argument.
	Flags []string
	Type  Type
	// TypeName is the type in the words of the plugin's language.
	TypeName string
	// Arity is argparse's nargs: "" one value, "0" a flag, "?", "*", "+" or a number.
	Arity string
	// Default is a JSON-like value; HasDefault tells null from none.
	Default    any
	HasDefault bool
	Choices    []any
	Required   bool
	Help       string
	// Repeatable arguments may be given several times, each adding to the last.
	Repeatable bool
	// Negatable flags accept --no-NAME as well.
	Negatable bool
	// Ends says that giving it ends the program with an answer of the task's own parser.
	Ends bool
}

// Capabilities of a task that say something about its arguments.
const (
	// Checks: the task's own parser can be asked about an argument vector.
	Checks = "check"
	// Abbreviates: that parser takes an unambiguous beginning of a long flag for the flag.
	Abbreviates = "abbreviations"
	// Remainder: what follows the first positional argument is handed on as it is.
	Remainder = "remainder"
)

// Has reports whether the capability is among those of the task.
func (t *Task) Has(capability string) bool {
	for _, c := range t.Capabilities {
		if c == capability {
			return true
		}
	}
	return false
}
