package plan

import (
	"bytes"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// outputs are where the items of a template write.
type outputs struct {
	*template.Output
	// root is the folder that they lie in.
	root   string
	finish *template.Finish
}

// outputsOf returns nil for a template without outputs.
func outputsOf(t *template.Template) *outputs {
	if t.Output == nil {
		return nil
	}
	return &outputs{t.Output, t.OutputPath, t.Finish}
}

// checks reports whether outputs show which items are finished.
func (o *outputs) checks() bool { return o != nil && o.finish != nil }

// of computes an item's output.
func (o *outputs) of(in triplet) triplet {
	name := string(o.appendName(nil, in.fileName))
	return triplet{path: template.Join(o.root, in.relDir, name), relDir: in.relDir, fileName: name}
}

// appendName appends the name of an output to dst.
func (o *outputs) appendName(dst []byte, name string) []byte {
	if o.Kind == template.ReplacingExt {
		name = stem(name)
	}
	return append(append(dst, name...), o.Ext...)
}

// file computes a file of a folder output from what of returned.
func (o *outputs) file(out triplet, file int) triplet {
	name := o.Files[file].Name
	return triplet{path: template.Join(out.path, name), relDir: template.Join(out.relDir, out.fileName), fileName: name}
}

// checked is the path whose existence says that an item is finished.
func (o *outputs) checked(in triplet) string {
	out := o.of(in)
	if o.finish.File != template.WholeOutput {
		out = o.file(out, o.finish.File)
	}
	return out.path
}

// append appends the members "output" and "output_ID" of an item, without a comma before the first.
func (o *outputs) append(dst []byte, in triplet) []byte {
	out := o.of(in)
	dst = append(dst, `"output":`...)
	dst = jsontext.AppendTriplet(dst, out.path, out.relDir, out.fileName)
	for i := range o.Files {
		dst = append(dst, ',')
		dst = jsontext.AppendString(dst, o.Field(i))
		dst = append(dst, ':')
		f := o.file(out, i)
		dst = jsontext.AppendTriplet(dst, f.path, f.relDir, f.fileName)
	}
	return dst
}

// appendItem appends {"input":…} with its outputs.
func (o *outputs) appendItem(dst []byte, in triplet) []byte {
	dst = append(dst, `{"input":`...)
	dst = jsontext.AppendTriplet(dst, in.path, in.relDir, in.fileName)
	if o != nil {
		dst = append(dst, ',')
		dst = o.append(dst, in)
	}
	return append(dst, '}')
}

// lineWriter writes the items of a group, as appendItem does. It has appendItem write the line of a name that stands for all, once
// a group, and puts the items' names into it.
// The Python SDK reads lines of exactly this form without a JSON parser; others only cost it more.
type lineWriter struct {
	out *outputs
	g   *group
	// model is the line of anyName, and steps are its parts.
	model []byte
	steps []step
	name  []byte
	stem  []byte
	line  []byte
}

// anyName is no name of a file: a zero byte is in none.
const (
	anyName     = "\x00.\x01"
	anyNameJSON = `\u0000.\u0001`
	anyStemJSON = `\u0000`
)

// step is fixed text, and the part of an item's name that follows it.
type step struct {
	fixed []byte
	then  namePart
}

type namePart uint8

const (
	nothing namePart = iota
	wholeName
	nameStem
)

func (w *lineWriter) group(g *group) {
	w.g, w.steps = g, w.steps[:0]
	w.model = w.out.appendItem(w.model[:0], g.triplet([]byte(anyName)))
	for rest := w.model; len(rest) > 0; {
		fixed, after, found := bytes.Cut(rest, []byte(anyStemJSON))
		s := step{fixed: fixed}
		if found {
			s.then = nameStem
			if whole, ok := bytes.CutPrefix(after, []byte(anyNameJSON[len(anyStemJSON):])); ok {
				s.then, after = wholeName, whole
			}
		}
		w.steps = append(w.steps, s)
		rest = after
	}
}

// item returns the line of a name, which is valid until the next.
func (w *lineWriter) item(name []byte) []byte {
	if len(name) == 0 {
		// Joining nothing leaves a slash at the end, which the next join does not repeat.
		w.line = w.out.appendItem(w.line[:0], w.g.triplet(name))
		return w.line
	}
	w.name = jsontext.AppendEscaped(w.name[:0], name)
	w.stem = jsontext.AppendEscaped(w.stem[:0], stemOf(name))
	w.line = w.line[:0]
	for _, s := range w.steps {
		w.line = append(w.line, s.fixed...)
		switch s.then {
		case wholeName:
			w.line = append(w.line, w.name...)
		case nameStem:
			w.line = append(w.line, w.stem...)
		}
	}
	return w.line
}
