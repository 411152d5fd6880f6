package staging

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func open(t *testing.T, folder bool, last ...string) (*Dir, string) {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(root+"/staging", 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := Open(root+"/staging", folder, last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, root + "/out"
}

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
}

func exists(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(p); err != nil {
			t.Error(err)
		}
	}
}

func TestOutputsOfSeveralFolders(t *testing.T) {
	d, out := open(t, false, "output_b")
	o := Outputs{Main: out + "/x/a.txt", Others: []Named{{"output_b", out + "/y/b.txt"}, {"output_c", out + "/x/c.txt"}}}
	if err := d.Begin(o); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{d.Staged(o.Main), d.StagedIn(o.Main, o.Others[0].Path), d.StagedIn(o.Main, o.Others[1].Path)} {
		put(t, p)
	}
	if err := d.Commit(o); err != nil {
		t.Fatal(err)
	}
	exists(t, out+"/x/a.txt", out+"/y/b.txt", out+"/x/c.txt")

	o.Others[1].Path = out + "/y/a.txt"
	if err := d.Begin(o); err == nil || !strings.Contains(err.Error(), "one file name in two folders") {
		t.Errorf("two outputs of one name: %v", err)
	}
	only := Outputs{Others: []Named{{"output_b", out + "/z/b.txt"}}}
	put(t, d.Staged(only.Others[0].Path))
	put(t, d.Staged("beside"))
	if err := d.Commit(only); err != nil {
		t.Fatal(err)
	}
	exists(t, out+"/z/b.txt", out+"/z/beside")
}

// The file that the finish check looks at must be the last, also where a folder is merged: here what comes before it
// fails, and it must not be there.
func TestLastIsLast(t *testing.T) {
	d, out := open(t, true, "output_done")
	o := Outputs{Main: out + "/a", Others: []Named{{"output_done", out + "/a/done"}, {"output_more", out + "/a/more"}}}
	put(t, out+"/a/zz/in the way/x")
	if err := d.Begin(o); err != nil {
		t.Fatal(err)
	}
	put(t, d.StagedIn(o.Main, o.Others[0].Path))
	put(t, d.StagedIn(o.Main, out+"/a/zz/in the way"))
	if err := d.Commit(o); err == nil {
		t.Fatal("a file took the place of a folder")
	}
	if _, err := os.Stat(out + "/a/done"); err == nil {
		t.Error("the item looks finished, and is not")
	}
	if err := d.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(out + "/a/zz"); err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(o); err != nil {
		t.Fatal(err)
	}
	put(t, d.StagedIn(o.Main, o.Others[0].Path))
	put(t, d.StagedIn(o.Main, o.Others[1].Path))
	if err := d.Commit(o); err != nil {
		t.Fatal(err)
	}
	exists(t, out+"/a/done", out+"/a/more")
	if names, err := d.names(); err != nil || len(names) > 0 {
		t.Errorf("left in staging: %v, %v", names, err)
	}
}

// TestTheFirstOfSeveralFilesComesLast: a sample of a tar archive is whole when its first member is there.
func TestTheFirstOfSeveralFilesComesLast(t *testing.T) {
	d, out := open(t, false, "output")
	first, second := out+"/a~0.x", out+"/a~1.y"
	files := Outputs{Main: first, Others: []Named{{"output_a", first}, {"output_b", second}}}
	// A folder in the place of the second keeps that from being moved.
	put(t, second+"/full")
	for _, blocked := range []bool{true, false} {
		if err := d.Begin(files); err != nil {
			t.Fatal(err)
		}
		put(t, d.Staged(first))
		put(t, d.Staged(second))
		err := d.Commit(files)
		if _, statErr := os.Stat(first); (err != nil) != blocked || (statErr != nil) != blocked {
			t.Fatalf("blocked %v: %v, the first file: %v", blocked, err, statErr)
		}
		if blocked {
			if err := errors.Join(d.Discard(), os.RemoveAll(second)); err != nil {
				t.Fatal(err)
			}
		}
	}
	exists(t, first, second)
}

