package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
)

func made(t *testing.T, dir, id string, end *End) {
	t.Helper()
	l, err := Create(dir, Info{ID: id}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if end == nil {
		// The host is killed.
		close(l.stop)
		<-l.stopped
		if err := l.closeFiles(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := l.Close(*end); err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	root := t.TempDir()
	for want, end := range map[Status]*End{
		Done: {}, SomeFailed: {Exit: 3}, Failed: {Exit: 1}, Interrupted: {Exit: 130}, Died: nil,
	} {
		dir := filepath.Join(root, string(want))
		made(t, dir, string(want), end)
		info, err := ReadInfo(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := StatusOf(dir, info); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	dir := filepath.Join(root, "now")
	l, err := Create(dir, Info{ID: "now"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	info := l.Info()
	// Two who ask at once see the same.
	for range 2 {
		if got := StatusOf(dir, &info); got != Running {
			t.Errorf("%s while it runs", got)
		}
	}
	const busy = "is the folder of a run that is still under way"
	if _, err := Create(dir, Info{}, Options{}); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), busy) {
		t.Errorf("a folder in use: %v", err)
	}
	if _, err := MoveAside(dir); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), busy) {
		t.Errorf("moving a run that is under way: %v", err)
	}
	if err := l.Close(End{}); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	if _, err := Find(root, "last"); err == nil || !strings.Contains(err.Error(), "no run yet") {
		t.Errorf("last of none: %v", err)
	}
	for _, id := range []string{"20260101-000000000-aaaaaa", "20260102-000000000-aaaaaa", "20260102-000000000-bbbbbb"} {
		made(t, filepath.Join(root, id), id, &End{})
	}
	if err := os.WriteFile(filepath.Join(root, "a file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ word, want, wrong string }{
		{"last", "20260102-000000000-bbbbbb", ""},
		{"20260101", "20260101-000000000-aaaaaa", ""},
		{"20260102-000000000-a", "20260102-000000000-aaaaaa", ""},
		{"20260102", "", "2 runs begin with it"},
		{"2027", "", "no such run; hint: the newest are 20260102-000000000-bbbbbb, 20260102-000000000-aaaaaa, 20260101-"},
		{root + "/20260101-000000000-aaaaaa", "20260101-000000000-aaaaaa", ""},
		{root + "/20260101-000000000-aaaaaa/", "20260101-000000000-aaaaaa", ""},
		{root, "", "not the folder of a run"},
	}
	for _, tt := range tests {
		r, err := Find(root, tt.word)
		switch {
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%s: %v, want %q", tt.word, err, tt.wrong)
		case tt.wrong == "" && (err != nil || r.Info.ID != tt.want):
			t.Errorf("%s: %+v, %v", tt.word, r, err)
		}
	}
}

func TestMoveAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	made(t, dir, "1", nil)
	if _, err := Create(dir, Info{ID: "2"}, Options{}); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), dir+" holds the run 1; hint: ") {
		t.Fatalf("a folder that holds a run: %v", err)
	}
	// The first attempt is cut off after the first file.
	if err := os.MkdirAll(filepath.Join(dir, earlierFolder, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, outcomesFile), filepath.Join(dir, earlierFolder, "1", outcomesFile)); err != nil {
		t.Fatal(err)
	}
	to, err := MoveAside(dir)
	if err != nil || !IsRun(to) || IsRun(dir) {
		t.Fatalf("%s, %v", to, err)
	}
	if r, ok := Aside(dir); !ok || r.Info.ID != "1" || r.Dir != to {
		t.Errorf("what was moved: %+v, %v", r, ok)
	}
	if r, err := Find("", dir); err != nil || r.Dir != to {
		t.Errorf("the folder it was moved from: %+v, %v", r, err)
	}
	if s := read(t, to); s.Listed != -1 {
		t.Errorf("its state: %+v", s)
	}
	made(t, dir, "2", &End{})

	other := filepath.Join(t.TempDir(), "other")
	if err := os.MkdirAll(filepath.Join(other, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(other, Info{}, Options{}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder with something else in it: %v", err)
	}
	if entries, err := os.ReadDir(other); err != nil || len(entries) != 1 {
		t.Errorf("a folder that was refused holds %v, %v", entries, err)
	}
	theirs := filepath.Join(t.TempDir(), lockFile)
	if err := os.WriteFile(theirs, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Dir(theirs), Info{}, Options{}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder with a lock of somebody else's in it: %v", err)
	}
	if text, err := os.ReadFile(theirs); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestPrune(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	for id, end := range map[string]*End{"1": {}, "2": nil, "3": {Exit: 3}, "4": {}, "5": {Exit: 130}, "6": {}, "7": {}, "8": {}} {
		made(t, filepath.Join(root, id), id, end)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Of a run that was resumed in its folder.
	must(os.MkdirAll(filepath.Join(root, "1", earlierFolder), 0o755))
	made(t, filepath.Join(root, "1", earlierFolder, "0"), "0", &End{})
	// Things of the user's: beside a run, in a run that another one took up, and where a link leads.
	must(os.WriteFile(filepath.Join(root, "6", "notes"), nil, 0o644))
	must(os.MkdirAll(filepath.Join(root, "7", earlierFolder, "0"), 0o755))
	must(os.WriteFile(filepath.Join(root, "7", earlierFolder, "0", "notes"), nil, 0o644))
	made(t, filepath.Join(elsewhere, "0"), "0", &End{})
	must(os.Symlink(filepath.Join(elsewhere, "0"), filepath.Join(root, "0")))

	removed, kept, err := Prune(root, 1)
	if err != nil || removed != 2 || len(kept) != 3 {
		t.Errorf("%d, %v, %v", removed, kept, err)
	}
	runs, err := List(root)
	var left []string
	for _, r := range runs {
		left = append(left, r.Info.ID)
	}
	if got := strings.Join(left, " "); err != nil || got != "8 7 6 5 3 2 0" {
		t.Errorf("left: %s, %v", got, err)
	}
	for _, path := range []string{filepath.Join(root, "6", "notes"), filepath.Join(root, "7", earlierFolder, "0", "notes"), filepath.Join(elsewhere, "0", infoFile)} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestIDs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600))
	if id := NewID("", now); !strings.HasPrefix(id, "20260102-020405006-") || len(id) != 25 {
		t.Error(id)
	}
}

// A clock that is set back does not make an old run the last one.
func TestIDsAfterTheClockWasSetBack(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := ""
	for _, at := range []time.Time{now, now, now.Add(-time.Hour), now.Add(time.Second), now.Add(time.Second)} {
		id := NewID(root, at)
		if id <= last {
			t.Errorf("%s after %s", id, last)
		}
		last = id
		made(t, filepath.Join(root, id), id, &End{})
	}
	if r, err := Find(root, "last"); err != nil || r.Info.ID != last {
		t.Errorf("the last: %+v, %v; want %s", r, err, last)
	}
}

func TestLog(t *testing.T) {
	dir := t.TempDir()
	var l Log
	write := func(text string) {
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("early\n")
	if err := l.Open(dir); err != nil {
		t.Fatal(err)
	}
	write("late\n")
	l.size = maxLogBytes
	write("too much\n")
	write("too much\n")
	l.Close()
	write("after\n")
	data, err := os.ReadFile(filepath.Join(dir, logFile))
	if err != nil || string(data) != "early\nlate\nthe log is cut here: it has reached 16 MiB\n" {
		t.Errorf("%q, %v", data, err)
	}
}
