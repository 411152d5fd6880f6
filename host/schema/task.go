// Package schema holds a task's declaration, and renders it: help, validation, a configuration skeleton, a JSON Schema.
package schema

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// Plugin is a plugin's answer to Describe.
type Plugin struct {
	Name    string
	Version string
	// SDK is "language/version".
	SDK          string
	Capabilities []string
	Tasks        []Task
}

// Kind is the way a task processes its items.
type Kind int

const (
	// Normal tasks process items one by one in a worker.
	Normal Kind = iota
	// Device tasks load items, infer batches on a device and postprocess.
	Device
	// Factory tasks are functions that make the task from the mixin: the plugin describes them again with it.
	Factory
)

// String is the kind in one word.
func (k Kind) String() string { return [...]string{"normal", "device", "factory"}[k] }

// Task is the declaration of one task.
type Task struct {
	Name        string
	Kind        Kind
	Summary     string
	Description string
	Arguments   []Argument
	// OpenArguments allows arguments that Arguments does not name.
	OpenArguments bool
	// Flags are spellings of flags that the task's parser knows and Arguments does not name, such as those of sub-commands.
	Flags []string
	// Usage is the task's own help text.
	Usage string
	// Template is a node of KindMap whose fields are the top-level ones, or nil for a task without a template.
	Template *template.Node
	// Capabilities are capabilities of the contract, such as "list" and "is_executed".
	Capabilities []string
	// Mistakes are in the task's code, and make it fail.
	Mistakes []Mistake
}

// Mistake is a mistake in a task's code that was found without running it.
type Mistake struct {
	// Where is file and line; Hint is what to write.
	Where, Message, Hint string
	// Fields are the top-level ones of the template that it depends on: it counts while their modes are the task's own.
	Fields []string
}

// Counts reports whether the mistake counts under a template that the user may have changed.
func (m *Mistake) Counts(described, tree *template.Node) bool {
	return described == nil || tree == nil || !slices.ContainsFunc(m.Fields, func(name string) bool {
		before, now := described.Get(name), tree.Get(name)
		return before.IsNull() != now.IsNull() || before != nil && now != nil && (before.Kind != now.Kind || before.Mode != now.Mode)
	})
}

// Type is the type of an argument's value, in one word.
type Type string

// The types of arguments. Custom types are the plugin's own: the host does not check them.
const (
	String   Type = "string"
	Int      Type = "int"
	Float    Type = "float"
	Bool     Type = "bool"
	JSON     Type = "json"
	Path     Type = "path"
	Duration Type = "duration"
	Custom   Type = "custom"
)

// Argument is one argument of a task. Its JSON is that of a description, for users and in the cache.
type Argument struct {
	// Name has no dashes: "size".
	Name string `json:"name"`
	// Flags are all spellings with their dashes, longest first; empty for a positional argument.
	Flags []string `json:"flags"`
	Type  Type     `json:"type"`
	// TypeName is the name of the type in the plugin's language.
	TypeName string `json:"type_name,omitempty"`
	// Arity is argparse's nargs: "" one value, "0" a flag, "?", "*", "+" or a number.
	Arity string `json:"arity"`
	// Default is a JSON-like value. HasDefault distinguishes null from no default.
	Default    any    `json:"default,omitempty"`
	HasDefault bool   `json:"has_default"`
	Choices    []any  `json:"choices,omitempty"`
	Required   bool   `json:"required"`
	Help       string `json:"help"`
	// Repeatable arguments may be given several times, each adding to the last.
	Repeatable bool `json:"repeatable,omitempty"`
	// Negatable flags accept --no-NAME as well.
	Negatable bool `json:"negatable,omitempty"`
	// Ends marks an argument that ends the program with an answer of the task's parser, such as --help.
	Ends bool `json:"ends,omitempty"`
	// Placeholder stands for the value in help; empty: the type does. One that begins with [= follows the flag without a space.
	Placeholder string `json:"-"`
	// Variable is the environment variable that gives the value where the command line does not; empty: none.
	Variable string `json:"-"`
}

// Capabilities of a task that are about its arguments.
const (
	// Checks: the task's parser can check an argument vector.
	Checks = "check"
	// Abbreviates: the task's parser takes an unambiguous beginning of a long flag for the flag.
	Abbreviates = "abbreviations"
	// Remainder: the task gets everything after the first positional argument as it is.
	Remainder = "remainder"
	// IgnoresArguments: the task takes any arguments and looks at none.
	IgnoresArguments = "ignores_arguments"
)

// TakesWords reports whether words without a flag are the task's, or may be: the host cannot know it of a parser that it does not know.
func (t *Task) TakesWords() bool {
	return t.OpenArguments && !t.Has(IgnoresArguments) || t.Has(Remainder) ||
		slices.ContainsFunc(t.Arguments, func(a Argument) bool { return len(a.Flags) == 0 })
}

// The fields of two plain folders, and their mode.
const (
	PlainFolders = "NoHardShard"
	InputFolder  = template.RoleHardShard + ".input_path"
	OutputFolder = template.RoleHardShard + ".output_path"
)

// TakesFolders reports whether two words of the command line, IN and OUT, fill a template of the task: both folders are open, and words
// are not the task's.
func (t *Task) TakesFolders(tree *template.Node) bool {
	hard := tree.Get(template.RoleHardShard)
	if t.TakesWords() || hard.IsNull() || hard.Custom || hard.ModeName() != PlainFolders {
		return false
	}
	open := func(name string) bool {
		n := hard.Get(name)
		return n != nil && n.Kind == template.KindPlaceholder
	}
	return open("input_path") && open("output_path")
}

// Has reports whether the task has a capability.
func (t *Task) Has(capability string) bool { return slices.Contains(t.Capabilities, capability) }
