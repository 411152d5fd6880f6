package pack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// two is a mode with two members.
func two(count int) *template.Output {
	return &template.Output{Kind: template.InTar, Count: count, Files: []template.OutputFile{{ID: "a", Name: "jpg"}, {ID: "b", Name: "seg.png"}}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, out string, mode *template.Output) *Packer {
	t.Helper()
	archives, err := Read(out)
	check(t, err)
	p := NewPacker(t.Context(), archives, mode)
	check(t, p.Begin())
	check(t, p.Start())
	return p
}

func end(t *testing.T, p *Packer) Report {
	t.Helper()
	report, err := p.Finish(t.Context())
	check(t, err)
	check(t, p.Close())
	return report
}

// spooled writes members of a sample to the spool, and returns the path of the first.
func spooled(t *testing.T, out string, mode *template.Output, folder, name string, members ...int) string {
	t.Helper()
	at := func(member int) string {
		return filepath.Join(out, template.SpoolPath, folder, string(mode.AppendSpoolName(nil, name, member)))
	}
	for _, m := range members {
		check(t, os.MkdirAll(filepath.Dir(at(m)), 0o755))
		// As a worker does: it is another file than the one that was there.
		aside := filepath.Join(out, "aside")
		check(t, os.WriteFile(aside, fmt.Appendf(nil, "%s/%s %d", folder, name, m), 0o644))
		check(t, os.Rename(aside, at(m)))
	}
	return at(0)
}

// archived are the members of the archives in a folder, which are to be named by their keys and to have indexes.
func archived(t *testing.T, out string) [][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(out, "*.tar"))
	check(t, err)
	var all [][]string
	for _, name := range names {
		file, err := os.Open(name)
		check(t, err)
		info, err := file.Stat()
		check(t, err)
		keys, err := scan(file, info.Size())
		check(t, err)
		want := makeIndex(info.Size(), keys)
		if got, err := os.ReadFile(name + template.IndexExt); err != nil || string(got) != string(want) {
			t.Errorf("the index of %s is %q, %v; want %q", name, got, err, want)
		}
		var members []string
		for r := tar.NewReader(file); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			check(t, err)
			if header.Mode != 0o644 || header.Uid != 0 || header.Uname != "" || header.ModTime.Unix() != 0 {
				t.Errorf("%s: %+v", header.Name, header)
			}
			data, err := io.ReadAll(r)
			check(t, err)
			members = append(members, header.Name+": "+string(data))
		}
		check(t, file.Close())
		all = append(all, members)
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

func left(t *testing.T, out string) []string {
	t.Helper()
	var files []string
	root := filepath.Join(out, template.SpoolFolder)
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, root+"/"))
		}
		return nil
	})
	return files
}

func TestPackerSortsSamplesAndClosesArchives(t *testing.T) {
	out, mode := t.TempDir(), two(2)
	p := begin(t, out, mode)
	for _, name := range []string{"d.jpg", "b.v1.jpg", "c.png"} {
		check(t, p.Add(spooled(t, out, mode, "", name, 0, 1)))
	}
	// A member that was not written is not in the sample.
	check(t, p.Add(spooled(t, out, mode, "deep/er", "a", 0)))
	if r := end(t, p); r != (Report{}) {
		t.Errorf("%+v", r)
	}
	want := [][]string{
		{"b%2Ev1.jpg: /b.v1.jpg 0", "b%2Ev1.seg.png: /b.v1.jpg 1", "d.jpg: /d.jpg 0", "d.seg.png: /d.jpg 1"},
		{"c.jpg: /c.png 0", "c.seg.png: /c.png 1", "deep/er/a.jpg: deep/er/a 0"},
	}
	if diff := cmp.Diff(want, archived(t, out)); diff != "" {
		t.Errorf("the archives (- want, + got):\n%s", diff)
	}
	if files := left(t, out); files != nil {
		t.Errorf("left: %v", files)
	}
	if _, err := os.Stat(filepath.Join(out, template.SpoolFolder)); err == nil {
		t.Error("the spool is left")
	}
	archives, err := Read(out)
	check(t, err)
	for key, want := range map[string]bool{"c": true, "deep/er/a": true, "b%2Ev1": true, "b.v1": false, "e": false} {
		if archives.Has([]byte(key)) != want {
			t.Errorf("Has(%s) is %v", key, !want)
		}
	}
}

