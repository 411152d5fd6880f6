package template

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// The roles of modes are the names of a template's top-level fields.
const (
	RoleHardShard   = "hard_shard_mode"
	RoleSoftShard   = "soft_shard"
	RoleInput       = "input_mode"
	RoleOutput      = "output_mode"
	RoleFinishCheck = "finish_check_mode"
	RoleDataloader  = "dataloader"
)

// The types of a mode's fields, as FieldSpec.Type has them.
const (
	// TypeString is any string.
	TypeString = "string"
	// TypePath is a path of a file or folder: a string. Its user decides whether it may be empty.
	TypePath = "path"
	// TypePaths is a path, or a list of paths and patterns.
	TypePaths = "path or list of path"
	// TypeInt is an integer.
	TypeInt = "int"
	// TypeIntOrString is an integer or a string.
	TypeIntOrString = "int or string"
	// TypeIntOrInts is an integer or a list of integers.
	TypeIntOrInts = "int or list of int"
	// TypeStrings is a list of strings. A string alone is a list of one.
	TypeStrings = "list of string"
	// TypeStringMap is a map with strings for keys and values.
	TypeStringMap = "map of string"
	// TypeStringsMap is a map with strings for keys, and lists of strings for values. A string alone is a list of one.
	TypeStringsMap = "map of list of string"
	// TypeModes is a list of modes of the same role as the mode itself.
	TypeModes = "list of mode"
	// TypeBool is true or false.
	TypeBool = "bool"
	// TypeMode is a mode, or null. A top-level field takes modes of the role with its name, and a mode's field takes
	// modes of the same role as the mode itself.
	TypeMode = "mode"
	// TypeMap is a map of anything.
	TypeMap = "map"
)

// The values of a finish check's redo: items are done again whose input is newer than their output, or as well those whose output was made
// by other code or with other arguments.
const (
	RedoNewer   = "newer"
	RedoChanged = "changed"
)

// ModeSpec describes a built-in mode.
type ModeSpec struct {
	// Name is the mode's name in plugins and configurations: "InputByExts".
	Name string
	// Role is the top-level field that takes it: RoleInput.
	Role string
	// Help is one sentence or a few, without line breaks.
	Help string
	// Fields are in the order of the mode's constructor.
	Fields []FieldSpec
}

// FieldSpec describes a field of a built-in mode, or a top-level field of a template.
type FieldSpec struct {
	Name string
	// Type is one of the Type constants.
	Type string
	// Help is one sentence or a few, without line breaks.
	Help string
	// Required fields must be given. The others have a Default; nil: null.
	Required bool
	Default  *Node
	// Nullable fields may be null.
	Nullable bool
	// Choices are the values that a string may have; nil: any.
	Choices []string
}

// Field returns the spec of the mode's field.
func (m ModeSpec) Field(name string) (FieldSpec, bool) {
	i := slices.IndexFunc(m.Fields, func(f FieldSpec) bool { return f.Name == name })
	if i < 0 {
		return FieldSpec{}, false
	}
	return m.Fields[i], true
}

// Complete gives a built-in mode the optional fields that it lacks: an SDK need not know all of them.
func (n *Node) Complete() {
	spec, ok := SpecOf(n.Mode)
	if n.Kind != KindMode || n.Custom || !ok {
		return
	}
	for _, f := range spec.Fields {
		if !f.Required && n.Get(f.Name) == nil {
			value := *cmp.Or(f.Default, Scalar(nil))
			n.Set(f.Name, &value)
		}
	}
}

// spellings are other names of modes. Plugins and configurations may write them; the host shows and stores the mode's own name.
var spellings = map[string]string{"OutputByAppendingExt": "OutputByApendingExt"}

// ModeName returns the name of a built-in mode, which may be written in another spelling. Other names stay as they are.
func ModeName(written string) string { return cmp.Or(spellings[written], written) }

// SpecOf returns the built-in mode of that name, in any of its spellings.
func SpecOf(name string) (ModeSpec, bool) {
	i := slices.IndexFunc(specs, func(m ModeSpec) bool { return m.Name == ModeName(name) })
	if i < 0 {
		return ModeSpec{}, false
	}
	return specs[i], true
}

