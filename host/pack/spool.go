package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// The files in the spool beside the folder of the samples.
const (
	// liveName is locked by every run that uses the spool, together with others. A run that has it for itself is alone.
	liveName = "lock"
	// commitName is locked by a run while it looks at the archives of others and adds one.
	commitName = "commit"
	// partPrefix begins the names of files that are about to be an archive or an index.
	partPrefix = "part-"
)

// samplesName is the folder of the samples in the spool.
var samplesName = path.Base(template.SpoolPath)

// spool is the opened spool of an output folder.
type spool struct {
	// out is the output folder, dir the spool in it.
	out, dir     *os.Root
	live, commit *os.File
	// alone: no other run uses the spool, and none can begin to.
	alone bool
}

// openSpool opens the spool of an output folder, and makes both where create is set; nil: there is none. It waits while another run is
// alone there.
func openSpool(folder string, create bool) (*spool, error) {
	for {
		if create {
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return nil, err
			}
		}
		s := &spool{}
		err := s.open(folder, create)
		if err == nil {
			return s, nil
		}
		s.close()
		switch {
		case errors.Is(err, errGone):
		case errors.Is(err, fs.ErrNotExist) && !create:
			return nil, nil
		case errors.Is(err, errors.ErrUnsupported):
			return nil, fmt.Errorf("%s: the file system has no locks (flock), and OutputByTar needs them: two runs at once would pack one sample twice", filepath.Join(folder, template.SpoolFolder))
		default:
			return nil, fmt.Errorf("opening the folder of samples to be packed: %w", err)
		}
	}
}

// errGone: the spool was removed while it was opened.
var errGone = errors.New("the folder is gone")

