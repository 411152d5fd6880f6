package outputs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// near is the journal of a run whose output folder lay above or below this one's: what it has begun may be an output of this
// run, by another name.
type near struct {
	j *Journal
	// above is what this run's output folder is called there, and below what that folder is called here; both end in a slash,
	// and one is empty.
	above, below string
}

// called is what an output of this run is called in a near journal; false: it is none there.
func (n near) called(rel []byte) (string, bool) {
	if n.above != "" {
		return n.above + string(rel), !bytes.HasPrefix(rel, []byte("../"))
	}
	return strings.CutPrefix(string(rel), n.below)
}

// maxBelow bounds how many folders are remembered as having no journal of their own.
const maxBelow = 4096

// lookAround finds the journals above the output folder, and those between it and a folder in it. It is called with the lock
// held. What cannot be read is another user's, or no folder of ours: it is left alone.
func (j *Journal) lookAround(folder []byte) {
	if j.alone {
		return
	}
	if time.Since(j.looked) >= askEvery {
		j.looked = time.Now()
		j.lookAbove()
	}
	if len(folder) > 0 && folder[0] == '/' {
		return
	}
	for end := 0; end < len(folder); end++ {
		if next := bytes.IndexByte(folder[end:], '/'); next >= 0 {
			end += next
		} else {
			end = len(folder)
		}
		part := folder[:end]
		if _, ok := j.below[string(part)]; ok || len(part) == 0 || bytes.HasPrefix(part, []byte("..")) {
			continue
		}
		if len(j.below) >= maxBelow {
			clear(j.below)
		}
		name := string(part)
		j.below[name] = struct{}{}
		j.add(filepath.Join(filepath.Dir(j.path), name), "", name+"/")
	}
}

// lookAbove finds the journals of the folders that the output folder lies in.
func (j *Journal) lookAbove() {
	root, err := filepath.EvalSymlinks(filepath.Dir(j.path))
	if err != nil {
		return
	}
	for dir := filepath.Dir(root); ; dir = filepath.Dir(dir) {
		name, err := filepath.Rel(dir, root)
		if err != nil || name == "." {
			return
		}
		j.add(dir, name+"/", "")
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

// add takes up the journal of a folder, if it has one.
func (j *Journal) add(root, above, below string) {
	if info, err := os.Lstat(filepath.Join(root, template.JournalFolder)); err != nil || !info.IsDir() {
		return
	}
	for _, n := range j.near {
		if filepath.Dir(n.j.path) == root {
			return
		}
	}
	other, err := New(root, j.owner, j.shared)
	if err != nil {
		return
	}
	other.alone = true
	j.near = append(j.near, near{other, above, below})
}

// lookNear reads what is noted in the journals around. It is called with the lock held.
func (j *Journal) lookNear() (noted bool, err error) {
	for _, n := range j.near {
		found, err := n.j.Look(nil)
		if foreign := new(FolderError); errors.As(err, &foreign) {
			continue
		}
		if err != nil {
			return false, err
		}
		noted = noted || found
	}
	return noted, nil
}

// nearState is what the journals around say of an output. It is called with the lock held.
func (j *Journal) nearState(rel []byte) template.OutputState {
	state := template.OutputWhole
	for _, n := range j.near {
		name, ok := n.called(rel)
		if !ok {
			continue
		}
		switch n.j.Of([]byte(name)) {
		case template.OutputOpen:
			return template.OutputOpen
		case template.OutputUnfinished:
			state = template.OutputUnfinished
		}
	}
	return state
}

// Mark is where an output was noted as unfinished when it was asked for, and what it was then.
type Mark struct {
	journal *Journal
	key     uint64
	at      int64
	path    string
	was     fs.FileInfo
}

// changed reports whether the output is there, and is not what it was.
func (m Mark) changed() bool {
	now, err := os.Stat(m.path)
	return err == nil && (m.was == nil || !os.SameFile(m.was, now) || !m.was.ModTime().Equal(now.ModTime()) || m.was.Size() != now.Size())
}

// Noted reports whether Marks may have something to say.
func (j *Journal) Noted() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	noted := j.readOnly && len(j.records.keys) > 0
	for _, n := range j.near {
		n.j.mu.Lock()
		noted = noted || len(n.j.records.keys) > 0
		n.j.mu.Unlock()
	}
	return noted
}

// Marks says where an output is noted as unfinished now. Workers that note what they begin conclude it in the journal of their own
// folder; with them, only the journals around count.
func (j *Journal) Marks(rel string) []Mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	var marks []Mark
	if j.readOnly {
		marks = j.mark(marks, rel)
	}
	for _, n := range j.near {
		if name, ok := n.called([]byte(rel)); ok {
			n.j.mu.Lock()
			marks = n.j.mark(marks, name)
			n.j.mu.Unlock()
		}
	}
	return marks
}

func (j *Journal) mark(marks []Mark, rel string) []Mark {
	key := Key(rel)
	at, ok := j.records.keys[key]
	if !ok {
		return marks
	}
	path := filepath.Join(filepath.Dir(j.path), rel)
	was, err := os.Stat(path)
	if err != nil {
		was = nil
	}
	return append(marks, Mark{j, key, at, path, was})
}

// Mend says that outputs are whole now. One that is what it was, or that somebody has begun again since it was marked, stays
// unfinished.
func Mend(marks []Mark) error {
	noted := map[*Journal]map[uint64]int64{}
	for _, m := range marks {
		if !m.changed() {
			continue
		}
		if noted[m.journal] == nil {
			noted[m.journal] = map[uint64]int64{}
		}
		noted[m.journal][m.key] = m.at
	}
	var errs []error
	for j, keys := range noted {
		errs = append(errs, j.mend(keys))
	}
	return errors.Join(errs...)
}

func (j *Journal) mend(keys map[uint64]int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.attach(); err != nil || j.dir == nil || j.records.file == nil {
		return err
	}
	return j.records.conclude(j.dir, keys)
}
