package ledger

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

// content is the files below a folder with their text. Links have where they lead to, folders nothing.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case e.IsDir():
			all[name] = ""
		case e.Type()&fs.ModeSymlink != 0:
			all[name], err = os.Readlink(path)
		default:
			var text []byte
			text, err = os.ReadFile(path)
			all[name] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fill makes files. A name that ends in / is a folder, a text that begins with -> a link.
func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if target, link := strings.CutPrefix(text, "->"); err == nil && link {
			err = os.Symlink(target, path)
		} else if err == nil && strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A host that dies before its run has a run.json leaves a folder in which the next run begins.
func TestCreateAfterADeath(t *testing.T) {
	tests := map[string]struct {
		left map[string]string
		// kept are the files that are moved aside.
		kept map[string]string
	}{
		"before the lock":                    {},
		"with the lock":                      {left: map[string]string{lockFile: ""}},
		"with an empty record":               {left: map[string]string{lockFile: "", outcomesFile: ""}},
		"with the beginning of a record":     {left: map[string]string{lockFile: "", outcomesFile: magic[:5]}},
		"with all files":                     {left: map[string]string{lockFile: "", outcomesFile: magic, failedFile: ""}},
		"writing run.json":                   {left: map[string]string{lockFile: "", outcomesFile: magic, failedFile: "", ".new-2248925070": "{"}},
		"with a temporary file alone":        {left: map[string]string{lockFile: "", ".new-123": ""}},
		"several times":                      {left: map[string]string{lockFile: "", ".new-123": "{", ".new-4": "", outcomesFile: ""}},
		"removing what it made":              {left: map[string]string{lockFile: "", outcomesFile: magic}},
		"after it moved an earlier run":      {left: map[string]string{lockFile: "", "earlier/1/run.json": "{}", outcomesFile: "", ".new-5": "{"}},
		"copying what an earlier run had":    {left: map[string]string{lockFile: "", outcomesFile: magic + "more"}, kept: map[string]string{outcomesFile: magic + "more"}},
		"long before: run.json was removed":  {left: map[string]string{lockFile: "", outcomesFile: magic1 + "more", failedFile: "{}\n", logFile: "log"}, kept: map[string]string{outcomesFile: magic1 + "more", failedFile: "{}\n", logFile: "log"}},
		"moving aside what has no run.json":  {left: map[string]string{lockFile: "", outcomesFile: "", failedFile: "{}\n", "earlier/0/log": "log"}, kept: map[string]string{outcomesFile: "", failedFile: "{}\n"}},
		"moving aside the last of the files": {left: map[string]string{lockFile: "", outcomesFile: magic1 + "more", "earlier/0/log": "log"}, kept: map[string]string{outcomesFile: magic1 + "more"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			fill(t, dir, tt.left)
			before := content(t, filepath.Dir(dir))
			made(t, dir, "2", &End{})
			if info, err := ReadInfo(dir); err != nil || info.ID != "2" {
				t.Errorf("%+v, %v", info, err)
			}
			if s := read(t, dir); s.Cut != 0 || len(s.Finished()) > 0 {
				t.Errorf("the new run begins with %+v", s)
			}
			kept := map[string]string{}
			for path, text := range content(t, dir) {
				switch {
				case strings.HasPrefix(filepath.Base(path), ".new-"):
					t.Errorf("%s is left", path)
				case strings.Count(path, "/") == 2 && before["run/"+path] != text:
					kept[filepath.Base(path)] = text
				}
			}
			if len(tt.kept) == 0 {
				tt.kept = map[string]string{}
			}
			for name, text := range tt.kept {
				found, err := filepath.Glob(filepath.Join(dir, earlierFolder, "2*", name))
				if err != nil || len(found) != 1 {
					t.Fatalf("%s is in %v, %v", name, found, err)
				}
				if got, err := os.ReadFile(found[0]); err != nil || string(got) != text {
					t.Errorf("%s: %q, %v", name, got, err)
				}
				kept[name] = text
			}
			if !maps.Equal(kept, tt.kept) {
				t.Errorf("kept: %q, want %q", kept, tt.kept)
			}
		})
	}
}

