package sdk

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Template declares what the host does for a task: where inputs lie and outputs go, which part of them a run takes,
// what the items are and which are finished. The host does all that itself; Process sees only items still to do, with
// Item.Input and Item.Output filled.
//
// Any value of it may be Placeholder: the user then fills it with --mixin, --mixin-cfg or the mixin section of --cfg.
type Template struct {
	// HardShard says where inputs are read and outputs written. Required.
	HardShard Mode
	// SoftShard says which of the listed items a run takes. nil: all of them, SoftShard(0, 1).
	SoftShard Mode
	// Input says what the items are. nil: the task lists them itself (see Lister).
	Input Mode
	// Output says where an item's output goes. nil: the task decides.
	Output Mode
	// FinishCheck says when an item counts as finished and is left out. nil: the task decides (see Checker). It needs
	// Output.
	FinishCheck Mode
	// BatchSize is how many items of a device task make a batch, unless the user says otherwise with --batch_size. nil:
	// as the host likes. Other tasks have none.
	BatchSize any
}

// Mode is one of the built-in modes, made by the functions of this package, or Placeholder.
type Mode interface {
	node() (*pb.Node, error)
}

type placeholder struct{}

func (placeholder) node() (*pb.Node, error) {
	return &pb.Node{Kind: &pb.Node_Placeholder{Placeholder: &pb.Placeholder{}}}, nil
}

// Placeholder stands for a value that the user must give. It is accepted for a whole mode, for any argument of a
// mode, and within lists and maps of them.
var Placeholder Mode = placeholder{}

type builtin struct {
	name   string
	fields []modeField
}

type modeField struct {
	name  string
	value any
}

func (m *builtin) node() (*pb.Node, error) {
	mode := &pb.Mode{Name: m.name}
	for _, f := range m.fields {
		n, err := valueNode(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.name, m.name, err)
		}
		mode.Fields = append(mode.Fields, &pb.Field{Name: f.name, Value: n})
	}
	return &pb.Node{Kind: &pb.Node_Mode{Mode: mode}}, nil
}

// NoHardShard reads inputs below one folder and writes outputs below another.
func NoHardShard(inputPath, outputPath any) Mode {
	return &builtin{"NoHardShard", []modeField{{"input_path", inputPath}, {"output_path", outputPath}}}
}

// HardShardModeV1 has one of many folders: inputs in BASE/shardIdx/inputName, outputs in BASE/shardIdx/outputName.
func HardShardModeV1(baseInputPath, baseOutputPath, inputName, outputName, shardIdx any) Mode {
	return &builtin{"HardShardModeV1", []modeField{
		{"base_input_path", baseInputPath}, {"base_output_path", baseOutputPath},
		{"input_name", inputName}, {"output_name", outputName}, {"shard_idx", shardIdx},
	}}
}

// SoftShard takes the items whose number in the listing modulo shardNum is shardIdx (a number or a list of numbers).
// A subshard divides what this shard has once more.
func SoftShard(shardIdx, shardNum any, subshard ...Mode) Mode {
	return softShard("SoftShard", shardIdx, shardNum, subshard)
}

// SoftShardByHash is SoftShard by a hash of the item instead of its number: balanced whatever period the listing has.
func SoftShardByHash(shardIdx, shardNum any, subshard ...Mode) Mode {
	return softShard("SoftShardByHash", shardIdx, shardNum, subshard)
}

func softShard(name string, idx, num any, subshard []Mode) Mode {
	m := &builtin{name, []modeField{{"shard_idx", idx}, {"shard_num", num}, {"subshard", nil}}}
	switch len(subshard) {
	case 0:
	case 1:
		m.fields[2].value = subshard[0]
	default:
		m.fields[2].value = tooMany{name + " takes one subshard; nest a further one in it"}
	}
	return m
}

// InputByExts takes every file below the input folder whose lower-cased name ends with one of exts (".jpg"); all files
// when there are none. InputByExts(Placeholder) leaves the whole list to the user; one argument may be a list itself.
func InputByExts(exts ...any) Mode {
	var value any = exts
	switch {
	case exts == nil:
		value = []any{}
	case len(exts) == 1 && exts[0] == any(Placeholder):
		value = Placeholder
	case len(exts) == 1 && reflect.ValueOf(exts[0]).Kind() == reflect.Slice:
		value = exts[0]
	}
	return &builtin{"InputByExts", []modeField{{"exts", value}}}
}

// InputByGlob takes what matches a pattern relative to the input folder.
func InputByGlob(pattern any) Mode {
	return &builtin{"InputByGlob", []modeField{{"glob_pattern", pattern}}}
}

// InputBySubDirectory takes the folders at a depth below the input folder; 0 is the input folder itself.
func InputBySubDirectory(level any) Mode {
	return &builtin{"InputBySubDirectory", []modeField{{"sub_directory_level", level}}}
}