// TestPackerTakesUpWhatIsLeft: samples of a run that was killed; not those without their first member, nor those that are packed, nor those of
// a run with other keys.
func TestPackerTakesUpWhatIsLeft(t *testing.T) {
	out, mode := t.TempDir(), two(100)
	p := begin(t, out, mode)
	check(t, p.Add(spooled(t, out, mode, "", "packed.jpg", 0, 1)))
	end(t, p)

	other := &template.Output{Kind: template.InTar, Files: []template.OutputFile{{ID: "x", Name: "txt"}, {ID: "y", Name: "json"}, {ID: "z", Name: "cls"}}}
	spooled(t, out, mode, "", "packed.jpg", 0, 1)
	spooled(t, out, mode, "", "whole.jpg", 0, 1)
	spooled(t, out, other, "deep", "old.png", 0, 2)
	spooled(t, out, mode, "", "half.jpg", 1)
	spooled(t, out, mode, "", "again.jpg", 1)
	part := filepath.Join(out, template.SpoolFolder, partPrefix+"0")
	check(t, os.WriteFile(part, nil, 0o644))
	p = begin(t, out, mode)
	if _, err := os.Stat(part); err == nil {
		t.Error("the part of a dead run is left")
	}
	// This attempt does not write the second member, which is of the one that was killed.
	check(t, p.Add(spooled(t, out, mode, "", "again.jpg", 0)))
	if r := end(t, p); r.Strays != 2 || r.Missing+r.Packed+r.Unfit > 0 || !strings.Contains(r.FirstStray, "/samples/deep/old.png~") {
		t.Errorf("%+v", r)
	}
	want := [][]string{
		{"again.jpg: /again.jpg 0", "whole.jpg: /whole.jpg 0", "whole.seg.png: /whole.jpg 1"},
		{"packed.jpg: /packed.jpg 0", "packed.seg.png: /packed.jpg 1"},
	}
	if diff := cmp.Diff(want, archived(t, out)); diff != "" {
		t.Errorf("the archives (- want, + got):\n%s", diff)
	}
	if files := left(t, out); !slices.Equal(files, []string{"commit", "lock", "samples/deep/old.png~0.txt", "samples/deep/old.png~2.cls"}) {
		t.Errorf("left: %v", files)
	}
}

// extra writes a file to the spool that no run declares.
func extra(t *testing.T, out, rel string) {
	t.Helper()
	at := filepath.Join(out, template.SpoolPath, rel)
	check(t, os.MkdirAll(filepath.Dir(at), 0o755))
	check(t, os.WriteFile(at, []byte("extra"), 0o644))
}

// TestPackerTakesDeclaredFilesOnly: what a task writes beside its outputs takes no member's place, in this run and after a kill.
func TestPackerTakesDeclaredFilesOnly(t *testing.T) {
	for name, mode := range map[string]*template.Output{"keys": two(9), "no keys": {Kind: template.InTar, Count: 9}} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			for _, file := range []string{"killed.jpg~0.jpg.extra", "killed.jpg~0.jpg~", "done.jpg~0.jpg.extra", "new.jpg~0.txt", "new.jpg~7.jpg"} {
				extra(t, out, file)
			}
			spooled(t, out, mode, "", "done.jpg", 0)
			p := begin(t, out, mode)
			check(t, p.Add(spooled(t, out, mode, "", "killed.jpg", 0)))
			check(t, p.Add(spooled(t, out, mode, "", "done.jpg", 0)))
			if r := end(t, p); r.Strays != 5 || r.Missing+r.Packed+r.Unfit > 0 {
				t.Errorf("%+v", r)
			}
			if diff := cmp.Diff([][]string{{"done.jpg: /done.jpg 0", "killed.jpg: /killed.jpg 0"}}, archived(t, out)); diff != "" {
				t.Errorf("the archives (- want, + got):\n%s", diff)
			}
			if files := left(t, out); len(files) != 5+2 {
				t.Errorf("left: %v", files)
			}
		})
	}
}

// TestPackerWithOtherKeys: the outputs of this run are packed, not those that a dead run with other keys has left.
func TestPackerWithOtherKeys(t *testing.T) {
	out, old := t.TempDir(), two(9)
	spooled(t, out, old, "", "first.jpg", 0, 1)
	second := spooled(t, out, old, "", "second.jpg", 0, 1)
	mode := &template.Output{Kind: template.InTar, Count: 9, Files: []template.OutputFile{{ID: "a", Name: "png"}, {ID: "b", Name: "seg.png"}}}
	p := begin(t, out, mode)
	check(t, p.Add(spooled(t, out, mode, "", "first.jpg", 0, 1)))
	if r := end(t, p); r.Strays != 2 || r.Missing+r.Packed+r.Unfit > 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([][]string{{"first.png: /first.jpg 0", "first.seg.png: /first.jpg 1"}}, archived(t, out)); diff != "" {
		t.Errorf("the archives (- want, + got):\n%s", diff)
	}
	// The first member is the same, and the second is not there: the item is to do again.
	mode = &template.Output{Kind: template.InTar, Count: 9, Files: []template.OutputFile{{ID: "a", Name: "jpg"}, {ID: "b", Name: "txt"}}}
	spooled(t, out, old, "", "second.jpg", 1)
	p = begin(t, out, mode)
	if _, err := os.Stat(second); err == nil {
		t.Error("a sample without its second member counts as finished")
	}
	check(t, p.Add(spooled(t, out, mode, "", "second.jpg", 0, 1)))
	end(t, p)
	if got := archived(t, out); len(got) != 2 || !slices.Contains(got[1], "second.txt: /second.jpg 1") {
		t.Errorf("%v", got)
	}
}

