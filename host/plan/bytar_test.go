package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/tarfile/tarfiletest"
)

// writeTar writes an archive whose members have their own names as content.
func writeTar(t testing.TB, path string, names ...string) []byte {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	return tarfiletest.Write(t, path, names...)
}

func byTar(glob string, more map[string]any) *template.Node {
	fields := map[string]any{"glob": glob, "keys": ordered("image", []any{"jpg", "png"}, "mask", "seg.png", "caption", "txt")}
	for name, value := range more {
		fields[name] = value
	}
	return mode("InputByTar", fields)
}

func TestSamplesOfArchivesAreItems(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTar(t, "in/1.tar", "a.jpg", "a.seg.png", "a.txt", "b.png", "b.txt", "b.jpg", "b.json", "x/y/c.txt")
	writeTar(t, "in/0.tar", "./a.jpg", "./a.txt")
	writeTar(t, "in/sub/0.tar", "a.jpg")
	writeTar(t, "in/sub/1.TAR", "not.jpg")
	for _, c := range []struct {
		name     string
		in       *template.Node
		want     []string
		messages []string
	}{
		{"one folder", byTar("*.tar", map[string]any{"required": []any{"image"}}),
			[]string{"0:a.jpg a.jpg - a.txt", "1:a.jpg a.jpg a.seg.png a.txt", "1:b.jpg b.jpg - b.txt"},
			[]string{"1 incomplete group of files is left out: in/1.tar/x/y/c (no image)",
				"1 file is left out, because its item has another file for the same id: in/1.tar/b.png"}},
		{"folders below", byTar("*/*.tar", map[string]any{"required": []any{"image"}}), []string{"sub/0:a.jpg a.jpg - -"}, nil},
		{"all are required", byTar("*.tar", nil), []string{"1:a.jpg a.jpg a.seg.png a.txt"},
			[]string{"3 incomplete groups of files are left out; the first: in/0.tar/a (no mask), in/1.tar/b (no mask), in/1.tar/x/y/c (no image, no mask)"}},
		{"the input is the first that is required", byTar("1.tar", map[string]any{"required": []any{"caption"}}),
			[]string{"1:a.txt a.jpg a.seg.png a.txt", "1:b.txt b.jpg - b.txt", "1/x/y:c.txt - - c.txt"}, []string{"1 file is left out"}},
		{"no member fits", byTar("*.tar", map[string]any{"keys": ordered("image", "webp")}), nil,
			[]string{"2 archives have no member with an extension of keys; the first: in/0.tar has ./a.jpg"}},
		{"no archive fits", byTar("*.zip", nil), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: c.in}))
			if w.err != nil {
				t.Fatal(w.err)
			}
			if diff := cmp.Diff(c.want, shownItems(t, w, "image", "mask", "caption")); diff != "" && c.want != nil {
				t.Errorf("the items (- want, + got):\n%s", diff)
			}
			messages := w.messages()
			if len(messages) != len(c.messages) || len(c.want) != len(w.lines) {
				t.Fatalf("%d items, and the messages %q", len(w.lines), messages)
			}
			for i, m := range c.messages {
				if !strings.HasPrefix(messages[i], m) {
					t.Errorf("message %q", messages[i])
				}
			}
		})
	}
}