// SpecsOfRole returns the built-in modes of a role, in the order in which help shows them.
func SpecsOfRole(role string) []ModeSpec {
	return slices.DeleteFunc(slices.Clone(specs), func(m ModeSpec) bool { return m.Role != role })
}

// Spellings returns the names of modes, and their other spellings.
func Spellings(names ...string) []string {
	for _, written := range slices.Sorted(maps.Keys(spellings)) {
		if slices.Contains(names, spellings[written]) {
			names = append(names, written)
		}
	}
	return names
}

// ModesOfRole returns the names of SpecsOfRole.
func ModesOfRole(role string) []string {
	var names []string
	for _, m := range SpecsOfRole(role) {
		names = append(names, m.Name)
	}
	return names
}

// TopLevelFields returns the fields of a template in their order. Only device tasks have a dataloader.
func TopLevelFields() []FieldSpec { return slices.Clone(topLevel) }

var topLevel = []FieldSpec{
	{Name: RoleHardShard, Type: TypeMode, Required: true,
		Help: "Where inputs are read and outputs are written: which part of the data this run has."},
	{Name: RoleSoftShard, Type: TypeMode, Default: wholeShard(), Nullable: true,
		Help: "Which of the listed items this run takes."},
	{Name: RoleInput, Type: TypeMode, Nullable: true,
		Help: "What the items are. null: the task lists them itself."},
	{Name: RoleOutput, Type: TypeMode, Nullable: true,
		Help: "Where an item's output goes. null: the task decides."},
	{Name: RoleFinishCheck, Type: TypeMode, Nullable: true,
		Help: "When an item counts as finished, so that a run leaves it out. Needs output_mode. null: the task decides."},
	{Name: RoleDataloader, Type: TypeMap, Nullable: true,
		Help: "For device tasks: how items are loaded and made into batches (batch_size, num_workers, batch_by, …)."},
}

// wholeShard is SoftShard(0, 1): everything.
func wholeShard() *Node {
	return &Node{Kind: KindMode, Mode: "SoftShard", Fields: []Field{
		{Name: "shard_idx", Value: Scalar(json.Number("0"))},
		{Name: "shard_num", Value: Scalar(json.Number("1"))},
		{Name: "subshard", Value: Scalar(nil)},
	}}
}

var softShardFields = []FieldSpec{
	{Name: "shard_idx", Type: TypeIntOrInts, Required: true,
		Help: "The shard that this run takes, from 0 to shard_num - 1, or a list of them."},
	{Name: "shard_num", Type: TypeInt, Required: true,
		Help: "How many shards there are in all."},
	{Name: "subshard", Type: TypeMode, Nullable: true,
		Help: "Divides what this shard has once more, in the same way."},
}

// specs are all built-in modes. Those of one role are in the order in which help shows them.
var specs = slices.Concat(coreSpecs, listSpecs, groupSpecs, tarSpecs)