// What is not of a run is told before anything is changed.
func TestForeignFiles(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		names string
	}{
		"a file":                             {map[string]string{"notes.txt": "mine"}, "notes.txt"},
		"a folder":                           {map[string]string{"mine/": ""}, "mine"},
		"a file in a run's folder":           {map[string]string{lockFile: "", outcomesFile: magic, "notes.txt": "mine"}, "notes.txt"},
		"a log, and nothing of a run":        {map[string]string{logFile: "mine"}, logFile},
		"a log and a lock":                   {map[string]string{logFile: "mine", lockFile: ""}, logFile},
		"a lock that says something":         {map[string]string{lockFile: "mine"}, lockFile},
		"outcomes of something else":         {map[string]string{lockFile: "", outcomesFile: "mine, all mine"}, outcomesFile},
		"outcomes that lead elsewhere":       {map[string]string{lockFile: "", outcomesFile: "->/dev/null"}, outcomesFile},
		"a folder called failed.jsonl":       {map[string]string{lockFile: "", outcomesFile: magic, failedFile + "/": ""}, failedFile},
		"a folder called run.json":           {map[string]string{lockFile: "", infoFile + "/": ""}, infoFile},
		"a hidden file":                      {map[string]string{lockFile: "", ".new-notes": "mine"}, ".new-notes"},
		"a temporary file of something else": {map[string]string{".new-5": "mine"}, ".new-5"},
		"a temporary name that is a link":    {map[string]string{lockFile: "", ".new-5": "->notes"}, ".new-5"},
		"a file called earlier":              {map[string]string{earlierFolder: "mine"}, earlierFolder},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, tt.files)
			before := content(t, dir)
			_, err := Create(dir, Info{}, Options{})
			want := dir + " is not empty: it holds " + tt.names + ", which is not of a run; hint: "
			if exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
			if now := content(t, dir); !maps.Equal(now, before) {
				t.Errorf("it holds %q, and held %q", now, before)
			}
		})
	}
	t.Run("beside a finished run", func(t *testing.T) {
		dir := t.TempDir()
		made(t, dir, "1", &End{})
		fill(t, dir, map[string]string{"notes.txt": "mine"})
		before := content(t, dir)
		if _, err := MoveAside(dir); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "it holds notes.txt, ") {
			t.Errorf("%v", err)
		}
		if now := content(t, dir); !maps.Equal(now, before) {
			t.Errorf("it holds %q, and held %q", now, before)
		}
	})
}

// A file or a link to nothing in the place of the folder is wrong usage.
func TestNoFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	fill(t, ".", map[string]string{"file": "mine", "link": "->nowhere"})
	for path, want := range map[string]string{
		"file": "file is not a folder; hint: ", "file/run": "file is not a folder; hint: ", "link": "link is a link to nothing (nowhere); hint: ",
	} {
		if _, err := Create(path, Info{}, Options{}); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A move that was cut off after any of its files goes on, also when a host has died while it wrote run.json.
func TestMoveAsideAfterADeath(t *testing.T) {
	for moved := range 4 {
		dir := t.TempDir()
		made(t, dir, "1", &End{})
		fill(t, dir, map[string]string{".new-5": "{", logFile: "log", "earlier/1/": ""})
		before := content(t, dir)
		for _, name := range []string{outcomesFile, failedFile, logFile}[:moved] {
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, earlierFolder, "1", name)); err != nil {
				t.Fatal(err)
			}
		}
		to, err := MoveAside(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{outcomesFile, failedFile, logFile, infoFile} {
			if got := content(t, to)[name]; got != before[name] {
				t.Errorf("%s: %q, want %q", name, got, before[name])
			}
		}
		made(t, dir, "2", &End{})
		if _, left := content(t, dir)[".new-5"]; left || !IsRun(dir) {
			t.Errorf("%q", content(t, dir))
		}
	}
}
