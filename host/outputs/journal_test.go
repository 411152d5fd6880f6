package outputs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// journalOf is the journal of a run of its own, at t's expense.
func journalOf(t *testing.T, root string, shared func(Owner)) *Journal {
	t.Helper()
	j, err := New(root, Owner{PID: os.Getpid()}, shared)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// states looks, and says what becomes of some outputs.
func states(t *testing.T, j *Journal, rel ...string) string {
	t.Helper()
	if _, err := j.Look(nil); err != nil {
		t.Fatal(err)
	}
	words := map[template.OutputState]string{template.OutputWhole: "whole", template.OutputUnfinished: "unfinished", template.OutputOpen: "open"}
	var out []string
	for _, r := range rel {
		out = append(out, words[j.Of([]byte(r))])
	}
	return strings.Join(out, " ")
}

func worker(t *testing.T, j *Journal, index int) *Page {
	t.Helper()
	p, err := j.Worker(index)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// note writes down what a worker has begun.
func note(t *testing.T, p *Page, rel ...string) {
	t.Helper()
	if _, err := p.file.WriteAt([]byte(strings.Join(rel, "\x00")+"\x00\x00"), pageNotes); err != nil {
		t.Fatal(err)
	}
}

// orphan leaves a page as a host that is killed does. What it gives the page's owner is of another machine, or another start of
// this one.
func orphan(t *testing.T, root string, change func(*Owner), rel ...string) string {
	t.Helper()
	j := journalOf(t, root, nil)
	if change != nil {
		change(&j.owner)
	}
	p := worker(t, j, 0)
	note(t, p, rel...)
	close(j.stop)
	if err := p.file.Close(); err != nil {
		t.Fatal(err)
	}
	return p.Path
}

func finish(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestNothingIsMadeForALook(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	j := journalOf(t, root, nil)
	if asked, err := j.Look(nil); asked || err != nil {
		t.Errorf("%v, %v", asked, err)
	}
	finish(t, j)
	if isThere(root) {
		t.Error("the output folder was made")
	}
}

func TestWhatDeadWorkersHadBegunIsUnfinished(t *testing.T) {
	root := t.TempDir()
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	note(t, p, "a", "b/c")
	if got := states(t, j, "a"); got != "whole" {
		t.Errorf("a page of the run's own says %s", got)
	}
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	if got := states(t, j, "a", "b/c", "d"); got != "unfinished unfinished whole" {
		t.Error(got)
	}
	if isThere(p.Path) {
		t.Error("the page is left")
	}
	finish(t, j)
	// Another run knows of it, and so does the one after a success.
	j = journalOf(t, root, nil)
	if got := states(t, j, "a", "b/c"); got != "unfinished unfinished" {
		t.Error(got)
	}
	if err := j.records.append(j.dir, concluded, []uint64{Key("a")}); err != nil {
		t.Fatal(err)
	}
	finish(t, j)
	j = journalOf(t, root, nil)
	if got := states(t, j, "a", "b/c"); got != "whole unfinished" {
		t.Error(got)
	}
	if err := j.records.append(j.dir, concluded, []uint64{Key("b/c")}); err != nil {
		t.Fatal(err)
	}
	finish(t, j)
	if isThere(filepath.Join(root, template.JournalFolder)) {
		t.Error("the folder is left, with nothing to say")
	}
}

func TestPagesOfOtherRuns(t *testing.T) {
	for name, c := range map[string]struct {
		owner func(*Owner)
		age   time.Duration
		held  bool
		want  string
	}{
		"nobody holds it":                  {want: "unfinished"},
		"somebody holds it":                {held: true, want: "open"},
		"somebody has held it for long":    {held: true, age: time.Hour, want: "open"},
		"another machine, written lately":  {owner: elsewhereOwner, want: "open"},
		"another machine, a while ago":     {owner: elsewhereOwner, age: beatAge + time.Minute, want: "unfinished"},
		"another machine, nearly too old":  {owner: elsewhereOwner, age: beatAge - time.Minute, want: "open"},
		"this machine, started anew since": {owner: func(o *Owner) { o.Boot = "before" }, want: "unfinished"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := orphan(t, root, c.owner, "x")
			if c.held {
				file, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = file.Close() }()
				if err := unix.Flock(int(file.Fd()), unix.LOCK_SH); err != nil {
					t.Fatal(err)
				}
			}
			then := time.Now().Add(-c.age)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			var told []Owner
			j := journalOf(t, root, func(o Owner) { told = append(told, o) })
			if got := states(t, j, "x", "y"); got != c.want+" whole" {
				t.Errorf("it is %s, want %s", got, c.want)
			}
			if isThere(path) != (c.want == "open") || len(told) > 1 || (len(told) == 1) != (c.want == "open") {
				t.Errorf("told of %v, the page is there: %v", told, isThere(path))
			}
			finish(t, j)
			if !isThere(filepath.Join(root, template.JournalFolder)) {
				t.Error("the folder is gone, with what it says")
			}
		})
	}
}

func elsewhereOwner(o *Owner) { o.Host, o.Machine, o.Boot = "elsewhere", "another", "other" }

func TestAPageThatChanges(t *testing.T) {
	root := t.TempDir()
	other := journalOf(t, root, nil)
	p := worker(t, other, 0)
	note(t, p, "x")
	j := journalOf(t, root, nil)
	if got := states(t, j, "x", "y"); got != "open whole" {
		t.Error(got)
	}
	note(t, p, "y")
	if got := states(t, j, "x", "y"); got != "whole open" {
		t.Error(got)
	}
	// A worker writes a failure down before it takes it from its page.
	if err := other.records.append(other.dir, begunOnly, []uint64{Key("y")}); err != nil {
		t.Fatal(err)
	}
	note(t, p, "z")
	if got := states(t, j, "x", "y", "z"); got != "whole unfinished open" {
		t.Error(got)
	}
	finish(t, other)
	if got := states(t, j, "x", "y", "z"); got != "whole unfinished unfinished" {
		t.Error(got)
	}
	finish(t, j)
}

func TestAChildThatStillWrites(t *testing.T) {
	root := t.TempDir()
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	note(t, p, "x")
	child := exec.Command("sleep", "1000")
	shared, err := os.Open(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(shared.Fd()), unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	child.ExtraFiles = []*os.File{shared}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	_ = shared.Close()
	p.Handed()
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	if got := states(t, j, "x"); got != "unfinished" {
		t.Error(got)
	}
	finish(t, j)
	// The next run leaves it alone as long as it lives.
	j = journalOf(t, root, nil)
	if got := states(t, j, "x"); got != "open" {
		t.Error(got)
	}
	finish(t, j)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	j = journalOf(t, root, nil)
	if got := states(t, j, "x"); got != "unfinished" {
		t.Error(got)
	}
	finish(t, j)
}

func TestAFolderThatIsNotOurs(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"a link": {func(t *testing.T, path string) {
			t.Helper()
			other := filepath.Join(filepath.Dir(path), "other")
			for _, err := range []error{os.Mkdir(other, 0o700), os.WriteFile(filepath.Join(other, "page-x-0-1"), nil, 0o600), os.Symlink("other", path)} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}, "is a link"},
		"a file": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is not a folder"},
		"another user's": {func(t *testing.T, path string) {
			t.Helper()
			if os.Geteuid() != 0 {
				t.Skip("only root can give a folder away")
			}
			if err := errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 12345, 12345)); err != nil {
				t.Fatal(err)
			}
		}, "belongs to another user (uid 12345)"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, template.JournalFolder)
			c.make(t, path)
			j := journalOf(t, root, nil)
			var wrong *beneath.NotOursError
			if _, err := j.Look(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("a look: %v", err)
			}
			if _, err := j.Worker(0); !errors.As(err, &wrong) {
				t.Errorf("a worker: %v", err)
			}
			finish(t, j)
			if name == "a link" {
				if entries, err := os.ReadDir(filepath.Join(root, "other")); err != nil || len(entries) != 1 {
					t.Errorf("the linked folder was touched: %v, %v", entries, err)
				}
			}
		})
	}
}

