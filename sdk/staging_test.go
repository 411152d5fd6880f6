package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// author writes outputs as its items say.
type author struct{}

type manuscript struct {
	Do     string      `json:"do"`
	Output FileTriplet `json:"output"`
	Test   FileTriplet `json:"output_test"`
	Final  FileTriplet `json:"final"`
}

func (*author) List(context.Context, func(any) error) error { return nil }

func (*author) IsExecuted(_ context.Context, item Item) (bool, error) {
	var m manuscript
	if err := item.Decode(&m); err != nil {
		return false, err
	}
	if m.Output != m.Final {
		return false, fmt.Errorf("the check sees %s instead of %s", m.Output.Path, m.Final.Path)
	}
	return m.Do == "skip", nil
}

func (*author) Process(_ context.Context, item Item) error {
	var m manuscript
	if err := item.Decode(&m); err != nil {
		return err
	}
	if m.Output != item.Output() || m.Test != item.OutputOf("test") {
		return fmt.Errorf("Decode gives %v and %v, Output %v and %v", m.Output, m.Test, item.Output(), item.OutputOf("test"))
	}
	if m.Output == m.Final || filepath.Base(m.Output.Path) != filepath.Base(m.Final.Path) {
		return fmt.Errorf("the output is to be written to %s", m.Output.Path)
	}
	put := func(path string) error { return os.WriteFile(path, []byte(m.Do), 0o644) }
	switch m.Do {
	case "file":
		return put(m.Output.Path)
	case "beside":
		return errors.Join(put(m.Output.Path), put(m.Output.Path+".json"), os.MkdirAll(filepath.Dir(m.Output.Path)+"/sub/deep", 0o755),
			put(filepath.Dir(m.Output.Path)+"/sub/deep/x"))
	case "error":
		return errors.Join(put(m.Output.Path), put(m.Output.Path+".tmp"), errors.New("half-way"))
	case "panic":
		if err := put(m.Output.Path); err != nil {
			return err
		}
		panic("half-way")
	case "nothing":
		return nil
	case "folder":
		return errors.Join(put(m.Test.Path), put(m.Output.Path+"/more"), put(filepath.Dir(m.Output.Path)+"/beside"))
	case "folder-error":
		return errors.Join(put(m.Test.Path), errors.New("half-way"))
	}
	return fmt.Errorf("%q is no order", m.Do)
}

func (author) item(t *testing.T, do, output string, files ...string) string {
	t.Helper()
	fields := map[string]any{"do": do, "final": FileTriplet{output, ".", filepath.Base(output)}, "output": FileTriplet{output, ".", filepath.Base(output)}}
	for _, f := range files {
		fields["output_test"] = FileTriplet{f, ".", filepath.Base(f)}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func staged(t *testing.T, folder bool, last ...string) (client pb.PluginServiceClient, root, staging string) {
	t.Helper()
	root = t.TempDir()
	staging = filepath.Join(root, "staging")
	write(t, filepath.Join(staging, "left over", "x"), "of a worker that died")
	c, _ := dial(t, Task[author]{})
	open(t, c, &pb.OpenRequest{Task: "author", Staging: &pb.Staging{Dir: staging, Folder: folder, Last: last}})
	return c, filepath.Join(root, "out"), staging
}

func failures(r *pb.ChunkResult) []string {
	var all []string
	for _, f := range r.GetFailures() {
		all = append(all, fmt.Sprintf("%d %s", f.GetIndex(), f.GetError().GetMessage()))
	}
	return all
}

func TestStagingFiles(t *testing.T) {
	client, out, staging := staged(t, false, "output")
	write(t, out+"/a/old", "old")
	write(t, out+"/a/sub/kept", "kept")
	write(t, out+"/dir.out/in the way", "x")
	var a author
	r := one(t, client,
		a.item(t, "file", out+"/a/old"),
		a.item(t, "beside", out+"/./a/b.out"),
		a.item(t, "error", out+"/b/c.out"),
		a.item(t, "panic", out+"/b/d.out"),
		a.item(t, "skip", out+"/b/e.out"),
		a.item(t, "nothing", out+"/b/f.out"),
		a.item(t, "file", out+"/new/deep/caf\xe9.out"),
		a.item(t, "file", out+"/dir.out"),
		a.item(t, "file", out+"/.."),
		a.item(t, "file", out+"/last.out"),
	)
	want := []string{
		"2 half-way", "3 panic: half-way", fmt.Sprintf("7 the output is a file, and there is a folder at %s/dir.out", out),
		fmt.Sprintf("8 the output %q has no file name", out+"/.."),
	}
	if diff := cmp.Diff(want, failures(r)); diff != "" {
		t.Error(diff)
	}
	wantTree := map[string]string{
		"a/old": "file", "a/b.out": "beside", "a/b.out.json": "beside", "a/sub/kept": "kept", "a/sub/deep/x": "beside",
		"dir.out/in the way": "x", "new/deep/caf\xe9.out": "file", "last.out": "file",
	}
	if diff := cmp.Diff(wantTree, tree(t, out)); diff != "" {
		t.Error(diff)
	}
	if left := tree(t, staging); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

func TestStagingFolders(t *testing.T) {
	client, out, staging := staged(t, true, "output_test")
	write(t, out+"/a/b.jpg/test.txt", "old")
	write(t, out+"/a/b.jpg/kept", "kept")
	var a author
	r := one(t, client,
		a.item(t, "folder", out+"/a/b.jpg", out+"/a/b.jpg/test.txt"),
		a.item(t, "folder", out+"/a/c.jpg", out+"/a/c.jpg/test.txt"),
		a.item(t, "folder-error", out+"/a/d.jpg", out+"/a/d.jpg/test.txt"),
		a.item(t, "nothing", out+"/a/e.jpg", out+"/a/e.jpg/test.txt"),
	)
	if diff := cmp.Diff([]string{"2 half-way"}, failures(r)); diff != "" {
		t.Error(diff)
	}
	wantTree := map[string]string{
		"a/b.jpg/test.txt": "folder", "a/b.jpg/kept": "kept", "a/b.jpg/more": "folder",
		"a/c.jpg/test.txt": "folder", "a/c.jpg/more": "folder", "a/beside": "folder", "a/e.jpg/": "",
	}
	if diff := cmp.Diff(wantTree, tree(t, out)); diff != "" {
		t.Error(diff)
	}
	if left := tree(t, staging); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

func TestUnstagedPathsAreFinal(t *testing.T) {
	item := Item{raw: []byte(`{"output":{"path":"/o/a","rel_dir":".","file_name":"a"},"output_x":{"path":"/o/x","rel_dir":".","file_name":"x"}}`)}
	if item.Output() != (FileTriplet{"/o/a", ".", "a"}) || item.OutputOf("x").Path != "/o/x" || item.OutputOf("y") != (FileTriplet{}) {
		t.Errorf("%v, %v", item.Output(), item.OutputOf("x"))
	}
	if string(item.JSON()) != string(item.raw) || string(item.Field("output_x")) != `{"path":"/o/x","rel_dir":".","file_name":"x"}` || item.Field("z") != nil {
		t.Errorf("%s", item.JSON())
	}
}
