package job

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// SourceFlags are where a run's items come from, in place of the template's input_mode.
type SourceFlags struct {
	FilesFrom string `name:"files-from" placeholder:"FILE|-" help:"Take the items from the paths in a file, one a line (InputFromList), in place of the template's input_mode. They start from the working folder. The file may be compressed with gzip or zstd; - is stdin."`
	Null      bool   `name:"null" short:"0" help:"The paths of --files-from end with NUL, as find -print0 writes them, and not with a newline. So do those that export --format txt writes."`
	Manifest  string `name:"manifest" placeholder:"FILE|-" help:"Take the items from the lines of a file, as kagurazaka shard and export write it (InputFromFileTripletJsonl), in place of the template's input_mode. It may be compressed with gzip or zstd; - is stdin."`
	// WritesPaths: the command may write paths itself, so that Null need not be about FilesFrom.
	WritesPaths bool `kong:"-"`
}

// source is one of the flags, with the mode that it is short for.
type source struct{ flag, mode, field, path string }

// given are the flags that were given.
func (f *SourceFlags) given() []source {
	var given []source
	for _, s := range []source{
		{"--files-from", "InputFromList", "list_path", f.FilesFrom},
		{"--manifest", "InputFromFileTripletJsonl", "jsonl_path", f.Manifest},
	} {
		if s.path != "" {
			given = append(given, s)
		}
	}
	return given
}

// apply puts the mode of the flags into a resolved template, which is changed.
func (f *SourceFlags) apply(task *schema.Task, tree *template.Node) []problem.Problem {
	given := f.given()
	if f.Null && f.FilesFrom == "" && !f.WritesPaths {
		return []problem.Problem{{Source: "--null", Message: "says how the paths of --files-from end, which is not given", Suggestion: "leave it out"}}
	}
	if len(given) == 0 {
		return nil
	}
	s := given[0]
	wrong := problem.Problem{Source: s.flag}
	switch {
	case len(given) > 1:
		var flags []string
		for _, g := range given {
			flags = append(flags, g.flag)
		}
		wrong.Source, wrong.Message, wrong.Suggestion = strings.Join(flags, ", "), "each says where the items come from", "give one of them"
	case tree == nil:
		wrong.Message = fmt.Sprintf("%s has no template, so it lists its items itself and reads no file of them", task.Name)
	case task.Kind == schema.Device && !task.Has("stages") && tree.Get(template.RoleDataloader).IsNull():
		wrong.Message = fmt.Sprintf("%s makes its batches with a loader of its own, which reads no file of items", task.Name)
	case s.mode == "InputFromList" && hasGroups(tree.Get(template.RoleInput)):
		wrong.Message = fmt.Sprintf("an item of %s has several files, and a list of paths does not tell which belong together", task.Name)
		wrong.Suggestion = "kagurazaka export writes a list of its items for --manifest"
	case s.mode == "InputFromFileTripletJsonl" && !singleInputs(tree.Get(template.RoleInput)):
		tree.Set(template.RoleInput, wholeLines(s, tree.Get(template.RoleInput)))
		return nil
	default:
		tree.Set(template.RoleInput, s.node())
		if f.FilesFrom != "" && f.Null {
			tree.Get(template.RoleInput).Set("nul", template.Scalar(true))
		}
		return nil
	}
	return []problem.Problem{wrong}
}

// MissingFile is the problem of a file that a flag names and that is not there; an empty path is none.
func MissingFile(flag, path string) []problem.Problem {
	if path == "" {
		return nil
	}
	return missingFiles(source{flag: flag, path: path})
}

// missingFiles are the problems of files that are not there.
func missingFiles(given ...source) (wrong []problem.Problem) {
	for _, s := range given {
		if _, err := os.Stat(s.path); s.path != "-" && err != nil {
			wrong = append(wrong, problem.File(s.flag+" "+terminal.Quote(s.path), s.path, err))
		}
	}
	return wrong
}

func (s source) node() *template.Node {
	path := template.Scalar(s.path)
	path.Origin = s.flag
	mode := &template.Node{Kind: template.KindMode, Mode: s.mode, Origin: s.flag}
	mode.Set(s.field, path)
	return mode
}

// hasGroups reports whether an item of an input mode is several files.
func hasGroups(mode *template.Node) bool {
	switch {
	case mode.IsNull():
		return false
	case mode.Mode == "InputByMerge" && mode.Get("modes") != nil:
		return slices.ContainsFunc(mode.Get("modes").List, hasGroups)
	}
	return mode.Mode == "InputByGroup" || mode.Mode == "InputByFilenameSubfoldering"
}

// singleInputs reports whether an item of an input mode is one input and nothing more, so that a manifest needs no more.
func singleInputs(mode *template.Node) bool {
	return mode != nil && !mode.Custom && slices.Contains([]string{
		"InputByExts", "InputByGlob", "InputBySubDirectory", "InputFromFileTripletJsonl", "InputFromList",
	}, mode.Mode)
}

// wholeLines is the mode that keeps all of a manifest's lines. In a merge, inputs and their files stay triplets; those in the lines of a
// user's file never were.
func wholeLines(s source, current *template.Node) *template.Node {
	s.mode = "InputFromWhateverJsonl"
	if current != nil && current.Mode == s.mode {
		return s.node()
	}
	merge := &template.Node{Kind: template.KindMode, Mode: "InputByMerge", Origin: s.flag}
	merge.Set("modes", &template.Node{Kind: template.KindList, List: []*template.Node{s.node()}, Origin: s.flag})
	return merge
}