func TestPackerRefusesWhatIsNoFile(t *testing.T) {
	out, mode := t.TempDir(), two(9)
	p := begin(t, out, mode)
	for name, put := range map[string]func(path string) error{
		"is not a file":                func(path string) error { return os.Mkdir(path, 0o755) },
		"is a link that leads nowhere": func(path string) error { return os.Symlink("nowhere", path) },
	} {
		first := spooled(t, out, mode, "", "a.jpg", 0, 1)
		check(t, os.Remove(first))
		check(t, put(first))
		var unfit *UnfitError
		if err := p.Add(first); !errors.As(err, &unfit) || unfit.Why != name || unfit.Base != "a.jpg" {
			t.Errorf("%v, want %s", err, name)
		}
	}
	if r := end(t, p); r != (Report{}) {
		t.Errorf("%+v", r)
	}
	if files := left(t, out); files != nil {
		t.Errorf("left: %v", files)
	}
}

// TestAnItemThatAnotherRunHasPacked: it is done, whether that run has packed it before its outcome comes or afterwards.
func TestAnItemThatAnotherRunHasPacked(t *testing.T) {
	out, mode := t.TempDir(), two(1)
	first, second := begin(t, out, mode), begin(t, out, mode)
	check(t, first.Add(spooled(t, out, mode, "", "both.jpg", 0, 1)))
	end(t, first)
	// The second sees the archive when it writes one.
	check(t, second.archives.refresh(second.placeIndex))
	check(t, second.Add(spooled(t, out, mode, "", "both.jpg", 0, 1)))
	if r := end(t, second); r.Packed != 1 || r.FirstPacked != "both" {
		t.Errorf("%+v", r)
	}
	if got := archived(t, out); len(got) != 1 || left(t, out) != nil {
		t.Errorf("%v, left %v", got, left(t, out))
	}
}

// TestReadOpensFilesOnly: a named pipe, a device or a folder keeps no run waiting.
func TestReadOpensFilesOnly(t *testing.T) {
	whole := t.TempDir()
	p := begin(t, whole, two(9))
	check(t, p.Add(spooled(t, whole, two(9), "", "a.jpg", 0)))
	end(t, p)
	archives, _ := filepath.Glob(filepath.Join(whole, "*.tar"))
	data, err := os.ReadFile(archives[0])
	check(t, err)
	pipe := func(path string) error { return unix.Mkfifo(path, 0o644) }
	device := func(path string) error { return os.Symlink("/dev/zero", path) }
	folder := func(path string) error { return os.Mkdir(path, 0o755) }
	for name, put := range map[string]func(string) error{"pipe": pipe, "device": device, "folder": folder} {
		for _, of := range []string{"", template.IndexExt} {
			out := t.TempDir()
			at := filepath.Join(out, filepath.Base(archives[0]))
			if of != "" {
				check(t, os.WriteFile(at, data, 0o644))
			}
			check(t, put(at+of))
			if _, err := Read(out); err == nil || !strings.Contains(err.Error(), at+of+" has the name of") || !strings.Contains(err.Error(), "is not a regular file") {
				t.Errorf("%s %s: %v", name, of, err)
			}
		}
	}
}

func TestPackerRefusesASecondSampleOfAKey(t *testing.T) {
	out, mode := t.TempDir(), two(2)
	p := begin(t, out, mode)
	check(t, p.Add(spooled(t, out, mode, "", "a.jpg", 0)))
	var taken *DuplicateError
	if err := p.Add(spooled(t, out, mode, "", "a.png", 0, 1)); !errors.As(err, &taken) || taken.Key != "a" || taken.Other != "a.jpg" {
		t.Errorf("%v", err)
	}
	end(t, p)
	p = begin(t, out, mode)
	if err := p.Add(spooled(t, out, mode, "", "a.jpg", 0)); !errors.As(err, &taken) || !template.IsArchive(filepath.Base(taken.Archive)) {
		t.Errorf("%v", err)
	}
	end(t, p)
	if diff := cmp.Diff([][]string{{"a.jpg: /a.jpg 0"}}, archived(t, out)); diff != "" {
		t.Errorf("the archives (- want, + got):\n%s", diff)
	}
	if files := left(t, out); files != nil {
		t.Errorf("left: %v", files)
	}
}

