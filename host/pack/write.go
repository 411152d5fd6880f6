package pack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/filelock"
)

// sample is the files in the spool that become a sample.
type sample struct {
	hash hash
	// base is the path of its files below the folder of the samples, without ~MEMBER.EXT. It has the key.
	base string
	// size is what it takes in an archive. measured: it is set, and the members can be packed.
	size     int64
	measured bool
}

// newSample returns the sample with this base.
func newSample(base string) sample {
	s := sample{base: base}
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

// measure sets the size that a sample takes in an archive. It reports whether the sample is there, and removes one that cannot be packed:
// that is an *UnfitError.
func (p *Packer) measure(at *cursor, s *sample) (bool, error) {
	size, first := int64(0), true
	err := p.ends(s, func(end string) error {
		rel := s.base + end
		info, err := at.stat(rel, false)
		if err == nil && info.link {
			info, err = at.stat(rel, true)
			if errors.Is(err, fs.ErrNotExist) {
				return &UnfitError{Base: s.base, Why: "is a link that leads nowhere"}
			}
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) && !first:
			return nil
		case err != nil:
			return err
		}
		first = false
		if !p.Elsewhere && p.stale[rel] == info.inode {
			// It belongs to an attempt that a kill has ended, and this one has not written it.
			return at.remove(rel)
		}
		if !info.regular {
			return &UnfitError{Base: s.base, Why: "is not a file"}
		}
		size += 512 + (info.size+511)/512*512
		return nil
	})
	s.size, s.measured = size, err == nil
	if unfit := new(UnfitError); errors.As(err, &unfit) {
		return false, errors.Join(unfit, p.drop(at, s))
	}
	if errors.Is(err, fs.ErrNotExist) {
		if !p.archives.has(s.hash) {
			p.note(func(r *Report) { r.Missing++ })
		}
		return false, p.drop(at, s)
	}
	return err == nil, err
}

// seek has the machine look again for a sample that it does not see. A network file system may keep for a minute that there was no such file when the
// items were listed; a change in its folder makes it ask.
func (p *Packer) seek(at *cursor, s *sample) {
	end := ""
	_ = p.ends(s, func(e string) error {
		end = cmp.Or(end, e)
		return nil
	})
	if _, err := at.stat(s.base+end, false); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	at.close()
	folder, _ := s.place()
	rel := samplesName
	for _, name := range append([]string{"."}, strings.Split(folder, "/")...) {
		rel = path.Join(rel, name)
		dir, err := p.spool.dir.OpenRoot(rel)
		if err != nil {
			return
		}
		_, _ = beneath.Probe(dir) // what cannot be changed is measured as it is seen
		_ = dir.Close()
	}
}

// UnfitError is about an output that cannot be a member.
type UnfitError struct {
	// Base is the input's path in the spool.
	Base, Why string
}

func (e *UnfitError) Error() string {
	return "the output of " + e.Base + " " + e.Why + ", so it cannot be a member of a tar archive"
}

// drop removes what lies in the spool of a sample.
func (p *Packer) drop(at *cursor, s *sample) error {
	return p.ends(s, func(end string) error { return at.remove(s.base + end) })
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
			return fmt.Errorf("packing %s into a tar archive in %s: %w", count.Of(len(samples), "sample"), p.archives.folder, err)
		}
		samples = left
	}
	return nil
}

// tryWrite packs the samples. If some of them have been packed or taken away meanwhile, it packs none, and returns the others.
func (p *Packer) tryWrite(ctx context.Context, samples []sample, keys map[hash][]byte) (left []sample, err error) {
	part, name, err := p.spool.part()
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
	if err := p.archives.refresh(p.placeIndex); err != nil {
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
	if err := p.placeIndex(archive, makeIndex(info.Size(), hashes)); err != nil {
		return nil, err
	}
	// At any time a sample is found in the spool or here.
	p.archives.add(archive, hashes)
	for i := range samples {
		if err := p.drop(p.at, &samples[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// without drops those samples that have been packed or are gone, and returns the others.
func (p *Packer) without(samples []sample, gone []int) (left []sample, err error) {
	for _, i := range gone {
		s := &samples[i]
		packed := p.archives.has(s.hash)
		p.note(func(r *Report) {
			if packed {
				r.packed(s)
			} else {
				r.Missing++
			}
		})
		if err := p.drop(p.at, s); err != nil {
			return nil, err
		}
		s.base = ""
	}
	return slices.DeleteFunc(samples, func(s sample) bool { return s.base == "" }), nil
}

// placeIndex writes the index of an archive.
func (p *Packer) placeIndex(archive string, data []byte) error {
	part, name, err := p.spool.part()
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
	for i := range samples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &samples[i]
		first := true
		err := p.ends(s, func(end string) error {
			err := p.copy(w, s.base+end, memberName(keys[s.hash], end))
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

// copy adds a file to an archive. Nothing of the machine or the time is in it: equal samples make equal archives.
func (p *Packer) copy(w *tar.Writer, rel, name string) error {
	fd, err := p.at.open(rel)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if p.buf == nil {
		p.buf = make([]byte, 256<<10)
	}
	n, err := read(fd, p.buf)
	if err != nil {
		return p.wrong(rel, err)
	}
	size := int64(n)
	if n == len(p.buf) {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return p.wrong(rel, err)
		}
		size = max(size, st.Size)
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return p.wrong(rel, err)
	}
	for left := size; ; {
		if n = int(min(int64(n), left)); n > 0 {
			if _, err := w.Write(p.buf[:n]); err != nil {
				return err
			}
		}
		if left -= int64(n); left == 0 {
			return nil
		}
		if n, err = read(fd, p.buf); err == nil && n == 0 {
			err = errors.New("it became shorter while it was packed")
		}
		if err != nil {
			return p.wrong(rel, err)
		}
	}
}

func (p *Packer) wrong(rel string, err error) error { return fmt.Errorf("%s: %w", p.path(rel), err) }

// read fills the buffer, unless the file ends before.
func read(fd int, buf []byte) (n int, err error) {
	for n < len(buf) {
		var got int
		err := again(func() (err error) {
			got, err = unix.Read(fd, buf[n:])
			return err
		})
		if err != nil || got == 0 {
			return n, err
		}
		n += got
	}
	return n, nil
}