func (s *spool) open(folder string, create bool) (err error) {
	if s.out, err = os.OpenRoot(folder); err != nil {
		return err
	}
	if create {
		s.dir, err = beneath.Make(s.out, template.SpoolFolder, 0o755)
	} else {
		s.dir, err = beneath.Open(s.out, template.SpoolFolder)
	}
	if err != nil {
		return err
	}
	if s.live, err = s.openLock(liveName); err != nil {
		return err
	}
	err = filelock.TryLock(s.live)
	s.alone = err == nil
	if errors.Is(err, filelock.ErrHeld) {
		err = filelock.LockShared(s.live)
	}
	if err != nil {
		return err
	}
	// A run that was alone may have removed it meanwhile.
	if !filelock.IsAt(s.live, filepath.Join(folder, template.SpoolFolder, liveName)) {
		return errGone
	}
	if s.commit, err = s.openLock(commitName); err != nil {
		return err
	}
	if err := s.dir.Mkdir(samplesName, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (s *spool) openLock(name string) (*os.File, error) {
	file, err := s.dir.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	return file, err
}

func (s *spool) close() {
	for _, f := range []*os.File{s.live, s.commit} {
		if f != nil {
			_ = f.Close()
		}
	}
	for _, r := range []*os.Root{s.dir, s.out} {
		if r != nil {
			_ = r.Close()
		}
	}
}

// share lets other runs use the spool as well.
func (s *spool) share() error {
	s.alone = false
	return filelock.LockShared(s.live)
}

// tryAlone reports whether this run has the spool for itself from now on. If not, it has no lock on it any more.
func (s *spool) tryAlone() (bool, error) {
	if s.alone {
		return true, nil
	}
	err := filelock.TryLock(s.live)
	s.alone = err == nil
	if errors.Is(err, filelock.ErrHeld) {
		err = nil
	}
	return s.alone, err
}

// found is what lies in a spool.
type found struct {
	// whole are the samples with their first member, and rests the members of others.
	whole []sample
	rests []string
	// other are samples with their first member, and with a file in the place of a member that is missing: a run with other keys has written them.
	other []sample
	// strays is the number of files that the output mode does not declare as members, and firstStray the path of one.
	strays     int
	firstStray string
}

func (f *found) stray(rel string) {
	if f.strays++; f.strays == 1 {
		f.firstStray = rel
	}
}

// look finds what lies in the spool. Paths are below the folder of the samples.
func (s *spool) look(output *template.Output) (f found, err error) {
	samples, err := s.dir.OpenRoot(samplesName)
	if err != nil {
		return f, err
	}
	defer func() { _ = samples.Close() }()
	err = lookIn(samples, "", output, &f)
	return f, err
}

func lookIn(dir *os.Root, rel string, output *template.Output, f *found) error {
	opened, err := dir.Open(".")
	if err != nil {
		return err
	}
	entries, err := opened.ReadDir(-1)
	_ = opened.Close()
	if err != nil {
		return err
	}
	// The numbers of the members that lie here, and of the files that are not declared, by the name of the input.
	of, undeclared := map[string][]int{}, map[string][]int{}
	for _, e := range entries {
		name, member, ext, ok := template.ParseSpoolName(e.Name())
		switch {
		case e.IsDir() && !ok:
			sub, err := dir.OpenRoot(e.Name())
			if err == nil {
				err = lookIn(sub, path.Join(rel, e.Name()), output, f)
				_ = sub.Close()
			}
			if err != nil {
				return err
			}
		case beneath.ProbeName.MatchString(e.Name()):
		case !ok:
			f.stray(path.Join(rel, e.Name()))
		case output.Declares(name, member, ext):
			of[name] = append(of[name], member)
		default:
			// The task wrote it beside its outputs, or a run with other keys did.
			f.stray(path.Join(rel, e.Name()))
			undeclared[name] = append(undeclared[name], member)
		}
	}
	for name, members := range of {
		if !slices.Contains(members, 0) {
			for _, m := range members {
				f.rests = append(f.rests, path.Join(rel, string(output.AppendSpoolName(nil, name, m))))
			}
			continue
		}
		s := newSample(path.Join(rel, name))
		if slices.ContainsFunc(undeclared[name], func(m int) bool { return !slices.Contains(members, m) }) {
			f.other = append(f.other, s)
			continue
		}
		f.whole = append(f.whole, s)
	}
	return nil
}

// removeParts removes what dead runs were writing. This run is alone.
func (s *spool) removeParts() {
	names, _ := beneath.Names(s.dir)
	for _, name := range names {
		if strings.HasPrefix(name, partPrefix) {
			_ = s.dir.Remove(name)
		}
	}
}

// removeAll removes the spool, unless a file is left in it. This run is alone.
func (s *spool) removeAll() error {
	s.removeParts()
	samples, err := s.dir.OpenRoot(samplesName)
	if err == nil {
		empty := removeEmpty(samples)
		_ = samples.Close()
		if !empty {
			return nil
		}
		err = s.dir.Remove(samplesName)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The lock goes last: a run that waits for it sees that it is gone, and opens the spool again.
	for _, name := range []string{commitName, liveName} {
		if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err = s.out.Remove(template.SpoolFolder)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeEmpty removes the folders in a folder that hold no file, and reports whether nothing is left.
func removeEmpty(dir *os.Root) bool {
	opened, err := dir.Open(".")
	if err != nil {
		return false
	}
	entries, err := opened.ReadDir(-1)
	_ = opened.Close()
	empty := err == nil
	for _, e := range entries {
		if beneath.ProbeName.MatchString(e.Name()) && !e.IsDir() {
			// A run that was killed has left it.
			empty = dir.Remove(e.Name()) == nil && empty
			continue
		}
		sub, err := dir.OpenRoot(e.Name())
		if !e.IsDir() || err != nil {
			empty = false
			continue
		}
		gone := removeEmpty(sub)
		_ = sub.Close()
		empty = gone && dir.Remove(e.Name()) == nil && empty
	}
	return empty
}

// part makes a file that is about to be an archive or an index, and returns its name in the spool.
func (s *spool) part() (*os.File, string, error) {
	name := fmt.Sprintf("%s%016x", partPrefix, rand.Uint64())
	file, err := s.dir.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	return file, name, err
}

// place gives a part its name in the output folder.
func (s *spool) place(part, name string) error {
	return s.out.Rename(template.SpoolFolder+"/"+part, name)
}
