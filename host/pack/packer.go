package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// mostWaiting is how many samples may wait for the packer.
const mostWaiting = 1 << 16

// Packer packs the samples of one run. Its methods may be called by any goroutine.
type Packer struct {
	// Elsewhere: other machines write samples, and clear what earlier attempts have left of them. It is set before Begin.
	Elsewhere bool

	archives *Archives
	output   *template.Output
	// spool is nil until it is opened.
	spool *spool
	// at and buf are the packer's own goroutine's; later those of Finish.
	at  *cursor
	buf []byte
	// adding is held by Add, whose cursor is atAdd.
	adding sync.Mutex
	atAdd  *cursor
	// stale are the files of samples that a kill has left without their first member when the run began.
	stale map[string]inode

	// more gets a value when something waits, less when that was taken. ended is closed with the goroutine.
	more, less chan struct{}
	ended      chan struct{}
	started    bool
	ctx        context.Context
	cancel     func()

	mu sync.Mutex
	// waiting are samples that the packer has not taken yet, and open those that no archive has, by the base of their files.
	waiting []sample
	open    map[hash]string
	closing bool
	err     error
	report  Report
}

// Report is what a user should know of a packer's work.
type Report struct {
	// Unfit counts outputs of dead runs that cannot be members, and FirstUnfit says why one of them cannot.
	Unfit      int
	FirstUnfit string
	// Missing counts samples that were gone before they were packed.
	Missing int
	// Packed counts samples that another run has packed meanwhile, and FirstPacked is the key of one.
	Packed      int
	FirstPacked string
	// Strays counts files in the spool that belong to no sample, and FirstStray is the path of one.
	Strays     int
	FirstStray string
}

func (r *Report) packed(s *sample) {
	if r.Packed++; r.Packed == 1 {
		r.FirstPacked = string(s.key())
	}
}

