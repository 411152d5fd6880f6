package pack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// sample is the files in the spool that become a sample.
type sample struct {
	hash hash
	// base is the path of its files below the folder of the samples, without ~MEMBER.EXT. It has the key.
	base string
	// files are the ends of their names, in the order of the members; nil: those that the output mode gives.
	files []string
	size  int64
}

// newSample returns the sample of the files of a folder that a run has left.
func newSample(base string, files []string) sample {
	slices.SortFunc(files, func(a, b string) int {
		_, i, _, _ := template.ParseSpoolName(a)
		_, j, _, _ := template.ParseSpoolName(b)
		if i != j {
			return i - j
		}
		return strings.Compare(a, b)
	})
	s := sample{base: base}
	for _, f := range files {
		s.files = append(s.files, f[len(path.Base(base)):])
	}
	s.hash = hashOf(s.key())
	return s
}

func (s *sample) key() []byte {
	folder, name := s.place()
	return template.AppendSampleKey(nil, folder, name)
}

// place is the folder of a sample in the archive, and the name of its input.
func (s *sample) place() (folder, name string) { return path.Dir(s.base), path.Base(s.base) }

// ends yields the ends of the names of the files that a sample may have, in the order of its members.
func (p *Packer) ends(s *sample, each func(end string) error) error {
	if s.files != nil {
		for _, end := range s.files {
			if err := each(end); err != nil {
				return err
			}
		}
		return nil
	}
	_, name := s.place()
	for i := range max(1, len(p.output.Files)) {
		if err := each(string(p.output.AppendSpoolName(nil, name, i)[len(name):])); err != nil {
			return err
		}
	}
	return nil
}

// memberName is the name in the archive of a file in the spool.
func memberName(key []byte, end string) string {
	_, ext, _ := strings.Cut(end, ".")
	return string(key) + "." + ext
}

// measure sets the size that a sample takes in an archive. It reports whether the sample is there, and removes one that cannot be packed.
func (p *Packer) measure(s *sample) (bool, error) {
	size, first := int64(0), true
	err := p.ends(s, func(end string) error {
		rel := s.base + end
		info, err := p.spool.lstat(rel)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !first:
			return nil
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			if info, err = os.Stat(p.path(rel)); err != nil {
				return &unfitError{rel, "is a link that leads nowhere"}
			}
		}
		first = false
		if stale := p.stale[rel]; stale != nil && os.SameFile(stale, info) {
			// It belongs to an attempt that a kill has ended, and this one has not written it.
			return p.spool.remove(rel)
		}
		if !info.Mode().IsRegular() {
			return &unfitError{rel, "is not a file"}
		}
		size += 512 + (info.Size()+511)/512*512
		return nil
	})
	s.size = size
	if unfit := new(unfitError); errors.As(err, &unfit) {
		p.note(func(r *Report) {
			if r.Unfit++; r.Unfit == 1 {
				r.FirstUnfit = "the output of " + s.base + " " + unfit.why + ", so it cannot be a member of a tar archive"
			}
		})
		return false, p.drop(s)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if !p.archives.has(s.hash) {
			p.note(func(r *Report) { r.Missing++ })
		}
		return false, p.drop(s)
	}
	return err == nil, err
}

// unfitError is about an output that cannot be a member.
type unfitError struct{ path, why string }

func (e *unfitError) Error() string { return e.path + " " + e.why }

// drop removes what lies in the spool of a sample.
func (p *Packer) drop(s *sample) error {
	return p.ends(s, func(end string) error { return p.spool.remove(s.base + end) })
}

// path is the path of a file in the spool.
func (p *Packer) path(rel string) string {
	return filepath.Join(p.archives.folder, template.SpoolPath, rel)
}

// write packs samples into an archive, and removes them from the spool.
func (p *Packer) write(ctx context.Context, samples []sample) error {
	keys := make(map[hash][]byte, len(samples))
	for i := range samples {
		keys[samples[i].hash] = samples[i].key()
	}
	slices.SortFunc(samples, func(a, b sample) int { return bytes.Compare(keys[a.hash], keys[b.hash]) })
	for len(samples) > 0 {
		left, err := p.tryWrite(ctx, samples, keys)
		if err != nil {
			return fmt.Errorf("packing %s into a tar archive in %s: %w", countSamples(len(samples)), p.archives.folder, err)
		}
		samples = left
	}
	return nil
}

