// Package manifest writes lists of items to files, one file or a set of files that divides a list, and reads what may be compressed.
package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// Format is how a Writer writes an item.
type Format int

const (
	// JSONL is a JSON object a line, as InputFromFileTripletJsonl and InputFromWhateverJsonl read it.
	JSONL Format = iota
	// Text is a path a line.
	Text
	// Null is a path before each NUL.
	Null
)

// bufferSize is large enough that a list on a slow disk is written in long stretches.
const bufferSize = 1 << 20

// Writer writes one list. It is an io.Writer, too, for lists in a form of their own.
type Writer struct {
	format Format
	out    *bufio.Writer
	// packer compresses what out passes on; nil: nothing does.
	packer io.WriteCloser
	// file has its name once it is closed; nil: the list goes to a stream or to a special file, which is special, if it is to be closed.
	file    *atomicfile.Stream
	special io.Closer
	line    []byte
}

// Create makes the file of a list. It has its name once the Writer is closed; until then a file of that name is as it was. Its
// permissions are those of the file that it replaces. A name that ends in .gz or .zst is compressed. A link is followed, and a named
// pipe or a device is written to at once.
func Create(path string, format Format) (*Writer, error) {
	w := &Writer{format: format}
	var out io.Writer
	info, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s cannot be written: %w", path, cause(err))
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s: it is a folder, where a file should be written", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		out, w.special = f, f
	default:
		if w.file, err = atomicfile.Create(behindLinks(path)); err != nil {
			// The name of the file that is written aside says nothing to a user.
			return nil, fmt.Errorf("%s cannot be written: %w", path, cause(err))
		}
		if info != nil {
			// Where that fails, as on file systems without permissions, the list has those of a new file.
			_ = w.file.Chmod(info.Mode().Perm())
		}
		out = w.file
	}
	if err := w.pack(path, out); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// behindLinks returns the path that links lead to, whether or not a file is there.
func behindLinks(path string) string {
	// As many as Linux follows.
	for range 40 {
		link, err := os.Readlink(path)
		if err != nil {
			return path
		}
		if !filepath.IsAbs(link) {
			dir := filepath.Dir(path)
			if target, err := filepath.EvalSymlinks(dir); err == nil {
				dir = target
			}
			link = filepath.Join(dir, link)
		}
		path = link
	}
	return path
}

// To returns a Writer to a stream, which Close does not close.
func To(stream io.Writer, format Format) *Writer {
	return &Writer{format: format, out: bufio.NewWriterSize(stream, bufferSize)}
}

// pack makes what compresses a list, by the end of its name.
func (w *Writer) pack(path string, out io.Writer) error {
	switch {
	case strings.HasSuffix(path, ".gz"):
		w.packer = gzip.NewWriter(out)
	case strings.HasSuffix(path, ".zst"):
		packer, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		w.packer = packer
	}
	if w.packer != nil {
		out = w.packer
	}
	w.out = bufio.NewWriterSize(out, bufferSize)
	return nil
}

// Line writes an item that is a JSON object, as it is. It is for JSONL alone.
func (w *Writer) Line(line []byte) error {
	_, err := w.out.Write(line)
	if err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

// Triplet writes an item that is only its input. A path with a newline cannot be written as Text.
func (w *Writer) Triplet(t jsontext.Triplet) error {
	w.line = w.line[:0]
	switch w.format {
	case JSONL:
		w.line = AppendTriplet(w.line, t)
	case Text:
		if strings.Contains(t.Path, "\n") {
			return fmt.Errorf("the path %q has a newline, so it cannot be a line of text: write the list as jsonl, or end its paths with NUL by -0", t.Path)
		}
		w.line = append(append(w.line, t.Path...), '\n')
	case Null:
		w.line = append(append(w.line, t.Path...), 0)
	}
	_, err := w.out.Write(w.line)
	return err
}

// AppendTriplet appends the line of an item that is only its input, with its newline.
func AppendTriplet(dst []byte, t jsontext.Triplet) []byte {
	dst = append(dst, `{"input":`...)
	dst = jsontext.AppendTriplet(dst, t.Path, t.RelDir, t.FileName)
	return append(dst, '}', '\n')
}

// Write writes bytes as they are.
func (w *Writer) Write(b []byte) (int, error) { return w.out.Write(b) }

// Flush hands over what is buffered, as far as it is not compressed.
func (w *Writer) Flush() error { return w.out.Flush() }

// Close writes what is left, and gives the file its name. After an error there is no new file.
func (w *Writer) Close() error {
	err := w.out.Flush()
	if w.packer != nil {
		err = errors.Join(err, w.packer.Close())
	}
	switch {
	case w.special != nil:
		return errors.Join(err, w.special.Close())
	case w.file == nil:
		return err
	case err != nil:
		w.file.Abort()
		return err
	}
	return w.file.Commit()
}

// Abort gives up: no file is made, and one of that name stays as it was.
func (w *Writer) Abort() {
	if w.packer != nil {
		_ = w.packer.Close()
	}
	if w.file != nil {
		w.file.Abort()
	}
	if w.special != nil {
		_ = w.special.Close()
	}
}

// cause is an error without its operation and path.
func cause(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return at.Err
	}
	return err
}
