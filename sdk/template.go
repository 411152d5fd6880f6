package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Template declares the items of a task: their inputs and outputs, the part that a run takes, and which are finished.
// The host lists the items, and Process sees only unfinished ones, with Item.Input and Item.Output set.
//
// Any value in it may be Placeholder: the user then sets it with --mixin, --mixin-cfg or the mixin section of --cfg.
type Template struct {
	// HardShard is the input folder and the output folder. Required.
	HardShard Mode
	// SoftShard is the part of the items that a run takes. nil: all items, SoftShard(0, 1).
	SoftShard Mode
	// Input selects the items. nil: the task lists them (see Lister).
	Input Mode
	// Output is the path of an item's output. nil: the task decides.
	Output Mode
	// FinishCheck tells which items are finished. It needs Output. nil: the task decides (see Checker).
	FinishCheck Mode
	// BatchSize is the number of items in a batch of a device task. --batch_size overrides it. nil: the host decides.
	BatchSize any
	// BatchBy makes the batches of a device task of items of similar length: "size" is the size of the input's file, any other string a
	// field of the items. --batch_by overrides it. nil: batches are of consecutive items.
	BatchBy any
}

// Mode is one of the built-in modes, made by the functions of this package, or Placeholder.
type Mode interface {
	node() (*pb.Node, error)
}

type placeholder struct{}

func (placeholder) node() (*pb.Node, error) {
	return &pb.Node{Kind: &pb.Node_Placeholder{Placeholder: &pb.Placeholder{}}}, nil
}

// Placeholder is a value that the user must set. It may stand for a mode, for an argument of a mode, and for a value in a
// list or map of such an argument.
var Placeholder Mode = placeholder{}

type builtin struct {
	name   string
	fields []modeField
	err    error // of the call that made it
}

type modeField struct {
	name  string
	value any
}

func builtinMode(name string, fields ...modeField) *builtin {
	return &builtin{name: name, fields: fields}
}

func (m *builtin) node() (*pb.Node, error) {
	if m.err != nil {
		return nil, m.err
	}
	fields, err := fieldNodes(m.fields, " of "+m.name)
	return &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: m.name, Fields: fields}}}, err
}

// fieldNodes turns fields into messages. of says in errors where they are.
func fieldNodes(fields []modeField, of string) ([]*pb.Field, error) {
	var nodes []*pb.Field
	for _, f := range fields {
		n, err := valueNode(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", f.name, of, err)
		}
		nodes = append(nodes, &pb.Field{Name: f.name, Value: n})
	}
	return nodes, nil
}

// NoHardShard reads inputs below one folder, or a list of folders and of patterns of them, and writes outputs below another. In a list,
// rel_dir is relative to the folder that an input comes from.
func NoHardShard(inputPath, outputPath any) Mode {
	return builtinMode("NoHardShard", modeField{"input_path", inputPath}, modeField{"output_path", outputPath})
}

// HardShardModeV1 reads inputs in baseInputPath/shardIdx/inputName and writes outputs in
// baseOutputPath/shardIdx/outputName.
func HardShardModeV1(baseInputPath, baseOutputPath, inputName, outputName, shardIdx any) Mode {
	return builtinMode("HardShardModeV1",
		modeField{"base_input_path", baseInputPath}, modeField{"base_output_path", baseOutputPath},
		modeField{"input_name", inputName}, modeField{"output_name", outputName}, modeField{"shard_idx", shardIdx})
}

// SoftShard takes the items whose number in the listing modulo shardNum is shardIdx (a number or a list of numbers).
// A subshard divides this shard again.
func SoftShard(shardIdx, shardNum any, subshard ...Mode) Mode {
	return softShard("SoftShard", shardIdx, shardNum, subshard)
}

// SoftShardByHash is SoftShard by a hash of the item instead of its number. Its shards are balanced even if the listing
// repeats with a period.
func SoftShardByHash(shardIdx, shardNum any, subshard ...Mode) Mode {
	return softShard("SoftShardByHash", shardIdx, shardNum, subshard)
}

func softShard(name string, idx, num any, subshard []Mode) Mode {
	m := builtinMode(name, modeField{"shard_idx", idx}, modeField{"shard_num", num}, modeField{name: "subshard"})
	if len(subshard) > 1 {
		m.err = errors.New(name + " takes one subshard; nest a further one in it")
	} else if len(subshard) == 1 {
		m.fields[2].value = subshard[0]
	}
	return m
}

// InputByExts takes every file below the input folder whose lower-cased name ends with one of exts (".jpg"), or every
// file without exts. With InputByExts(Placeholder) the user sets the whole list. A single argument may be a list.
//
// With sets the fields recursive (true), ignore (patterns of names and paths), min_size, max_size (bytes, or "10K") and newer_than (a time
// or an age).
func InputByExts(exts ...any) Mode {
	var value any = exts
	if exts == nil {
		value = []any{}
	}
	return builtinMode("InputByExts", modeField{"exts", several(value, exts)})
}

