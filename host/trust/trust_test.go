package trust

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

func write(t testing.TB, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(digit string) string { return strings.Repeat(digit, 64) }

func TestTreeSeesEveryChange(t *testing.T) {
	dir := t.TempDir()
	exe := write(t, filepath.Join(dir, "plugin", "run"), "#!/bin/sh\n", 0o755)
	file := write(t, filepath.Join(dir, "plugin", "lib", "a.py"), "a = 1\n", 0o644)
	outside := write(t, filepath.Join(dir, "outside"), "x", 0o755)
	root := filepath.Join(dir, "plugin")
	seen := map[string]string{}
	hash := func(what string, exe string, isNew bool) Hash {
		t.Helper()
		h, err := Tree(root, exe)
		if err != nil {
			t.Fatal(err)
		}
		if was, known := seen[h.Sum]; known == isNew {
			t.Errorf("%s: hash known as %q", what, was)
		}
		seen[h.Sum] = what
		return h
	}
	first := hash("at first", exe, true)
	if own, err := File(exe); err != nil || own != first.Exe {
		t.Errorf("the executable's own hash is %s, not %s (%v)", own, first.Exe, err)
	}
	hash("again", exe, false)
	write(t, filepath.Join(root, ".git", "x"), "x", 0o644)
	write(t, filepath.Join(root, "lib", "__pycache__", "a.pyc"), "x", 0o644)
	if err := os.Mkdir(filepath.Join(root, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	hash("with what is left out", exe, false)
	if h := hash("another executable", outside, true); h.Exe == first.Exe || h.Exe == "" {
		t.Error("the executable outside is not covered")
	}
	write(t, outside, "y", 0o755)
	hash("the executable outside has changed", outside, true)
	if h := hash("an interpreter from PATH", "", false); h.Exe != "" {
		t.Error("an interpreter has a hash")
	}
	write(t, file, "a = 2\n", 0o644)
	hash("content", exe, true)
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
	hash("mode", exe, true)
	if err := os.Rename(file, filepath.Join(root, "lib", "b.py")); err != nil {
		t.Fatal(err)
	}
	hash("name", exe, true)
	link := filepath.Join(root, "link")
	for _, target := range []string{"nowhere", "elsewhere", "../outside", "lib"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		hash("link to "+target, exe, true)
		if target == "../outside" {
			write(t, outside, "z", 0o755)
			hash("what the link leads to", exe, true)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"..", ".git"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if _, err := Tree(root, exe); err == nil || !strings.Contains(err.Error(), link) {
			t.Errorf("a link to %s: %v", target, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "plugins.lock"), "version: 1\nplugins:\n  # ours\n  ./b: "+sum("b")+" # since May\n  quiet: ["+sum("1")+", "+sum("2")+"]\n", 0o640)
	err := Update(path, func(l *Lock) error {
		if _, before, err := l.Set(ID{Path: filepath.Join(dir, "sub", "a")}, sum("a"), false); err != nil || before != nil {
			t.Errorf("%v %v", before, err)
		}
		key, before, err := l.Set(ID{Name: "quiet", Path: "/bin/kagurazaka-plugin-quiet"}, sum("3"), true)
		if err != nil || key != "quiet" || len(before) != 2 {
			t.Errorf("%s %v %v", key, before, err)
		}
		_, _, err = l.Set(ID{Path: "/elsewhere/c"}, sum("c"), false)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "# " + heading + "\nversion: 1\nplugins:\n" +
		"  ./b: " + sum("b") + " # since May\n  ./sub/a: " + sum("a") + "\n  /elsewhere/c: " + sum("c") +
		"\n  quiet:\n    - \"" + sum("1") + "\"\n    - \"" + sum("2") + "\"\n    - \"" + sum("3") + "\"\n"
	if got := strings.Replace(string(data), "  # ours\n", "", 1); got != want || got == string(data) {
		t.Errorf("%s\nwant\n%s", data, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	// Written anew it is the same.
	if err := Update(path, func(*Lock) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, data) {
		t.Errorf("%s", again)
	}
	// What cannot be read is not written over.
	write(t, path, "version: 1\nplugins: {./b: abc}\n", 0o640)
	if err := Update(path, func(*Lock) error { return nil }); err == nil {
		t.Error("a broken lock was written over")
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// Two that trust plugins at once both have them in the lock.
func TestUpdatesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "plugins.lock")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			err := Update(path, func(l *Lock) error {
				_, _, err := l.Set(ID{Name: string(rune('a' + i))}, sum("1"), false)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if l, problems := ReadLock(path); len(l.Entries) != 8 || len(problems) > 0 {
		t.Errorf("%v %v", l.Entries, problems)
	}
}

func TestEveryLockMustAgree(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	write(t, filepath.Join(dir, "plugins.lock"), "version: 1\nplugins: {./p: "+sum("a")+"}\n", 0o644)
	write(t, filepath.Join(dir, "config", "kagurazaka", "plugins.lock"), "version: 1\nplugins: {"+dir+"/p: "+sum("b")+", p: "+sum("c")+"}\n", 0o644)
	if err := os.MkdirAll(filepath.Join(dir, "deep", "er"), 0o755); err != nil {
		t.Fatal(err)
	}
	near, user := Locate(filepath.Join(dir, "deep", "er"))
	p := Policy{Locked: true}
	for _, path := range []string{near, user} {
		l, problems := ReadLock(path)
		if err := problem.Err(problems); err != nil {
			t.Fatal(err)
		}
		p.Locks = append(p.Locks, l)
	}
	id := ID{Path: filepath.Join(dir, "p")}
	if got := p.Compare(id, "p", sum("a")); len(got) != 1 || !strings.HasPrefix(got[0].Source, user+":2") {
		t.Errorf("%v", got)
	}
	if got := p.Compare(id, "p", sum("c")); len(got) != 2 {
		t.Errorf("a path has the hash of a name: %v", got)
	}
	if got := p.Unlisted(ID{Path: "/q"}, "q"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if p.Pinned(ID{Path: "/q"}) || !p.Pinned(ID{Name: "p", Path: "/q"}) {
		t.Error("what is pinned is not")
	}
}

func FuzzLock(f *testing.F) {
	for _, seed := range []string{
		"", "version: 1\n", "version: 1\nplugins:\n  ./a: " + sum("1") + " # why\n  # and\n  b: [" + sum("2") + "]\n", "plugins: [a]", "version: 2\nplugins: {a: b, a: c}",
		"version: 1\nplugins: {a: &x [*x]}", "a: &a [*a]", "version: 1\n---\n", "version: 1\nplugins: {? [a] : b}", "\x00", "- - -", "version: 1\nplugins: {\"\\n\": " + sum("3") + "}", "!!binary a", "<<: {version: 1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, problems := parseLock("it.lock", data)
		for _, p := range problems {
			if !strings.HasPrefix(p.Source, "it.lock") || p.Message == "" {
				t.Errorf("%+v", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		// What was read without a problem can be written, and means the same.
		text, err := l.text()
		if err != nil {
			t.Fatal(err)
		}
		again, problems := parseLock("it.lock", text)
		if len(problems) > 0 || len(again.Entries) != len(l.Entries) {
			t.Fatalf("%q was written as %q: %v", data, text, problems)
		}
		for i, e := range l.Entries {
			if again.Entries[i].Key != e.Key || strings.Join(again.Entries[i].Sums, " ") != strings.Join(e.Sums, " ") || len(e.Sums) == 0 {
				t.Errorf("%+v was written as %+v", e, again.Entries[i])
			}
		}
	})
}

func TestParseSums(t *testing.T) {
	a, b := sum("a"), sum("b")
	tests := []struct {
		texts []string
		want  string
		fails bool
	}{
		{nil, "", false},
		{[]string{a}, a, false},
		{[]string{a, "sha256:" + strings.ToUpper(a)}, a, false},
		{[]string{""}, "", true},
		{[]string{a, ""}, "", true},
		{[]string{"", a}, "", true},
		{[]string{a, b}, "", true},
		{[]string{b, a, b}, "", true},
	}
	for _, tt := range tests {
		if got, err := ParseSums(tt.texts); got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%q: %q, %v", tt.texts, got, err)
		}
	}
}

// What is in the place of a lock and is none is never taken for no lock.
func TestNoLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, lockName)
	for what, plant := range map[string]func() error{
		"a named pipe":    func() error { return syscall.Mkfifo(path, 0o600) },
		"a dangling link": func() error { return os.Symlink("nowhere", path) },
		"a link in a circle": func() error {
			return os.Symlink(lockName, path)
		},
		"a folder":                  func() error { return os.Mkdir(path, 0o700) },
		"a link to a device":        func() error { return os.Symlink("/dev/zero", path) },
		"a file that all may write": func() error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if near, _ := Locate(dir); near != path {
			t.Errorf("%s: %s is looked at", what, near)
		}
		if _, problems := ReadLock(path); len(problems) != 1 {
			t.Errorf("%s: %v", what, problems)
		}
		if err := Update(path, func(*Lock) error { return nil }); err == nil {
			t.Errorf("%s was replaced", what)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, problems := ReadLock(path); len(problems) != 0 {
		t.Errorf("nothing there: %v", problems)
	}
	if _, problems := ReadLock("/dev/null/.config/plugins.lock"); len(problems) != 0 {
		t.Errorf("below a file: %v", problems)
	}
}

// Who else could have written a lock.
func TestDoubt(t *testing.T) {
	const content = "version: 1\nplugins:\n  ./p: " // + sum
	tests := []struct {
		name   string
		change func(t *testing.T, dir, path string)
		doubt  string
		root   bool
	}{
		{"nobody", func(*testing.T, string, string) {}, "", false},
		{"the file's group", func(t *testing.T, _, path string) { mode(t, path, 0o664); give(t, path, 0, 65534) }, "the group 65534 may write to", true},
		{"the folder's group", func(t *testing.T, dir, _ string) { mode(t, dir, 0o775); give(t, dir, 0, 65534) }, "the group 65534 may write to", true},
		{"everyone, in the folder", func(t *testing.T, dir, _ string) { mode(t, dir, 0o777) }, "everyone may write to", false},
		{"everyone, in the folder above", func(t *testing.T, dir, _ string) { mode(t, filepath.Dir(dir), 0o777) }, "everyone may write to", false},
		{"nobody, in a folder like /tmp", func(t *testing.T, dir, _ string) { mode(t, dir, 0o777|os.ModeSticky) }, "", false},
		{"the file's owner", func(t *testing.T, _, path string) { give(t, path, 65534, 0) }, "belongs to user nobody", true},
		{"the folder's owner", func(t *testing.T, dir, _ string) { give(t, dir, 65534, 0) }, "belongs to user nobody", true},
		{"the owner of what a link leads to", func(t *testing.T, _, path string) {
			target := filepath.Join(t.TempDir(), "real")
			if err := errors.Join(os.Rename(path, target), os.Symlink(target, path)); err != nil {
				t.Fatal(err)
			}
			give(t, filepath.Dir(target), 65534, 0)
		}, "belongs to user nobody", true},
		{"everyone, in the folder of a link on the way", func(t *testing.T, _, path string) {
			link := throughLinks(t, path, filepath.Base(path))
			mode(t, filepath.Dir(link), 0o777)
		}, "everyone may write to", false},
		{"everyone, above the folder of a link on the way", func(t *testing.T, _, path string) {
			link := throughLinks(t, path, filepath.Base(path))
			mode(t, filepath.Dir(filepath.Dir(link)), 0o777)
		}, "everyone may write to", false},
		{"everyone, in the folder of a folder's link on the way", func(t *testing.T, _, path string) {
			link := throughLinks(t, path, "")
			mode(t, filepath.Dir(link), 0o777)
		}, "everyone may write to", false},
		{"the owner of a link on the way", func(t *testing.T, _, path string) {
			link := throughLinks(t, path, filepath.Base(path))
			mode(t, filepath.Dir(link), 0o777|os.ModeSticky)
			if err := os.Lchown(link, 65534, 0); err != nil {
				t.Fatal(err)
			}
		}, "belongs to user nobody", true},
		{"nobody, through links", func(t *testing.T, _, path string) { throughLinks(t, path, filepath.Base(path)) }, "", false},
		{"nobody, through a folder's link", func(t *testing.T, _, path string) { throughLinks(t, path, "") }, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.root && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			dir := filepath.Join(t.TempDir(), "project")
			path := write(t, filepath.Join(dir, lockName), content+sum("a")+"\n", 0o644)
			tt.change(t, dir, path)
			l, problems := ReadLock(path)
			if len(problems) > 0 || !strings.Contains(l.Doubt, tt.doubt) || (l.Doubt == "") != (tt.doubt == "") {
				t.Fatalf("%q, %v", l.Doubt, problems)
			}
			id := ID{Path: filepath.Join(dir, "p")}
			policy := Policy{Locks: []*Lock{l}, Locked: true}
			if unlisted := policy.Unlisted(id, "p"); (len(unlisted) == 0) != (tt.doubt == "") {
				t.Errorf("--locked: %v", unlisted)
			}
			// It still refuses what it has with another hash.
			if wrong := policy.Compare(id, "p", sum("b")); len(wrong) != 1 {
				t.Errorf("another hash: %v", wrong)
			}
		})
	}
}

// throughLinks moves a file away and leaves a relative link in its place. That leads to a second link, which it returns, and that to the
// file, or, without its name, to the file's new folder.
func throughLinks(t *testing.T, path, name string) string {
	t.Helper()
	base := t.TempDir()
	target, between := filepath.Join(base, "real", filepath.Base(path)), filepath.Join(base, "above", "between")
	link := filepath.Join(between, "link")
	way := link
	if name == "" {
		way = filepath.Join(link, filepath.Base(path))
	}
	rel, err := filepath.Rel(filepath.Dir(path), way)
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(target), 0o755), os.MkdirAll(between, 0o755), os.Rename(path, target),
		os.Symlink(filepath.Join("..", "..", "real", name), link), os.Symlink(rel, path)); err != nil {
		t.Fatal(err)
	}
	return link
}

func mode(t *testing.T, path string, m os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, m); err != nil {
		t.Fatal(err)
	}
}

func give(t *testing.T, path string, uid, gid int) {
	t.Helper()
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// A lock is not looked for in or above a folder that others may write to.
func TestLocateStops(t *testing.T) {
	base := t.TempDir()
	top := write(t, filepath.Join(base, lockName), "version: 1\n", 0o644)
	work := filepath.Join(base, "open", "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	if near, _ := Locate(work); near != top {
		t.Errorf("found %s", near)
	}
	for _, m := range []os.FileMode{0o777, 0o777 | os.ModeSticky} {
		mode(t, filepath.Join(base, "open"), m)
		planted := write(t, filepath.Join(base, "open", lockName), "version: 1\n", 0o644)
		if near, _ := Locate(work); near != filepath.Join(work, lockName) {
			t.Errorf("found %s", near)
		}
		// Where one works, one's own lock is looked at all the same: it is refused, or doubted, aloud.
		if near, _ := Locate(filepath.Join(base, "open")); near != planted {
			t.Errorf("found %s", near)
		}
	}
}
