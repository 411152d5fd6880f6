package template

// of computes an item's output.
func (o *outputMode) of(root string, in triplet) triplet {
	name := in.fileName
	switch o.kind {
	case outputAppend:
		name += o.ext
	case outputReplace:
		name = stem(name) + o.ext
	}
	return triplet{path: join(root, in.relDir, name), relDir: in.relDir, fileName: name}
}

// file computes a file of a folder output from what of returned.
func (o *outputMode) file(out triplet, file int) triplet {
	name := o.files[file].name
	return triplet{path: join(out.path, name), relDir: join(out.relDir, out.fileName), fileName: name}
}

// appendOutputs appends the members "output" and "output_ID" of an item, without a comma before the first.
func (o *outputMode) appendOutputs(dst []byte, root string, in triplet) []byte {
	out := o.of(root, in)
	dst = append(dst, `"output":`...)
	dst = appendTriplet(dst, out.path, out.relDir, out.fileName)
	for i := range o.files {
		dst = append(dst, ',')
		dst = AppendJSONString(dst, o.field(i))
		dst = append(dst, ':')
		f := o.file(out, i)
		dst = appendTriplet(dst, f.path, f.relDir, f.fileName)
	}
	return dst
}

// lineWriter writes the items of a group. All that they share is escaped once a group; appendItem is the same one by one.
// The Python SDK reads lines of exactly this form without a JSON parser; others only cost it more.
type lineWriter struct {
	t     *Template
	g     *group
	steps []step
	// fixed holds the text of all steps.
	fixed []byte
	name  []byte
	stem  []byte
	line  []byte
}

// step appends fixed text, then a part of the item's name.
type step struct {
	from, to int
	then     namePart
}

type namePart uint8

const (
	nothing namePart = iota
	wholeName
	nameStem
)

func (w *lineWriter) group(g *group) {
	w.g, w.steps, w.fixed = g, w.steps[:0], w.fixed[:0]
	w.text(`{"input":{"path":"`)
	if g.path != "" {
		w.escaped(g.path)
	} else {
		w.escaped(prefix(g.dir))
		w.then(wholeName)
	}
	w.tail(g.relDir, wholeName, "")
	if o := w.t.output; o != nil {
		w.outputs(o, g.relDir)
	}
	w.text("}")
	w.then(nothing)
}

func (w *lineWriter) outputs(o *outputMode, relDir string) {
	part, ext := wholeName, ""
	switch o.kind {
	case outputAppend:
		ext = o.ext
	case outputReplace:
		part, ext = nameStem, o.ext
	}
	dir := prefix(join(w.t.outputPath, relDir))
	w.text(`,"output":{"path":"`)
	w.escaped(dir)
	w.then(part)
	w.escaped(ext)
	w.tail(relDir, part, ext)
	for i, f := range o.files {
		w.text(`,"`)
		w.escaped(o.field(i))
		w.text(`":{"path":"`)
		if f.name[0] == '/' {
			w.escaped(f.name)
		} else {
			w.escaped(dir)
			w.then(wholeName)
			w.text("/")
			w.escaped(f.name)
		}
		w.text(`","rel_dir":"`)
		w.escaped(prefix(relDir))
		w.then(wholeName)
		w.text(`","file_name":"`)
		w.escaped(f.name)
		w.text(`"}`)
	}
}

// tail is rel_dir and file_name.
func (w *lineWriter) tail(relDir string, part namePart, after string) {
	w.text(`","rel_dir":"`)
	w.escaped(relDir)
	w.text(`","file_name":"`)
	w.then(part)
	w.escaped(after)
	w.text(`"}`)
}

func (w *lineWriter) text(s string)    { w.fixed = append(w.fixed, s...) }
func (w *lineWriter) escaped(s string) { w.fixed = appendEscaped(w.fixed, s) }

func (w *lineWriter) then(part namePart) {
	from := 0
	if n := len(w.steps); n > 0 {
		from = w.steps[n-1].to
	}
	w.steps = append(w.steps, step{from, len(w.fixed), part})
}

// item returns the line of a name, which is valid until the next.
func (w *lineWriter) item(name []byte) []byte {
	if len(name) == 0 {
		// Joining nothing leaves a slash at the end, which the next join does not repeat.
		w.line = w.t.appendItem(w.line[:0], w.g.triplet(name))
		return w.line
	}
	w.name = appendEscaped(w.name[:0], name)
	if w.t.output != nil && w.t.output.kind == outputReplace {
		w.stem = appendEscaped(w.stem[:0], stemOf(name))
	}
	w.line = w.line[:0]
	for _, s := range w.steps {
		w.line = append(w.line, w.fixed[s.from:s.to]...)
		switch s.then {
		case wholeName:
			w.line = append(w.line, w.name...)
		case nameStem:
			w.line = append(w.line, w.stem...)
		}
	}
	return w.line
}

// appendItem appends {"input":…} with its outputs.
func (t *Template) appendItem(dst []byte, in triplet) []byte {
	dst = append(dst, `{"input":`...)
	dst = appendTriplet(dst, in.path, in.relDir, in.fileName)
	if t.output != nil {
		dst = append(dst, ',')
		dst = t.output.appendOutputs(dst, t.outputPath, in)
	}
	return append(dst, '}')
}

// prefix is what a name is put behind to join it: the folder with a slash.
func prefix(dir string) string { return join(dir, "") }