func TestModesAreMendedAndKept(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, template.JournalFolder)
	if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	for file, want := range map[string]os.FileMode{path: 0o700, p.Path: 0o600} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	finish(t, j)
}

func TestRecordsThatAreNotWhole(t *testing.T) {
	root := t.TempDir()
	j := journalOf(t, root, nil)
	worker(t, j, 0)
	if err := j.records.append(j.dir, begunOnly, []uint64{Key("a")}); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(j.UnfinishedPath(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// What a writer that was killed leaves, and bytes that are not a record.
	if _, err := file.WriteString("0123456789abcdef0123456"); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if err := j.records.append(j.dir, begunOnly, []uint64{Key("b")}); err != nil {
		t.Fatal(err)
	}
	other := journalOf(t, root, nil)
	if got := states(t, other, "a", "b", "c"); got != "unfinished unfinished whole" {
		t.Error(got)
	}
	finish(t, other)
	finish(t, j)
}

func TestTheFileIsMadeSmallAgain(t *testing.T) {
	root := t.TempDir()
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	var keys []uint64
	for i := range 10_000 {
		keys = append(keys, Key(strings.Repeat("x", i%40)+string(rune('0'+i%10))+time.Duration(i).String()))
	}
	if err := errors.Join(j.records.append(j.dir, begunOnly, keys), j.records.append(j.dir, concluded, keys[1:]), p.Ended()); err != nil {
		t.Fatal(err)
	}
	// A writer that has the old file open finds the new one.
	late := records{}
	dir, err := os.OpenRoot(j.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if err := late.update(dir); err != nil {
		t.Fatal(err)
	}
	finish(t, j)
	info, err := os.Stat(j.UnfinishedPath())
	if err != nil || info.Size() != recordSize {
		t.Fatalf("%v, %v", info, err)
	}
	if err := late.append(dir, begunOnly, []uint64{7}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[uint64]int64{keys[0]: 0, 7: recordSize}, late.keys); diff != "" {
		t.Error(diff)
	}
}

func TestKeysAreThoseOfTheProtocol(t *testing.T) {
	// The SDKs compute the same.
	for text, want := range map[string]uint64{"": 0x811c9dc5, "a.o": 0x605e0de0158bfceb, "d/\u00fc.o": 0x1f8067434a030590} {
		if got := Key(text); got != want {
			t.Errorf("%q: %#x, want %#x", text, got, want)
		}
	}
}

func TestANewPageIsNotAHole(t *testing.T) {
	root := t.TempDir()
	j := journalOf(t, root, nil)
	p := worker(t, j, 0)
	var st unix.Stat_t
	if err := errors.Join(p.file.Sync(), unix.Fstat(int(p.file.Fd()), &st)); err != nil {
		t.Fatal(err)
	}
	if st.Size != pageSize || st.Blocks*512 < pageSize {
		t.Errorf("%d bytes in %d blocks", st.Size, st.Blocks)
	}
	if notes, err := readNotes(p.file); err != nil || notes != nil {
		t.Errorf("%v, %v", notes, err)
	}
	finish(t, j)
}