func TestDestinationRemovedMeanwhile(t *testing.T) {
	d, out := open(t, false)
	for range 2 {
		o := Outputs{Main: out + "/deep/a.txt"}
		put(t, d.Staged(o.Main))
		if err := d.Commit(o); err != nil {
			t.Fatal(err)
		}
		exists(t, o.Main)
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinkedOutputFolder(t *testing.T) {
	d, out := open(t, true)
	put(t, out+"/elsewhere/old")
	if err := os.Symlink("elsewhere", out+"/a"); err != nil {
		t.Fatal(err)
	}
	o := Outputs{Main: out + "/a/"}
	if err := d.Begin(o); err != nil {
		t.Fatal(err)
	}
	put(t, d.StagedIn(o.Main, out+"/a/new"))
	if err := d.Commit(o); err != nil {
		t.Fatal(err)
	}
	exists(t, out+"/elsewhere/new", out+"/elsewhere/old")
}

func TestUnwritableDestination(t *testing.T) {
	d, out := open(t, false)
	put(t, out)
	o := Outputs{Main: out + "/a.txt"}
	put(t, d.Staged(o.Main))
	err := d.Commit(o)
	if err == nil || !strings.Contains(err.Error(), "moving the output into place at "+out+"/a.txt: not a directory") {
		t.Errorf("%v", err)
	}
}

// The item at work when somebody removes the folder fails, and those after it do not.
func TestARemovedFolderIsMadeAgain(t *testing.T) {
	d, out := open(t, false)
	o := Outputs{Main: out + "/a.txt"}
	put(t, d.Staged(o.Main))
	if err := os.RemoveAll(d.path); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(o); err == nil {
		t.Error("an item whose outputs were removed counts as done")
	}
	if err := d.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Staged(o.Main), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(o); err != nil {
		t.Fatal(err)
	}
	exists(t, o.Main)
}

// A folder where there is a file, and the other way round, also deep inside a folder that is merged.
func TestMisfits(t *testing.T) {
	tests := []struct {
		name          string
		folder        bool
		there, writes []string
		misfit        string
		isFolder      bool
	}{
		{"a file over a folder", false, []string{"a.txt/x"}, []string{"a.txt"}, "a.txt", false},
		{"a folder over a file", false, []string{"a.txt"}, []string{"a.txt/x"}, "a.txt", true},
		{"a file over a folder inside", true, []string{"a.txt/x/y"}, []string{"a.txt/x"}, "a.txt/x", false},
		{"a folder over a file inside", true, []string{"a.txt/x"}, []string{"a.txt/x/y"}, "a.txt/x", true},
		{"a file over a file", false, []string{"a.txt"}, []string{"a.txt"}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, out := open(t, tt.folder)
			for _, f := range tt.there {
				put(t, out+"/"+f)
			}
			o := Outputs{Main: out + "/a.txt"}
			if err := d.Begin(o); err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.writes {
				put(t, d.path+"/"+f)
			}
			err := d.Commit(o)
			var misfit *MisfitError
			switch {
			case tt.misfit == "" && err != nil:
				t.Errorf("it was refused: %v", err)
			case tt.misfit != "" && (!errors.As(err, &misfit) || misfit.Path != out+"/"+tt.misfit || misfit.Folder != tt.isFolder):
				t.Errorf("%v, want a misfit of %s", err, tt.misfit)
			}
		})
	}
}

func TestItemsWithoutTheFileOfAFolderAreCounted(t *testing.T) {
	d, out := open(t, true, "output_a")
	for _, tt := range []struct {
		name, writes string
		want         int
	}{{"good", "a.npy", 0}, {"other", "a.npy.npy", 1}, {"empty", "", 1}} {
		o := Outputs{Main: out + "/" + tt.name, Others: []Named{{"output_a", out + "/" + tt.name + "/a.npy"}}}
		if err := d.Begin(o); err != nil {
			t.Fatal(err)
		}
		if tt.writes != "" {
			put(t, d.Staged(o.Main)+"/"+tt.writes)
		}
		if err := d.Commit(o); err != nil {
			t.Fatal(err)
		}
		got, expected, found := d.TakeUnwritten()
		if got != tt.want || got > 0 && expected != o.Others[0].Path || got > 0 && tt.writes != "" && found != o.Main+"/"+tt.writes {
			t.Errorf("%s: %d, expected %q, found %q", tt.name, got, expected, found)
		}
	}
}

func TestItemsThatWriteNothingAreCounted(t *testing.T) {
	d, out := open(t, false, "output", "output_b")
	put(t, out+"/there")
	put(t, out+"/there.b")
	for _, tt := range []struct {
		name, writes string
		want         int
		found        string
	}{{"there", "", 0, ""}, {"missing", "", 1, ""}, {"written", "written", 0, ""}, {"a.feat", "a.feat.npy", 1, "a.feat.npy"}} {
		o := Outputs{Main: out + "/" + tt.name, Others: []Named{{"output_b", out + "/there.b"}}}
		if err := d.Begin(o); err != nil {
			t.Fatal(err)
		}
		if tt.writes != "" {
			put(t, d.Staged(out+"/"+tt.writes))
		}
		if err := d.Commit(o); err != nil {
			t.Fatal(err)
		}
		wantExpected, wantFound := "", ""
		if tt.want > 0 {
			wantExpected = o.Main
		}
		if tt.found != "" {
			wantFound = out + "/" + tt.found
		}
		if got, expected, found := d.TakeUnwritten(); got != tt.want || expected != wantExpected || found != wantFound {
			t.Errorf("%s: %d, expected %q, found %q", tt.name, got, expected, found)
		}
	}
}

// elsewhere is a folder on another file system than out.
func elsewhere(t *testing.T, out string) string {
	t.Helper()
	other, err := os.MkdirTemp("/dev/shm", "staging")
	if err != nil {
		t.Skip("there is no second file system at hand")
	}
	t.Cleanup(func() { _ = os.RemoveAll(other) })
	put(t, out+"/probe")
	if os.Rename(out+"/probe", other+"/probe") == nil {
		t.Skip("the temporary folder is on the same file system")
	}
	return other
}

// leftover reports what a commit has left in and beside the staging folder.
func leftover(t *testing.T, d *Dir) {
	t.Helper()
	if names, err := d.names(); err != nil || len(names) > 0 {
		t.Errorf("left in staging: %v, %v", names, err)
	}
	if _, err := os.Lstat(d.path + ".part"); err == nil {
		t.Error("the note of a copy is still there")
	}
}

func TestOtherFileSystem(t *testing.T) {
	d, out := open(t, false)
	other := elsewhere(t, out)
	// As long as names can be: that of the copy must not be longer.
	long := strings.Repeat("n", 251) + ".txt"
	o := Outputs{Main: other + "/new/" + long}
	put(t, d.Staged(o.Main))
	put(t, d.Staged("folder")+"/x")
	if err := os.Symlink("a.txt", d.Staged("link")); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(o); err != nil {
		t.Fatal(err)
	}
	exists(t, o.Main, other+"/new/folder/x", other+"/new/link")
	entries, err := os.ReadDir(other + "/new")
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := os.Stat(o.Main); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	leftover(t, d)
}

// A folder on another file system is there as a whole or not at all: it counts as finished as soon as it is there.
func TestFolderOnAnotherFileSystemIsWhole(t *testing.T) {
	d, out := open(t, true)
	other := elsewhere(t, out)
	o := Outputs{Main: other + "/a", Others: []Named{{"output_x", other + "/a/x"}}}
	for _, broken := range []bool{true, false} {
		if err := d.Begin(o); err != nil {
			t.Fatal(err)
		}
		put(t, d.StagedIn(o.Main, o.Main+"/x"))
		put(t, d.StagedIn(o.Main, o.Main+"/deep/er/y"))
		if broken {
			// A pipe cannot be copied: the copy ends in the middle.
			if err := syscall.Mkfifo(d.StagedIn(o.Main, o.Main+"/z"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := d.Commit(o); err == nil {
				t.Error("a pipe was copied")
			}
			if entries, err := os.ReadDir(other); err != nil || len(entries) > 0 {
				t.Errorf("half a folder is there: %v, %v", entries, err)
			}
			if err := d.Discard(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := d.Commit(o); err != nil {
			t.Fatal(err)
		}
		exists(t, o.Main+"/x", o.Main+"/deep/er/y")
	}
	leftover(t, d)
	// Into one that is there already, file by file.
	if err := d.Begin(o); err != nil {
		t.Fatal(err)
	}
	put(t, d.StagedIn(o.Main, o.Main+"/second/z"))
	if err := d.Commit(o); err != nil {
		t.Fatal(err)
	}
	exists(t, o.Main+"/x", o.Main+"/second/z")
	leftover(t, d)
}

// A file that is named by way of its item's folder and lies outside of it is staged by its own name, not outside.
func TestStagedStaysInTheFolder(t *testing.T) {
	d := &Dir{path: "stage", folder: true}
	for final, want := range map[string]string{
		"out/a/x": "stage/a/x", "out/a/sub/x": "stage/a/sub/x", "out/a/../x": "stage/x", "out/a/sub/../../../x": "stage/x", "other/x": "stage/x", "out/a/..x": "stage/a/..x",
	} {
		if got := d.StagedIn("out/a", final); got != want {
			t.Errorf("%s is staged as %s, not %s", final, got, want)
		}
	}
}