// several returns the value of a field that takes a list: a single argument may be Placeholder or the whole list.
func several(value any, given []any) any {
	switch {
	case len(given) == 1 && given[0] == any(Placeholder):
		return Placeholder
	case len(given) == 1 && reflect.ValueOf(given[0]).Kind() == reflect.Slice:
		return given[0]
	}
	return value
}

// InputByGlob takes the paths that match a pattern, relative to the input folder. With Fields{"recursive": true}, ** stands for any number
// of folders.
func InputByGlob(pattern any) Mode {
	return builtinMode("InputByGlob", modeField{"glob_pattern", pattern})
}

// InputBySubDirectory takes the folders at a depth below the input folder; 0 is the input folder itself.
func InputBySubDirectory(level any) Mode {
	return builtinMode("InputBySubDirectory", modeField{"sub_directory_level", level})
}

// InputFromFileTripletJsonl reads items from a file with a line {"input": {"path", "rel_dir", "file_name"}} for each.
func InputFromFileTripletJsonl(path any) Mode {
	return builtinMode("InputFromFileTripletJsonl", modeField{"jsonl_path", path})
}

// InputFromWhateverJsonl reads items from a file of JSON objects, one a line.
func InputFromWhateverJsonl(path any) Mode {
	return builtinMode("InputFromWhateverJsonl", modeField{"jsonl_path", path})
}

// GroupFile is one of the files of an item of InputByGroup. Exts is its extension, a list of them, or Placeholder.
type GroupFile struct {
	ID   string
	Exts any
}

// InputByGroup makes one item of the files in a folder that share a stem. files is Placeholder, a []GroupFile, or a map from id
// to extensions, whose ids are taken in their alphabetical order. A group without a file of required is no item; without required, all
// ids are. A single argument may be a list. Item.InputOf(id) is each file, and Item.Input the file of the first required id.
func InputByGroup(files any, required ...any) Mode {
	return builtinMode("InputByGroup", modeField{"files", files}, requiredField(required))
}

// InputByFilenameSubfoldering takes the folders that have certain files, as OutputByFilenameSubfoldering writes them. fileToRead is
// Placeholder, or a map from id to file name. A folder without a file of required is no item; without required, all ids are. A single
// argument may be a list. Item.Input is the folder, and Item.InputOf(id) each file.
func InputByFilenameSubfoldering(fileToRead any, required ...any) Mode {
	return builtinMode("InputByFilenameSubfoldering", modeField{"file_to_read", fileToRead}, requiredField(required))
}

func requiredField(required []any) modeField {
	if required == nil {
		return modeField{name: "required"}
	}
	return modeField{"required", several(required, required)}
}

// InputByMerge takes the items of several input modes, one mode after another. With InputByMerge(Placeholder) the user sets the whole list.
func InputByMerge(modes ...Mode) Mode {
	var value any = modes
	if len(modes) == 1 && modes[0] == Placeholder {
		value = Placeholder
	}
	return builtinMode("InputByMerge", modeField{"modes", value})
}

// OutputByAppendingExt writes one file per item: the input's name with ext added.
func OutputByAppendingExt(ext any) Mode {
	return builtinMode("OutputByApendingExt", modeField{"ext", ext})
}

// OutputByApendingExt is OutputByAppendingExt in the spelling of kagurazaka 0.1.1.
func OutputByApendingExt(ext any) Mode { return OutputByAppendingExt(ext) }

// OutputByReplacingExt writes one file per item: the input's name with its extension replaced by ext.
func OutputByReplacingExt(ext any) Mode {
	return builtinMode("OutputByReplacingExt", modeField{"ext", ext})
}

// OutputByFilenameSubfoldering writes one folder per item, named like the input file. fileToWrite is Placeholder, or a map
// from id to file name, which may have placeholders as values. Item.OutputOf(id) is that file.
func OutputByFilenameSubfoldering(fileToWrite any) Mode {
	return builtinMode("OutputByFilenameSubfoldering", modeField{"file_to_write", fileToWrite})
}

// OutputByTar writes one sample per item into tar archives in the output folder, as InputByTar reads them. keys is Placeholder, a map from
// id to the extension of a member, whose ids are taken in their alphabetical order, or a []GroupFile. Item.OutputOf(id) is each member, and
// Item.Output the first. With nil a sample has one member, with the input's extension. With sets the fields size ("1GiB") and count (10000),
// from which on an archive is closed; nil sets no limit. It needs a FinishCheck.
func OutputByTar(keys any) Mode {
	return builtinMode("OutputByTar", modeField{"keys", keys})
}

