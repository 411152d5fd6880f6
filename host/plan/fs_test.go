package plan

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// memory is a store that is not a disk: files in a map.
type memory struct{ files fstest.MapFS }

func (m memory) Open(name string) (fs.File, error)      { return m.files.Open(path.Clean(name)) }
func (m memory) Stat(name string) (fs.FileInfo, error)  { return m.files.Stat(path.Clean(name)) }
func (m memory) Lstat(name string) (fs.FileInfo, error) { return m.files.Lstat(path.Clean(name)) }

// write puts the same tree on the disk, in the working folder.
func (m memory) write(t *testing.T) {
	t.Helper()
	for name, f := range m.files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch f.Mode.Type() {
		case fs.ModeSymlink:
			err = os.Symlink(string(f.Data), name)
		case fs.ModeNamedPipe:
			err = syscall.Mkfifo(name, 0o644)
		case fs.ModeDir:
			err = os.MkdirAll(name, 0o755)
		default:
			err = os.WriteFile(name, f.Data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnyStoreListsAsTheDisk(t *testing.T) {
	tree := fstest.MapFS{
		"in/empty": {Mode: fs.ModeDir}, "in/pipe.jpg": {Mode: fs.ModeNamedPipe}, "in/a.jpg.txt": {},
		"in/link.jpg": {Mode: fs.ModeSymlink, Data: []byte("a.jpg")}, "in/lost.jpg": {Mode: fs.ModeSymlink, Data: []byte("nowhere")},
		"in/linked": {Mode: fs.ModeSymlink, Data: []byte("x")}, "in/.hidden/a.jpg": {}, "in/.kagurazaka/page": {},
		"out/a.jpg.txt": {}, "out/x/y/b.jpg.txt": {}, "out/x.txt": {Mode: fs.ModeSymlink, Data: []byte("nowhere")},
		"lines.jsonl": {Data: []byte(`{"input":{"path":"in/a.jpg","rel_dir":".","file_name":"a.jpg"}}` + "\n" +
			`{"input":{"path":"in/b","rel_dir":".","file_name":"b"}}`)},
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		tree["in/"+name+".jpg"], tree["in/x/y/"+name+".JPG"], tree["in/x/y/"+name+".jpg"] = &fstest.MapFile{}, &fstest.MapFile{}, &fstest.MapFile{}
	}
	store := memory{tree}
	inputs := map[string]*template.Node{
		"files by extension":    byExts(".jpg"),
		"all files":             byExts(),
		"a pattern":             mode("InputByGlob", map[string]any{"glob_pattern": "*/*/*.[jJ]*"}),
		"a pattern for folders": mode("InputByGlob", map[string]any{"glob_pattern": "*"}),
		"a name in a pattern":   mode("InputByGlob", map[string]any{"glob_pattern": "x/y/a.jpg"}),
		"folders":               mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(1)}),
		"deeper folders":        mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(2)}),
		"the input folder":      mode("InputBySubDirectory", map[string]any{"sub_directory_level": num(0)}),
		"lines":                 mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "lines.jsonl"}),
		"missing lines":         mode("InputFromFileTripletJsonl", map[string]any{"jsonl_path": "missing"}),
	}
	for what, input := range inputs {
		for _, in := range []string{"in", "./in/", "in/a.jpg"} {
			t.Run(what+" of "+in, func(t *testing.T) {
				tmpl := mustCompile(t, map[string]*template.Node{
					template.RoleHardShard: folders(in, "out"), template.RoleInput: input,
					template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), template.RoleFinishCheck: checkOutput(nil),
				})
				t.Chdir(t.TempDir())
				kept := walkFrom(t, tmpl, Options{FS: store})
				if what == "files by extension" && in == "in" && len(kept.lines) != 19 {
					t.Errorf("%d items of a tree that is in memory: %v", len(kept.lines), kept.lines)
				}
				store.write(t)
				disk := walkAll(t, tmpl)
				if diff := cmp.Diff(disk.lines, kept.lines); diff != "" {
					t.Errorf("- disk, + memory:\n%s", diff)
				}
				if diff := cmp.Diff(disk.messages(), kept.messages()); diff != "" {
					t.Errorf("warnings, - disk, + memory:\n%s", diff)
				}
				if (disk.err == nil) != (kept.err == nil) || disk.counters.Done.Load() != kept.counters.Done.Load() {
					t.Errorf("disk %v with %d done, memory %v with %d", disk.err, disk.counters.Done.Load(), kept.err, kept.counters.Done.Load())
				}
			})
		}
	}
}
