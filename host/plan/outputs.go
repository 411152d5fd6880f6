package plan

import (
	"bytes"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// outputs computes the outputs of a template's items.
type outputs struct {
	*template.Output
	// root is the output folder, and spool that of samples which are to be packed.
	root, spool string
	finish      *template.Finish
}

// outputsOf returns nil for a template without outputs.
func outputsOf(t *template.Template) *outputs {
	if t.Output == nil {
		return nil
	}
	return &outputs{t.Output, t.OutputPath, template.Join(t.OutputPath, template.SpoolPath), t.Finish}
}

// checks reports whether outputs show which items are finished.
func (o *outputs) checks() bool { return o != nil && o.finish != nil }

// checksAbsolute reports whether the file that shows it is not in the item's output.
func (o *outputs) checksAbsolute() bool {
	return o.finish.File != template.WholeOutput && strings.HasPrefix(o.Files[o.finish.File].Name, "/")
}

// of computes an item's output.
func (o *outputs) of(in triplet) triplet {
	if o.Kind == template.InTar {
		return o.member(in, 0)
	}
	name := string(o.appendName(nil, in.FileName))
	return triplet{Path: template.Join(o.root, in.RelDir, name), RelDir: in.RelDir, FileName: name}
}

// appendName appends the name of an output to dst.
func (o *outputs) appendName(dst []byte, name string) []byte {
	switch o.Kind {
	case template.ReplacingExt:
		name = stem(name)
	case template.InTar:
		return o.AppendSpoolName(dst, name, 0)
	}
	return append(append(dst, name...), o.Ext...)
}

// member computes a member of a sample. Its path leads to the spool; the folder and the name are those in the archive.
func (o *outputs) member(in triplet, member int) triplet {
	folder, name := template.SampleFolder(in.RelDir, in.FileName)
	return triplet{
		Path: o.inSpool(folder, string(o.AppendSpoolName(nil, name, member))), RelDir: folder, FileName: string(o.AppendMemberName(nil, name, member)),
	}
}

// inSpool is the path of a file in a folder of the spool.
func (o *outputs) inSpool(folder, name string) string {
	if folder == "." {
		return template.Join(o.spool, name)
	}
	return template.Join(o.spool, folder, name)
}

// folder is the path of the folder that has the outputs of the items of a folder.
func (o *outputs) folder(relDir string) string {
	if o.Kind == template.InTar {
		folder, _ := template.SampleFolder(relDir, "")
		return o.inSpool(folder, "")
	}
	return template.Join(o.root, relDir)
}

// sample is the key of an item's sample.
func (o *outputs) sample(in triplet) string {
	folder, name := template.SampleFolder(in.RelDir, in.FileName)
	return string(template.AppendSampleKey(nil, folder, name))
}

// shared returns the error for two inputs with one output.
func (o *outputs) shared(first, second string, in triplet) *CollisionError {
	e := &CollisionError{First: first, Second: second, Output: o.of(in).Path}
	if o.Kind == template.InTar {
		e.Output, e.Sample = o.sample(in), true
	}
	return e
}

// file computes a file of a folder output.
func (o *outputs) file(out triplet, file int) triplet {
	name := o.Files[file].Name
	return triplet{Path: template.Join(out.Path, name), RelDir: template.Join(out.RelDir, out.FileName), FileName: name}
}

// checked returns the path that exists if the item is finished.
func (o *outputs) checked(in triplet) string {
	out := o.of(in)
	if o.finish.File != template.WholeOutput {
		out = o.file(out, o.finish.File)
	}
	return out.Path
}

// append appends the members "output" and "output_ID" of an item, without a comma before the first.
func (o *outputs) append(dst []byte, in triplet) []byte {
	out := o.of(in)
	dst = append(dst, `"output":`...)
	dst = jsontext.AppendTriplet(dst, out.Path, out.RelDir, out.FileName)
	for i := range o.Files {
		dst = append(dst, ',')
		dst = jsontext.AppendString(dst, o.Field(i))
		dst = append(dst, ':')
		var f triplet
		if o.Kind == template.InTar {
			f = o.member(in, i)
		} else {
			f = o.file(out, i)
		}
		dst = jsontext.AppendTriplet(dst, f.Path, f.RelDir, f.FileName)
	}
	return dst
}

// appendItem appends {"input":…} with its outputs.
func (o *outputs) appendItem(dst []byte, in triplet) []byte {
	dst = append(dst, `{"input":`...)
	dst = jsontext.AppendTriplet(dst, in.Path, in.RelDir, in.FileName)
	if o != nil {
		dst = append(dst, ',')
		dst = o.append(dst, in)
	}
	return append(dst, '}')
}

// lineWriter writes the items of a group as appendItem does. Once a group, appendItem writes the line of a model name. The line is cut
// where the name is, and the items' names go between the pieces. The Python SDK reads lines of exactly this form without a
// JSON parser, which is faster.
type lineWriter struct {
	out     *outputs
	members memberWriter
	g       *group
	model   []byte
	pieces  []piece
	name    []byte
	stem    []byte
	line    []byte
}

// The model name consists of bytes that no path has, and a dot. The marks are its stem and the rest, in JSON.
const (
	modelName = "\x00.\x00"
	stemMark  = `\u0000`
	restMark  = `.\u0000`
)

// piece is fixed text, and the part of an item's name that follows it, if any: the whole name or its stem.
type piece struct {
	fixed       []byte
	whole, stem bool
}

func (w *lineWriter) group(g *group) {
	w.g, w.pieces = g, w.pieces[:0]
	out := w.out
	if w.packs() {
		out = nil
	}
	w.model = out.appendItem(w.model[:0], g.triplet([]byte(modelName)))
	rest := w.model
	for i := 0; i < len(rest); i++ {
		if rest[i] != '\\' {
			continue
		}
		after, found := bytes.CutPrefix(rest[i:], []byte(stemMark))
		if !found {
			// The next byte is escaped.
			i++
			continue
		}
		name, whole := bytes.CutPrefix(after, []byte(restMark))
		w.pieces = append(w.pieces, piece{fixed: rest[:i], whole: whole, stem: !whole})
		rest, i = name, -1
	}
	w.pieces = append(w.pieces, piece{fixed: rest})
	w.members.group(g)
}

// inputEnd ends the input of a line. It follows the second name in it.
const inputEnd = `"}`

// item returns the line of a name in the group's list. It is valid until the next call.
func (w *lineWriter) item(n name) []byte {
	name := w.g.names.bytes(n)
	if len(name) == 0 {
		// Joining nothing leaves a slash at the end, which the next join does not repeat.
		w.line = w.out.appendItem(w.line[:0], w.g.triplet(name))
		return w.line
	}
	w.name = jsontext.AppendEscaped(w.name[:0], name)
	if w.out != nil && w.out.Kind == template.ReplacingExt {
		w.stem = jsontext.AppendEscaped(w.stem[:0], stemOf(name))
	}
	w.line = w.line[:0]
	for i, p := range w.pieces {
		if i == 2 && w.members.of != nil {
			w.line = append(w.line, inputEnd...)
			w.line = w.members.append(w.line, w.g.names, n, w.name)
			p.fixed = p.fixed[len(inputEnd):]
		}
		w.line = append(w.line, p.fixed...)
		switch {
		case p.whole:
			w.line = append(w.line, w.name...)
		case p.stem:
			w.line = append(w.line, w.stem...)
		}
	}
	if w.packs() {
		w.line = w.out.append(append(w.line[:len(w.line)-1], ','), w.g.triplet(name))
		w.line = append(w.line, '}')
	}
	return w.line
}

// packs reports whether the outputs are samples. They are not among the pieces, because they do not always have the input's name.
func (w *lineWriter) packs() bool { return w.out != nil && w.out.Kind == template.InTar }
