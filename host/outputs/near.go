package outputs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// near is the journal of an output folder above or below this one's. It may list outputs of this run under another name.
type near struct {
	j *Journal
	// above is the path of this run's output folder there, below the path of that folder here. Both end in a slash, and one is empty.
	above, below string
}

// called is the name of an output of this run in a near journal; false: it is not an output there.
func (n near) called(rel []byte) (string, bool) {
	if n.above != "" {
		return n.above + string(rel), !bytes.HasPrefix(rel, []byte("../"))
	}
	return strings.CutPrefix(string(rel), n.below)
}

// maxBelow bounds the folders that are remembered as searched.
const maxBelow = 4096

// lookAround finds the journals above the output folder, and those between it and a folder in it. The caller holds the lock. A folder
// that cannot be read belongs to another user or program, and is ignored.
func (j *Journal) lookAround(folder []byte) {
	if j.alone {
		return
	}
	if time.Since(j.looked) >= askEvery {
		j.looked = time.Now()
		j.lookAbove()
	}
	for part := path.Clean(string(folder)); part != "." && !path.IsAbs(part) && !strings.HasPrefix(part, ".."); part = path.Dir(part) {
		if _, ok := j.below[part]; ok {
			return
		}
		if len(j.below) >= maxBelow {
			clear(j.below)
		}
		j.below[part] = struct{}{}
		j.add(filepath.Join(filepath.Dir(j.path), part), "", part+"/")
	}
}

// lookAbove finds the journals of the folders above the output folder.
func (j *Journal) lookAbove() {
	root, err := filepath.EvalSymlinks(filepath.Dir(j.path))
	if err != nil {
		return
	}
	for dir := root; dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		if name, err := filepath.Rel(dir, root); err == nil {
			j.add(dir, name+"/", "")
		}
	}
}

// add adds the journal of a folder, if there is one.
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

// lookNear reads the near journals. The caller holds the lock.
func (j *Journal) lookNear() (noted bool, err error) {
	for _, n := range j.near {
		found, err := n.j.Look(nil)
		if not := new(beneath.NotOursError); errors.As(err, &not) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return false, err
		}
		noted = noted || found
	}
	return noted, nil
}

// nearState is the state of an output in the near journals. The caller holds the lock.
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

// Mark is an entry that lists an output as unfinished, with the state of the output at that time.
type Mark struct {
	journal *Journal
	key     uint64
	at      int64
	path    string
	was     fs.FileInfo
}

// changed reports whether the output exists and has changed since.
func (m Mark) changed() bool {
	now, err := os.Stat(m.path)
	return err == nil && (m.was == nil || !os.SameFile(m.was, now) || !m.was.ModTime().Equal(now.ModTime()) || m.was.Size() != now.Size())
}

// Noted reports whether Marks may return anything.
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

// Marks returns the entries that list an output as unfinished. Workers that write pages clear those of their own journal themselves; for
// them, only the near journals count.
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
	output := filepath.Join(filepath.Dir(j.path), rel)
	was, _ := os.Stat(output)
	return append(marks, Mark{j, key, at, output, was})
}

// Mend records that outputs are finished. An output that has not changed, or that was begun again since, stays unfinished.
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
	var err error
	for j, keys := range noted {
		err = errors.Join(err, j.mend(keys))
	}
	return err
}

func (j *Journal) mend(keys map[uint64]int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.attach(); err != nil || j.dir == nil || j.records.file == nil {
		return err
	}
	return j.records.conclude(j.dir, keys)
}