// FinishCheckByOutputFileExistence takes an item for finished if its output exists, or with a suffix, if the file with that
// id exists.
func FinishCheckByOutputFileExistence(suffix ...any) Mode {
	m := builtinMode("FinishCheckByOutputFileExistence", modeField{name: "output_field_suffix"}, modeField{name: "redo"})
	if len(suffix) > 1 {
		m.err = errors.New(m.name + " takes one suffix")
	} else if len(suffix) == 1 {
		m.fields[0].value = suffix[0]
	}
	return m
}

// RedoNewer makes a FinishCheckByOutputFileExistence that does an item again when one of its inputs was modified after its output.
func RedoNewer(check Mode) Mode { return redo(check, "newer") }

// RedoChanged makes a FinishCheckByOutputFileExistence that does an item again when one of its inputs was modified after its output, and
// when the task's code or arguments are not those that made it. The ledgers of earlier runs tell.
func RedoChanged(check Mode) Mode { return redo(check, "changed") }

func redo(check Mode, when string) Mode {
	m, ok := check.(*builtin)
	at := -1
	if ok {
		at = slices.IndexFunc(m.fields, func(f modeField) bool { return f.name == "redo" })
	}
	if at < 0 {
		return &builtin{err: errors.New("only a FinishCheckByOutputFileExistence does items again")}
	}
	again := *m
	again.fields = slices.Clone(m.fields)
	again.fields[at].value = when
	return &again
}

// valueNode turns an argument of a mode into a message. Placeholders may stand anywhere in lists and maps.
func valueNode(v any) (*pb.Node, error) {
	switch v := v.(type) {
	case nil:
		return jsonNode(nil)
	case Mode:
		return v.node()
	case []GroupFile:
		var fields []modeField
		for _, f := range v {
			fields = append(fields, modeField{f.ID, f.Exts})
		}
		nodes, err := fieldNodes(fields, "")
		return &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: nodes}}}, err
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
			return nil, fmt.Errorf("the keys of a map in a template must be strings, not %s", r.Type().Key())
		}
		var fields []modeField
		for _, k := range r.MapKeys() {
			fields = append(fields, modeField{k.String(), r.MapIndex(k).Interface()})
		}
		slices.SortFunc(fields, func(a, b modeField) int { return strings.Compare(a.name, b.name) })
		nodes, err := fieldNodes(fields, "")
		return &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: nodes}}}, err
	default:
		return jsonNode(v)
	}
}

func jsonNode(v any) (*pb.Node, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("a value of a template: %w", err)
	}
	return &pb.Node{Kind: &pb.Node_Json{Json: string(text)}}, nil
}

// message returns the template for Describe, with every top-level field.
func (t *Template) message() (*pb.Template, error) {
	if t == nil {
		return nil, nil
	}
	if t.HardShard == nil {
		return nil, errors.New("the template has no HardShard: use NoHardShard(Placeholder, Placeholder) if the user sets both folders")
	}
	if t.FinishCheck != nil && t.Output == nil {
		return nil, errors.New("the template has a FinishCheck but no Output for it to check")
	}
	soft := t.SoftShard
	if soft == nil {
		soft = SoftShard(0, 1)
	}
	fields := []modeField{
		{"hard_shard_mode", t.HardShard}, {"soft_shard", soft}, {"input_mode", t.Input},
		{"output_mode", t.Output}, {"finish_check_mode", t.FinishCheck},
	}
	loader := map[string]any{}
	if t.BatchSize != nil {
		loader["batch_size"] = t.BatchSize
	}
	if t.BatchBy != nil {
		loader["batch_by"] = t.BatchBy
	}
	if len(loader) > 0 {
		fields = append(fields, modeField{"dataloader", loader})
	}
	nodes, err := fieldNodes(fields, "")
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	return &pb.Template{Fields: nodes}, nil
}

// plainFields turns a resolved template into JSON-like values. Numbers are json.Number, which keeps all digits.
func plainFields(fields []*pb.Field) (map[string]any, error) {
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		v, err := plainNode(f.GetValue())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.GetName(), err)
		}
		m[f.GetName()] = v
	}
	return m, nil
}

func plainNode(n *pb.Node) (any, error) {
	switch k := n.GetKind().(type) {
	case nil:
		return nil, nil
	case *pb.Node_Mode:
		return plainFields(k.Mode.GetFields())
	case *pb.Node_Map:
		return plainFields(k.Map.GetFields())
	case *pb.Node_List:
		list := make([]any, len(k.List.GetNodes()))
		for i, e := range k.List.GetNodes() {
			v, err := plainNode(e)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			list[i] = v
		}
		return list, nil
	case *pb.Node_Json:
		d := json.NewDecoder(bytes.NewReader([]byte(k.Json)))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%q is not JSON: %w", k.Json, err)
		}
		return v, nil
	default:
		return nil, errors.New("the host left a placeholder without a value")
	}
}