// What an item says of its members leads to their bytes.
func TestItemsOfArchivesLeadToTheirMembers(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTar(t, "in/0.tar", "x.json", "a\xff.jpg", "a\xff.txt", strings.Repeat("l", 300)+".jpg")
	for _, asBytes := range []bool{false, true} {
		more := map[string]any{"required": []any{"image"}}
		if asBytes {
			more["members"] = "bytes"
		}
		w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byTar("*.tar", more),
			template.RoleOutput: mode("OutputByReplacingExt", map[string]any{"ext": ".out"})}))
		if w.err != nil || len(w.lines) != 2 {
			t.Fatal(w.err, w.lines)
		}
		r := members.NewReader(t.TempDir())
		for i, want := range [][]string{{"a\xff.jpg", "a\xff.txt"}, {strings.Repeat("l", 300) + ".jpg"}} {
			place, err := members.Of([]byte(w.lines[i]))
			if err != nil || place.Bytes != asBytes || place.Tar != "in/0.tar" || len(place.Parts) != len(want) {
				t.Fatalf("%+v, %v", place, err)
			}
			for j, part := range place.Parts {
				if data, err := r.Read(place.Tar, part); err != nil || string(data) != want[j] {
					t.Errorf("read %q, %v", data, err)
				}
			}
		}
		if !strings.Contains(w.lines[0], `"output":{"path":"out/0/a\udcff.out"`) {
			t.Errorf("no output in %s", w.lines[0])
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestArchivesThatAreNotWholeAreErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTar(t, "in/0.tar", "a.jpg")
	whole := writeTar(t, "in/1.tar", "a.jpg", "b.jpg", "c.jpg")
	writeTar(t, "in/2.tar", "z.jpg")
	tmpl := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byTar("*.tar", map[string]any{"keys": ordered("image", "jpg", "text", "txt"), "required": []any{"image"}})})
	for _, c := range []struct {
		name string
		make func(t *testing.T)
		want string
	}{
		{"cut short", func(t *testing.T) { replace(t, "in/1.tar", whole[:3*512+2]) }, "member b.jpg at 1024: it has 5 bytes, but the archive ends after 2 of them: it was cut short"},
		{"no end", func(t *testing.T) { replace(t, "in/1.tar", whole[:6*512]) }, "at 3072: the archive ends here, without the zero blocks that end a tar: it was cut short"},
		{"not adjacent", func(t *testing.T) { writeTar(t, "in/1.tar", "a.jpg", "b.jpg", "a.txt") },
			"member a.txt at 2048: another member of the sample a lies at 0, and others are between the two: the members of a sample must be adjacent (tar --sort=name writes them so)"},
		{"a folder", func(t *testing.T) { mkdir(t, "in/1.tar/x") }, "it is not a file, where a tar archive should be"},
		{"a link that leads nowhere", func(t *testing.T) {
			if err := os.Symlink("nowhere", "in/1.tar"); err != nil {
				t.Fatal(err)
			}
		}, "the archive cannot be opened: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.RemoveAll("in/1.tar"); err != nil {
				t.Fatal(err)
			}
			c.make(t)
			w := walkAll(t, tmpl)
			if w.err == nil || w.err.Error() != "reading inputs from in/1.tar: "+c.want {
				t.Errorf("got  %v\nwant %s", w.err, c.want)
			}
			if got := shownItems(t, w, "image"); !slices.Equal(got, []string{"0:a.jpg a.jpg"}) {
				t.Errorf("before the error came %q", got)
			}
			w = walkWith(t, tmpl, Policy{SkipBadLines: true})
			if got := shownItems(t, w, "image"); w.err != nil || !slices.Equal(got, []string{"0:a.jpg a.jpg", "2:z.jpg z.jpg"}) {
				t.Errorf("without the archive: %q, %v", got, w.err)
			}
			if m := w.messages(); len(m) != 1 || m[0] != "in/1.tar: "+c.want+"; nothing of the archive is listed" || w.counters.Unreadable.Load() != 1 {
				t.Errorf("the messages are %q", m)
			}
		})
	}
}

func replace(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestArchivesHaveShardsOutputsAndCollisions(t *testing.T) {
	t.Chdir(t.TempDir())
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("%02d.jpg", i))
	}
	writeTar(t, "in/0.tar", names...)
	writeTar(t, "in/1.tar", names...)
	more := map[string]any{"keys": ordered("image", "jpg")}
	fields := map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byTar("*.tar", more),
		template.RoleOutput: mode("OutputByReplacingExt", map[string]any{"ext": ".out"}), template.RoleFinishCheck: checkOutput(nil)}
	touch(t, "out/0/07.out", "out/1/08.out")
	w := walkAll(t, mustCompile(t, fields))
	if w.err != nil || len(w.lines) != 98 || w.counters.Done.Load() != 2 {
		t.Errorf("%d items, %d done, %v", len(w.lines), w.counters.Done.Load(), w.err)
	}
	for _, kind := range []string{"SoftShard", "SoftShardByHash"} {
		var all []string
		for shard := range 3 {
			fields[template.RoleSoftShard] = softShard(kind, 3, num(shard))
			all = append(all, walkAll(t, mustCompile(t, fields)).paths(t)...)
		}
		slices.Sort(all)
		if len(all) != 98 || len(slices.Compact(all)) != 98 {
			t.Errorf("%s: the shards have %d items", kind, len(all))
		}
	}
	delete(fields, template.RoleSoftShard)
	writeTar(t, "in/1/x.tar", "00.jpg")
	writeTar(t, "in/1.tar", "x/00.jpg")
	fields[template.RoleInput] = mode("InputByMerge", map[string]any{"modes": &template.Node{Kind: template.KindList, List: []*template.Node{byTar("*.tar", more), byTar("*/*.tar", more)}}})
	w = walkAll(t, mustCompile(t, fields))
	want := "two inputs would write one output out/1/x/00.out: in/1.tar/x/00.jpg and in/1/x.tar/00.jpg; hint: another output mode keeps them apart, or leave one of them out"
	if w.err == nil || w.err.Error() != want {
		t.Errorf("got  %v\nwant %s", w.err, want)
	}
}

func TestMembersHaveLengths(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTar(t, "in/0.tar", "long-name.jpg", "a.jpg")
	w := walkAll(t, mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byTar("*.tar", map[string]any{"keys": ordered("image", "jpg")})}))
	for i, want := range []float64{13, 5} {
		item := sized{payload: []byte(w.lines[i]), to: len(w.lines[i])}
		if (&BatchBy{}).look(&item); item.length != want || !item.hasLength {
			t.Errorf("%s has the length %v, %v", w.lines[i], item.length, item.hasLength)
		}
	}
}