// tryWrite packs the samples, and returns nil, or those that are left when some of them have been packed or taken away meanwhile.
func (p *Packer) tryWrite(ctx context.Context, samples []sample, keys map[hash][]byte) (left []sample, err error) {
	part, name, err := p.spool.part(0o666)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = part.Close()
		if name != "" {
			_ = p.spool.dir.Remove(name)
		}
	}()
	gone, err := p.fill(ctx, part, samples, keys)
	if err != nil {
		return nil, err
	}
	if len(gone) > 0 {
		return p.without(samples, gone)
	}
	info, err := part.Stat()
	if err == nil {
		err = part.Sync()
	}
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(p.spool.commit); err != nil {
		return nil, err
	}
	defer filelock.Unlock(p.spool.commit)
	// Another run may have packed the same items, if it does not work on another shard.
	if _, err := p.archives.refresh(p.placeIndex); err != nil {
		return nil, err
	}
	hashes := make([]hash, len(samples))
	for i, s := range samples {
		hashes[i] = s.hash
		if p.archives.has(s.hash) {
			gone = append(gone, i)
		}
	}
	if len(gone) > 0 {
		return p.without(samples, gone)
	}
	archive := nameOf(func(yield func([]byte) bool) {
		for _, s := range samples {
			if !yield(keys[s.hash]) {
				return
			}
		}
	})
	if err := p.spool.place(name, archive); err != nil {
		return nil, err
	}
	name = ""
	atomicfile.SyncFolder(p.archives.folder)
	if err := p.placeIndex(archive, appendIndex(nil, info.Size(), hashes)); err != nil {
		return nil, err
	}
	// Who looks for a sample finds it in the spool or here, at any time.
	p.archives.add(archive, hashes)
	for i := range samples {
		if err := p.drop(&samples[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// without drops those samples that have been packed or are gone, and returns the others.
func (p *Packer) without(samples []sample, gone []int) (left []sample, err error) {
	for _, i := range gone {
		s := &samples[i]
		switch {
		case p.archives.has(s.hash):
			p.note(func(r *Report) {
				if r.Packed++; r.Packed == 1 {
					r.FirstPacked = string(s.key())
				}
			})
		default:
			p.note(func(r *Report) { r.Missing++ })
		}
		if err := p.drop(s); err != nil {
			return nil, err
		}
		s.base = ""
	}
	left = slices.DeleteFunc(samples, func(s sample) bool { return s.base == "" })
	if left == nil {
		left = []sample{}
	}
	return left, nil
}

// placeIndex writes the index of an archive.
func (p *Packer) placeIndex(archive string, data []byte) error {
	part, name, err := p.spool.part(0o666)
	if err != nil {
		return err
	}
	_, err = part.Write(data)
	if err == nil {
		err = part.Sync()
	}
	err = errors.Join(err, part.Close())
	if err == nil {
		err = p.spool.place(name, archive+template.IndexExt)
	}
	if err != nil {
		_ = p.spool.dir.Remove(name)
	}
	return err
}

// fill writes an archive. gone are the samples that are not in the spool any more.
func (p *Packer) fill(ctx context.Context, file *os.File, samples []sample, keys map[hash][]byte) (gone []int, err error) {
	buffered := bufio.NewWriterSize(file, 1<<20)
	w := tar.NewWriter(buffered)
	r := &spoolReader{packer: p}
	defer r.close()
	for i := range samples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &samples[i]
		first := true
		err := p.ends(s, func(end string) error {
			err := r.copy(w, s.base+end, memberName(keys[s.hash], end))
			if errors.Is(err, fs.ErrNotExist) && !first {
				return nil
			}
			first = false
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, i)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return gone, buffered.Flush()
}

// spoolReader reads files of the spool. Most of them lie in the folder of the one before.
type spoolReader struct {
	packer *Packer
	folder string
	dir    *os.Root
	buf    []byte
}

func (r *spoolReader) close() {
	if r.dir != nil {
		_ = r.dir.Close()
		r.dir = nil
	}
}

func (r *spoolReader) open(rel string) (*os.File, error) {
	folder := path.Dir(rel)
	if r.dir == nil || r.folder != folder {
		r.close()
		var err error
		if r.dir, err = r.packer.spool.dir.OpenRoot(path.Join(samplesName, folder)); err != nil {
			return nil, err
		}
		r.folder = folder
	}
	file, err := r.dir.Open(path.Base(rel))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	// A task may have made a link to what it found elsewhere.
	if info, statErr := r.dir.Lstat(path.Base(rel)); statErr == nil && info.Mode()&fs.ModeSymlink != 0 {
		return os.Open(r.packer.path(rel))
	}
	return nil, err
}

// copy adds a file to an archive.
func (r *spoolReader) copy(w *tar.Writer, rel, name string) error {
	file, err := r.open(rel)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// Nothing of the machine or the time: equal samples make equal archives.
	header := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o644}
	if err := w.WriteHeader(&header); err != nil {
		return err
	}
	if r.buf == nil {
		r.buf = make([]byte, 256<<10)
	}
	written, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(struct{ io.Reader }{file}, info.Size()), r.buf)
	if err == nil && written < info.Size() {
		err = fmt.Errorf("%s became shorter while it was packed", r.packer.path(rel))
	}
	return err
}