var coreSpecs = []ModeSpec{
	{Name: "NoHardShard", Role: RoleHardShard,
		Help: "One folder of inputs, one of outputs.",
		Fields: []FieldSpec{
			{Name: "input_path", Type: TypePaths, Required: true, Nullable: true,
				Help: "The folder of the inputs, or a list of folders and of patterns such as [disk1, 'disk*/data']. rel_dir is relative to the folder that a file comes from."},
			{Name: "output_path", Type: TypePath, Required: true, Nullable: true, Help: "The folder of the outputs. It is made when it is missing."},
		}},
	{Name: "HardShardModeV1", Role: RoleHardShard,
		Help: "Data that lies divided in folders BASE/IDX/NAME: the run has one of them.",
		Fields: []FieldSpec{
			{Name: "base_input_path", Type: TypePath, Required: true, Nullable: true, Help: "BASE of the inputs: they lie in BASE/shard_idx/input_name."},
			{Name: "base_output_path", Type: TypePath, Required: true, Nullable: true, Help: "BASE of the outputs: they go to BASE/shard_idx/output_name."},
			{Name: "input_name", Type: TypeString, Required: true, Nullable: true, Help: "The folder of the inputs in the shard."},
			{Name: "output_name", Type: TypeString, Required: true, Nullable: true, Help: "The folder of the outputs in the shard."},
			{Name: "shard_idx", Type: TypeIntOrString, Required: true, Help: "The shard's folder: a number, or its name as text when it has leading zeros."},
		}},
	{Name: "SoftShard", Role: RoleSoftShard,
		Help:   "Takes the items whose number in the listing, from 0, modulo shard_num is in shard_idx.",
		Fields: softShardFields},
	{Name: "SoftShardByHash", Role: RoleSoftShard,
		Help: "Takes the items whose hash modulo shard_num is in shard_idx: the shards stay balanced whatever period the listing has, " +
			"and an item stays in its shard when others come and go.",
		Fields: softShardFields},
	{Name: "InputByExts", Role: RoleInput,
		Help: "Every file below the input folder whose name, in lower case, ends with one of the extensions. Linked folders are not entered.",
		Fields: slices.Concat([]FieldSpec{
			{Name: "exts", Type: TypeStrings, Required: true, Nullable: true, Help: "The extensions, in lower case and with their dot. An empty list and null take every file."},
		}, filterFields)},
	{Name: "InputByGlob", Role: RoleInput,
		Help: "What matches a glob pattern below the input folder. Names that begin with a dot match only a pattern that does.",
		Fields: []FieldSpec{
			{Name: "glob_pattern", Type: TypeString, Required: true, Help: "*, ?, [abc], [!abc] within one name; with recursive, ** as a name stands for any number of folders."},
			{Name: "recursive", Type: TypeBool, Default: Scalar(false), Help: "Whether ** stands for any number of folders, none included. Without it ** is the same as *."},
		}},
	{Name: "InputBySubDirectory", Role: RoleInput,
		Help: "The folders at one depth below the input folder are the items.",
		Fields: []FieldSpec{
			{Name: "sub_directory_level", Type: TypeInt, Required: true, Help: "The depth: 1 is the folders of the input folder, 0 the input folder itself."},
		}},
	{Name: "InputFromFileTripletJsonl", Role: RoleInput,
		Help: `The lines of a file, each {"input": {"path": …, "rel_dir": …, "file_name": …}}.`,
		Fields: []FieldSpec{
			{Name: "jsonl_path", Type: TypePath, Required: true, Help: "The JSON Lines file."},
		}},
	{Name: "InputFromWhateverJsonl", Role: RoleInput,
		Help: "The lines of a file, each a JSON object: the item as it is.",
		Fields: []FieldSpec{
			{Name: "jsonl_path", Type: TypePath, Required: true, Help: "The JSON Lines file."},
		}},
	{Name: "OutputByApendingExt", Role: RoleOutput,
		Help: "One file an item: the input's whole name with an extension added, in the same sub-folder of the output folder.",
		Fields: []FieldSpec{
			{Name: "ext", Type: TypeString, Required: true, Help: "What is added to the name: .txt makes a.jpg.txt of a.jpg."},
		}},
	{Name: "OutputByReplacingExt", Role: RoleOutput,
		Help: "One file an item: the input's name with its extension replaced, in the same sub-folder of the output folder.",
		Fields: []FieldSpec{
			{Name: "ext", Type: TypeString, Required: true, Help: "The new extension: .png makes a.png of a.jpg."},
		}},
	{Name: "OutputByFilenameSubfoldering", Role: RoleOutput,
		Help: "One folder an item, named like the input's file, in the same sub-folder of the output folder.",
		Fields: []FieldSpec{
			{Name: "file_to_write", Type: TypeStringMap, Required: true, Help: "The files in it that the task writes, by id: the task gets output_ID for each."},
		}},
	{Name: "FinishCheckByOutputFileExistence", Role: RoleFinishCheck,
		Help: "An item is finished when its output exists.",
		Fields: []FieldSpec{
			{Name: "output_field_suffix", Type: TypeString, Nullable: true,
				Help: "Which file of a folder output has to exist: an id of file_to_write. null: the output itself."},
			{Name: "redo", Type: TypeString, Nullable: true, Choices: []string{RedoNewer, RedoChanged},
				Help: "When an item is done again whose output exists. newer: when one of its inputs was modified after the output. changed: also when the task's code or arguments are not those that made it, by the ledgers of earlier runs. null: never."},
		}},
}
