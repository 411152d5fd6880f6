package job

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/tarfile/tarfiletest"
)

// reading is a worker that reads the input of every item at once, and answers when it is told to.
type reading struct {
	backbones.Worker
	t       *testing.T
	read    []string
	results chan backbones.Result
}

func (r *reading) Results() <-chan backbones.Result { return r.results }

func (r *reading) Send(c backbones.Chunk) error {
	for _, part := range c.Parts {
		lines := bytes.Split(part.Block.Payload, []byte("\n"))
		if part.Take != len(lines) || part.Skip != 0 || part.Block.Count != part.Take {
			r.t.Errorf("a part of %d items has %d lines", part.Take, len(lines))
		}
		for _, line := range lines {
			var item struct{ Input struct{ Path string } }
			if err := json.Unmarshal(line, &item); err != nil {
				r.t.Error(err)
			}
			data, err := os.ReadFile(item.Input.Path)
			if err != nil {
				data = []byte("none")
			}
			r.read = append(r.read, string(data))
		}
	}
	return nil
}

// tarItems writes an archive with members that have their names as content, and returns its items, one a line.
func tarItems(t *testing.T, names ...string) (*template.Template, []byte) {
	t.Helper()
	tarfiletest.Write(t, "0.tar", names...)
	tmpl := &template.Template{InputPath: ".", Input: &template.Input{
		Kind: template.ByTar, Glob: "*.tar", Members: []template.Member{{ID: "image", Exts: []string{"jpg"}, Required: true}},
	}}
	source, err := plan.New(t.Context(), tmpl, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	block, err := source.Next(t.Context())
	if err != nil || block.Count != len(names) {
		t.Fatal(block.Count, err)
	}
	return tmpl, block.Payload
}

// A plugin that cannot read members finds those of its items as files, until it has answered.
func TestMembersAreUnpackedForPluginsThatCannotReadThem(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	tmpl, payload := tarItems(t, "0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg")
	p := &Place{PlaceOptions: PlaceOptions{RuntimeDir: dir}, spec: &Spec{}, template: tmpl}
	inner := &reading{t: t, results: make(chan backbones.Result, 4)}
	w, err := p.unpacked(inner, nil)
	if err != nil {
		t.Fatal(err)
	}
	if size := (Local{Place: p}).chunkSize(); size != unpackedItems {
		t.Errorf("chunks have %d items", size)
	}
	block := backbones.Block{Encoding: backbones.JSONLines, Count: 5, Payload: payload, First: 100}
	if err := w.Send(backbones.Chunk{ID: 1, Count: 3, Parts: []backbones.Part{{Block: block, Skip: 1, Take: 2}, {Block: block, Take: 1}}}); err != nil {
		t.Fatal(err)
	}
	files := func() int {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, "members-*", "*", "*.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if !slices.Equal(inner.read, []string{"1.jpg", "2.jpg", "0.jpg"}) || files() != 3 {
		t.Errorf("it read %q, and there are %d files", inner.read, files())
	}
	// Then the archive changes: the items fail with the reason, whatever the plugin makes of them.
	if err := os.Truncate("0.tar", 600); err != nil {
		t.Fatal(err)
	}
	if err := w.Send(backbones.Chunk{ID: 2, Count: 5, Parts: []backbones.Part{{Block: block, Take: 5}}}); err != nil {
		t.Fatal(err)
	}
	inner.results <- backbones.Result{ChunkID: 1, Count: 3}
	if r := <-w.Results(); r.ChunkID != 1 || r.Failures != nil {
		t.Errorf("the answer is %+v", r)
	}
	inner.results <- backbones.Result{ChunkID: 2, Count: 5, Failures: []backbones.ItemFailure{{Index: 4, Failure: backbones.Failure{Message: "the plugin's own"}}}}
	r := <-w.Results()
	if len(r.Failures) != 4 || r.Failures[3].Index != 4 || r.Failures[3].Failure.Message !=
		"reading input_image, 5 bytes at 4608 of ./0.tar: the archive has 600 bytes: it has changed since it was listed" {
		t.Errorf("the failures are %+v", r.Failures)
	}
	if files() != 0 {
		t.Errorf("after the answers there are %d files", files())
	}
	if err := w.Send(backbones.Chunk{ID: 3, Count: 1, Parts: []backbones.Part{{Block: block, Take: 1}}}); err != nil {
		t.Fatal(err)
	}
	// The worker dies.
	close(inner.results)
	if _, ok := <-w.Results(); ok || files() != 0 {
		t.Errorf("a dead worker answers, or leaves %d files", files())
	}
}

func TestWhatIsNotUnpackedIsRefused(t *testing.T) {
	tmpl := &template.Template{InputPath: ".", Input: &template.Input{Kind: template.ByTar, Bytes: true}}
	p := &Place{spec: &Spec{Plugin: Plugin{Name: "old"}}, template: tmpl}
	want := "old: the plugin cannot read members of archives as bytes; hint: --mixin input_mode.members=paths unpacks them, or build it with an SDK of this version"
	if err := p.checkMembers(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	p.spec.Plugin.Capabilities = []string{"members"}
	if err := p.checkMembers(); err != nil {
		t.Errorf("a plugin that can: %v", err)
	}
}