// TestPackersAtOnce: two runs on one folder. Samples that both have done are packed once, and who ends last removes the spool.
func TestPackersAtOnce(t *testing.T) {
	out, mode := t.TempDir(), two(3)
	first, second := begin(t, out, mode), begin(t, out, mode)
	both := spooled(t, out, mode, "", "both.jpg", 0, 1)
	check(t, first.Add(both))
	check(t, second.Add(both))
	check(t, first.Add(spooled(t, out, mode, "", "first.jpg", 0, 1)))
	check(t, second.Add(spooled(t, out, mode, "", "second.jpg", 0, 1)))
	if r := end(t, first); r != (Report{}) {
		t.Errorf("the first: %+v", r)
	}
	if _, err := os.Stat(filepath.Join(out, template.SpoolFolder)); err != nil {
		t.Errorf("the spool is gone, and the second run uses it: %v", err)
	}
	// It finds its files gone, or their key in the other's archive.
	if r := end(t, second); r.Unfit+r.Strays > 0 || r.Missing+r.Packed > 1 {
		t.Errorf("the second: %+v", r)
	}
	names := map[string]int{}
	for _, members := range archived(t, out) {
		for _, m := range members {
			names[m]++
		}
	}
	if len(names) != 6 || slices.Max(slices.Collect(maps.Values(names))) > 1 {
		t.Errorf("%v", names)
	}
	if files := left(t, out); files != nil {
		t.Errorf("left: %v", files)
	}
}

func TestReadRefusesWhatIsNotAnArchiveOfOurs(t *testing.T) {
	out, mode := t.TempDir(), two(2)
	p := begin(t, out, mode)
	check(t, p.Add(spooled(t, out, mode, "", "a.jpg", 0, 1)))
	check(t, p.Add(spooled(t, out, mode, "", "b.jpg", 0, 1)))
	end(t, p)
	names, _ := filepath.Glob(filepath.Join(out, "*.tar"))
	whole, err := os.ReadFile(names[0])
	check(t, err)
	index, err := os.ReadFile(names[0] + template.IndexExt)
	check(t, err)
	for name, c := range map[string]struct {
		at, content, index string
		want               string
	}{
		"whole":             {"", string(whole), string(index), ""},
		"no index":          {"", string(whole), "", ""},
		"another index":     {"", string(whole), strings.Repeat("x", len(index)), ""},
		"cut":               {"", string(whole[:1000]), string(index), "it was cut short"},
		"cut after a block": {"", string(whole[:1024]), "", "it was cut short"},
		"another name":      {"0123456789abcdef.tar", string(whole), "", "its name is not the one that its keys give it"},
		"another program's": {"other.tar", "x", "", ""},
		"a longer name":     {"0123456789abcdef0.tar", "x", "", ""},
		"no members":        {"0123456789abcdef.tar", string(make([]byte, 1024)), "", "its name is not the one"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			at := filepath.Join(out, c.at)
			if c.at == "" {
				at = filepath.Join(out, filepath.Base(names[0]))
			}
			check(t, os.WriteFile(at, []byte(c.content), 0o644))
			if c.index != "" {
				check(t, os.WriteFile(at+template.IndexExt, []byte(c.index), 0o644))
			}
			archives, err := Read(out)
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), at)):
				t.Errorf("%v, want %q", err, c.want)
			case c.want == "" && archives.Has([]byte("b")) != (c.at == ""):
				t.Error("it is read, or it is not")
			}
		})
	}
	if archives, err := Read(filepath.Join(out, "none")); err != nil || archives.Has([]byte("a")) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestSet(t *testing.T) {
	var s set
	if s.has(hash{}) || s.has(hash{1}) {
		t.Error("an empty set has something")
	}
	const n = 5000
	for i := range n {
		h := hashOf(fmt.Appendf(nil, "%d", i))
		if s.has(h) || !s.add(h) || s.add(h) || !s.has(h) {
			t.Fatalf("%d is there before, or not afterwards", i)
		}
	}
	if !s.add(hash{}) || s.add(hash{}) || !s.has(hash{}) {
		t.Error("the hash of zeroes is not kept")
	}
	if s.used != n || len(s.slots) > 3*n {
		t.Errorf("%d hashes in %d slots", s.used, len(s.slots))
	}
}