// NewPacker prepares to pack the outputs of a run, until the context is over. It changes nothing.
func NewPacker(ctx context.Context, archives *Archives, output *template.Output) *Packer {
	p := &Packer{
		archives: archives, output: output, more: make(chan struct{}, 1), less: make(chan struct{}, 1), ended: make(chan struct{}),
		open: map[hash]string{}, stale: map[string]inode{},
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// Begin takes up what dead runs have left in the spool, if there is one. Start does the same, and makes the spool if necessary. Both do
// nothing once one of them has opened it.
func (p *Packer) Begin() error { return p.begin(false) }

// Start is called before anything is written to the spool.
func (p *Packer) Start() error { return p.begin(true) }

func (p *Packer) begin(create bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spool != nil {
		return nil
	}
	bare := len(p.archives.bare) > 0
	s, err := openSpool(p.archives.folder, create || bare)
	if bare && !create && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		// All may be finished, and in a folder that only others may write to.
		return nil
	}
	if err != nil || s == nil {
		return err
	}
	p.spool, p.at, p.atAdd = s, s.cursor(), s.cursor()
	// A run that was killed in between has not written the index of its archive.
	if err := p.archives.complete(p.placeIndex); err != nil {
		return err
	}
	if s.alone {
		s.removeParts()
		found, err := p.adopt()
		if err != nil {
			return err
		}
		for i := range found.other {
			// They are done again, with the keys of this run. The listing has not begun.
			if err := p.drop(p.at, &found.other[i]); err != nil {
				return err
			}
		}
		for _, rel := range found.rests {
			// Its worker may be about to write the first member. What comes of it is seen at the end.
			if info, err := p.at.stat(rel, false); err == nil {
				p.stale[rel] = info.inode
			}
		}
		if err := s.share(); err != nil {
			return err
		}
	}
	p.started = true
	go p.run(p.ctx)
	return nil
}

// adopt queues the whole samples of the spool that are not queued, and removes those that are packed. The caller holds mu.
func (p *Packer) adopt() (found, error) {
	found, err := p.spool.look(p.output)
	if err != nil {
		return found, err
	}
	for i := range found.whole {
		s := &found.whole[i]
		switch base, ok := p.open[s.hash]; {
		case p.archives.has(s.hash), ok && base != s.base:
			if err := p.drop(p.at, s); err != nil {
				return found, err
			}
		case !ok:
			p.open[s.hash] = s.base
			p.waiting = append(p.waiting, *s)
		}
	}
	return found, nil
}

// DuplicateError is about an item whose sample is another's.
type DuplicateError struct {
	// Key is the key of the sample. Archive is the archive that has it; empty: Other is the input that it was made of.
	Key, Archive, Other string
}

func (e *DuplicateError) Error() string {
	if e.Archive == "" {
		return fmt.Sprintf("its sample %s was made of %s already: a sample has the input's path without its extension", e.Key, e.Other)
	}
	return fmt.Sprintf("its sample %s is in %s already, and a tar archive is not changed: what was made again is thrown away; hint: to make it anew, remove the archive and its index, and run all that was in it", e.Key, e.Archive)
}

// Add takes the sample whose first member has a path, which is done. A *DuplicateError says that the key is taken, and an *UnfitError that
// it cannot be packed: then its files are removed. Any other error ends the run. It is not an error if another run has packed
// the sample since this one began.
func (p *Packer) Add(first string) error {
	rel, ok := strings.CutPrefix(first, template.Join(p.archives.root, template.SpoolPath, ""))
	folder, file := path.Split(rel)
	name, _, _, named := template.ParseSpoolName(file)
	if !ok || !named {
		return fmt.Errorf("the output %s does not lie in the spool", first)
	}
	s := newSample(folder + name)
	p.adding.Lock()
	defer p.adding.Unlock()
	p.mu.Lock()
	err, at := p.err, p.atAdd
	base, isOpen := p.open[s.hash]
	p.mu.Unlock()
	switch {
	case err != nil:
		return err
	case isOpen && base != s.base:
		return errors.Join(&DuplicateError{Key: string(s.key()), Other: base}, p.drop(at, &s))
	case !isOpen && p.archives.has(s.hash):
		archive := p.archives.where(s.hash)
		if p.archives.fromOthers(archive) {
			p.note(func(r *Report) { r.packed(&s) })
			return p.drop(at, &s)
		}
		if archive == "" {
			archive = "an archive of " + p.archives.folder
		}
		return errors.Join(&DuplicateError{Key: string(s.key()), Archive: archive}, p.drop(at, &s))
	}
	if p.Elsewhere {
		p.seek(at, &s)
	}
	if there, err := p.measure(at, &s); !there || err != nil || isOpen {
		// One that is open was left by a dead run, and is done once more: its files are those of this attempt.
		return err
	}
	p.mu.Lock()
	p.open[s.hash] = s.base
	p.waiting = append(p.waiting, s)
	p.mu.Unlock()
	signal(p.more)
	return nil
}

// Room waits while many samples wait. Its error is that of the packer, or of the context.
func (p *Packer) Room(ctx context.Context) error {
	for {
		p.mu.Lock()
		full, err := len(p.waiting) >= mostWaiting, p.err
		p.mu.Unlock()
		if err != nil || !full {
			return err
		}
		select {
		case <-p.less:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run packs until it is told to end, and all is packed.
func (p *Packer) run(ctx context.Context) {
	defer close(p.ended)
	err := p.pack(ctx)
	if err != nil {
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		signal(p.less)
	}
}

func (p *Packer) pack(ctx context.Context) error {
	var current []sample
	size := int64(0)
	write := func() error {
		hashes := make([]hash, len(current))
		for i, s := range current {
			hashes[i] = s.hash
		}
		if err := p.write(ctx, current); err != nil {
			return err
		}
		p.forget(hashes...)
		current, size = nil, 0
		return nil
	}
	for {
		p.mu.Lock()
		taken, closing := p.waiting, p.closing
		p.waiting = nil
		p.mu.Unlock()
		signal(p.less)
		for _, s := range taken {
			if err := ctx.Err(); err != nil {
				return err
			}
			there, err := s.measured, error(nil)
			if !there {
				there, err = p.measure(p.at, &s)
			}
			if unfit := new(UnfitError); errors.As(err, &unfit) {
				// A dead run has left it, so no item of this run fails.
				p.note(func(r *Report) {
					if r.Unfit++; r.Unfit == 1 {
						r.FirstUnfit = unfit.Error()
					}
				})
				err = nil
			}
			if err != nil {
				return fmt.Errorf("packing %s: %w", p.path(s.base), err)
			}
			if !there {
				p.forget(s.hash)
				continue
			}
			current = append(current, s)
			size += s.size
			if p.output.Count > 0 && len(current) >= p.output.Count || p.output.Size > 0 && size >= p.output.Size {
				if err := write(); err != nil {
					return err
				}
			}
		}
		if len(taken) > 0 {
			continue
		}
		if closing {
			return write()
		}
		select {
		case <-p.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// forget says that samples are packed, or will not be.
func (p *Packer) forget(hashes ...hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range hashes {
		delete(p.open, h)
	}
}

func (p *Packer) note(change func(*Report)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.report)
}

// Finish packs what is left, and then what dead runs have left if no other run uses the spool. No worker of the run writes any more.
func (p *Packer) Finish(ctx context.Context) (Report, error) {
	if !p.started {
		return Report{}, nil
	}
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	signal(p.more)
	<-p.ended
	if p.err != nil {
		return p.report, p.err
	}
	// What another run may be packing is left to that.
	alone, err := p.spool.tryAlone()
	if err != nil || !alone {
		return p.report, err
	}
	if err := p.archives.refresh(p.placeIndex); err != nil {
		return p.report, err
	}
	// Workers of this run that were ended may have written some that were never reported.
	found, err := p.adopt()
	if err != nil {
		return p.report, err
	}
	if err := p.pack(ctx); err != nil {
		return p.report, err
	}
	if p.report.Strays = found.strays; p.report.Strays > 0 {
		p.report.FirstStray = p.path(found.firstStray)
	}
	for _, rel := range found.rests {
		// A worker whose host was killed just now may be about to write the first member of another.
		if info, err := p.at.stat(rel, false); err == nil && p.stale[rel] == info.inode {
			_ = p.at.remove(rel)
		}
	}
	return p.report, nil
}

// Close ends the packer. It removes the spool if nothing is left in it, and no other run uses it.
func (p *Packer) Close() error {
	p.cancel()
	if p.spool == nil {
		return nil
	}
	defer p.spool.close()
	if p.started {
		<-p.ended
	}
	p.at.close()
	p.atAdd.close()
	alone, err := p.spool.tryAlone()
	if err != nil || !alone {
		return err
	}
	return p.spool.removeAll()
}
