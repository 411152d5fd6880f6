package plan

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/tarfile"
)

// archives lists the samples of the archives of a group, one archive after another.
func (w *walk) archives(g *group) error {
	g.names.sort()
	for _, n := range g.names.all {
		name := string(g.names.bytes(n))
		tar := &archive{walk: w, path: g.pathOf([]byte(name)), relDir: path.Join(g.relDir, stem(name))}
		if err := tar.list(); err != nil {
			return err
		}
		if err := w.tick(); err != nil {
			return err
		}
	}
	return nil
}

// archive is a tar archive whose samples are listed. Memory grows with the largest archive: nothing is an item before all of it was read,
// because a later member may show that an earlier sample is not whole.
type archive struct {
	*walk
	path string
	// relDir is the rel_dir of the members at the archive's root: a folder with the archive's name, without its extension.
	relDir string

	samples []tarfile.Sample
	// folder is that of the current sample in the archive. pathIn and relIn begin the paths of its members.
	folder, pathIn, relIn string
	line                  []byte
}

func (a *archive) list() error {
	found, err := a.read()
	switch {
	case err == nil:
	case a.o.Policy.SkipBadLines:
		a.warn(Warning{Path: a.path, Message: err.Error() + "; nothing of the archive is listed"}, true)
		return nil
	default:
		return &template.InputError{Path: a.path, Message: err.Error()}
	}
	if len(a.samples) == 0 && found.Other > 0 {
		a.remarks.members.add(fmt.Sprintf("%s has %s", a.path, found.FirstOther))
	}
	a.remarks.samples += uint64(len(a.samples))
	for i := range a.samples {
		if i%linesPerTick == 0 {
			if err := a.tick(); err != nil {
				return err
			}
		}
		if err := a.sample(&a.samples[i]); err != nil {
			return err
		}
	}
	return nil
}

// read reads the headers of the whole archive.
func (a *archive) read() (tarfile.Found, error) {
	var found tarfile.Found
	file, err := a.store.Open(a.path)
	if err != nil {
		return found, fmt.Errorf("the archive cannot be opened: %w", regular.Cause(err))
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return found, err
	}
	reader, ok := file.(io.ReaderAt)
	if !info.Mode().IsRegular() || !ok {
		return found, errors.New("it is not a file, where a tar archive should be")
	}
	fields := make([]tarfile.Field, len(a.t.Input.Members))
	for i, m := range a.t.Input.Members {
		fields[i] = tarfile.Field{ID: m.ID, Exts: m.Exts}
	}
	return tarfile.Samples(reader, info.Size(), fields, func(s tarfile.Sample) { a.samples = append(a.samples, s) })
}

// sample passes on a sample, if it has all required members.
func (a *archive) sample(s *tarfile.Sample) error {
	if s.Folder != a.folder {
		a.folder = s.Folder
		a.pathIn, a.relIn = template.Join(a.path, ""), a.relDir
		if s.Folder != "." {
			a.pathIn, a.relIn = a.pathIn+s.Folder+"/", path.Join(a.relDir, s.Folder)
		}
	}
	var absent []string
	for i, m := range a.t.Input.Members {
		if m.Required && s.Parts[i].Offset == 0 {
			absent = append(absent, m.ID)
		}
	}
	if a.probe == nil && absent != nil {
		a.o.counters.Incomplete.Add(1)
		a.remarks.incomplete.addNamed(a.pathIn + s.Key + " (no " + strings.Join(absent, ", no ") + ")")
	}
	if absent != nil {
		return nil
	}
	for _, name := range s.Surplus {
		if a.probe == nil {
			a.o.counters.Surplus.Add(1)
			a.remarks.surplus.add(a.pathIn + name)
		}
	}
	first := s.Parts[a.t.Input.First]
	input := triplet{Path: a.pathIn + first.Name, RelDir: a.relIn, FileName: first.Name}
	a.write(s, input)
	return a.alone(a.line, scanned{hasInput: true, isTriplet: true, input: input}, 0)
}

// write writes the item of a sample.
func (a *archive) write(s *tarfile.Sample, input triplet) {
	place := members.Place{Tar: a.path, Bytes: a.t.Input.Bytes}
	b := jsontext.AppendTriplet(append(a.line[:0], `{"input":`...), input.Path, input.RelDir, input.FileName)
	for i, m := range a.t.Input.Members {
		part, field := s.Parts[i], m.Field()
		b = append(jsontext.AppendString(append(b, ','), field), ':')
		if part.Offset == 0 {
			b = append(b, "null"...)
			continue
		}
		b = jsontext.AppendTriplet(b, a.pathIn+part.Name, a.relIn, part.Name)
		place.Parts = append(place.Parts, members.Part{Field: field, Offset: part.Offset, Size: part.Size, Check: part.Check})
	}
	b = place.Append(append(b, `,"`+members.Field+`":`...))
	b = append(b, '}')
	a.line = b
}