// InputFromFileTripletJsonl reads items from a file with a line {"input": {"path", "rel_dir", "file_name"}} for each.
func InputFromFileTripletJsonl(path any) Mode {
	return &builtin{"InputFromFileTripletJsonl", []modeField{{"jsonl_path", path}}}
}

// InputFromWhateverJsonl reads items from a file of JSON objects, one a line.
func InputFromWhateverJsonl(path any) Mode {
	return &builtin{"InputFromWhateverJsonl", []modeField{{"jsonl_path", path}}}
}

// OutputByApendingExt writes one file an item: the input's name with ext added.
func OutputByApendingExt(ext any) Mode {
	return &builtin{"OutputByApendingExt", []modeField{{"ext", ext}}}
}

// OutputByReplacingExt writes one file an item: the input's name with its extension replaced by ext.
func OutputByReplacingExt(ext any) Mode {
	return &builtin{"OutputByReplacingExt", []modeField{{"ext", ext}}}
}

// OutputByFilenameSubfoldering writes one folder an item, named like the input file. fileToWrite is a map from id to
// file name (map[string]string, map[string]any with placeholders in it) or Placeholder; Item.OutputOf(id) is that file.
func OutputByFilenameSubfoldering(fileToWrite any) Mode {
	return &builtin{"OutputByFilenameSubfoldering", []modeField{{"file_to_write", fileToWrite}}}
}

// FinishCheckByOutputFileExistence takes an item for finished when its output exists, or, with a suffix, when the file
// of that id exists.
func FinishCheckByOutputFileExistence(suffix ...any) Mode {
	m := &builtin{"FinishCheckByOutputFileExistence", []modeField{{"output_field_suffix", nil}}}
	switch len(suffix) {
	case 0:
	case 1:
		m.fields[0].value = suffix[0]
	default:
		m.fields[0].value = tooMany{"FinishCheckByOutputFileExistence takes one suffix"}
	}
	return m
}

// tooMany carries a mistake in a call to where it can be reported.
type tooMany struct{ message string }

func (t tooMany) Error() string { return t.message }

// valueNode turns an argument of a mode into what travels: placeholders may stand anywhere in lists and maps.
func valueNode(v any) (*pb.Node, error) {
	switch v := v.(type) {
	case nil:
		return jsonNode(nil)
	case tooMany:
		return nil, v
	case Mode:
		if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
			return jsonNode(nil)
		}
		return v.node()
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Slice, reflect.Array:
		list := &pb.NodeList{}
		for i := range r.Len() {
			n, err := valueNode(r.Index(i).Interface())
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			list.Nodes = append(list.Nodes, n)
		}
		return &pb.Node{Kind: &pb.Node_List{List: list}}, nil
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			return nil, fmt.Errorf("a map in a template has strings for keys, not %s", r.Type().Key())
		}
		return mapNode(r)
	default:
		return jsonNode(v)
	}
}

func mapNode(r reflect.Value) (*pb.Node, error) {
	keys := r.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		default:
			return 0
		}
	})
	m := &pb.NodeMap{}
	for _, k := range keys {
		n, err := valueNode(r.MapIndex(k).Interface())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.String(), err)
		}
		m.Fields = append(m.Fields, &pb.Field{Name: k.String(), Value: n})
	}
	return &pb.Node{Kind: &pb.Node_Map{Map: m}}, nil
}

func jsonNode(v any) (*pb.Node, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("a value of a template: %w", err)
	}
	return &pb.Node{Kind: &pb.Node_Json{Json: string(text)}}, nil
}

// message returns what Describe sends, every top-level field named.
func (t *Template) message() (*pb.Template, error) {
	if t == nil {
		return nil, nil
	}
	if t.HardShard == nil {
		return nil, fmt.Errorf("the template has no HardShard: use NoHardShard(Placeholder, Placeholder) where the user gives both folders")
	}
	if t.FinishCheck != nil && t.Output == nil {
		return nil, fmt.Errorf("the template has a FinishCheck but no Output that it could look for")
	}
	soft := t.SoftShard
	if soft == nil {
		soft = SoftShard(0, 1)
	}
	out := &pb.Template{}
	for _, f := range []struct {
		name string
		mode Mode
	}{
		{"hard_shard_mode", t.HardShard}, {"soft_shard", soft}, {"input_mode", t.Input},
		{"output_mode", t.Output}, {"finish_check_mode", t.FinishCheck},
	} {
		n, err := valueNode(f.mode)
		if err != nil {
			return nil, fmt.Errorf("template: %s: %w", f.name, err)
		}
		out.Fields = append(out.Fields, &pb.Field{Name: f.name, Value: n})
	}
	if t.BatchSize != nil {
		n, err := valueNode(map[string]any{"batch_size": t.BatchSize})
		if err != nil {
			return nil, fmt.Errorf("template: BatchSize: %w", err)
		}
		out.Fields = append(out.Fields, &pb.Field{Name: "dataloader", Value: n})
	}
	return out, nil
}
