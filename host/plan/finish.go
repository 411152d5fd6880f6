package plan

import "github.com/kagurazaka/kagurazaka/host/template"

// Packed knows which samples are in tar archives, by their keys. A sample that is packed is known before it leaves the spool. Any goroutine
// may use it.
type Packed interface{ Has(key []byte) bool }

// finishCheck finds the items that are finished. It reads the folders of outputs instead of asking for each file, and creates nothing.
type finishCheck struct {
	out   *outputs
	store FS
	// packed are the samples in archives; nil: there are none.
	packed Packed
	sample []byte
	warn   func(w Warning, unreadable bool)
	key    []byte
	// rel is the journal's path for an output of relGroup. Its folder ends at relStart.
	rel      []byte
	relGroup *group
	relStart int

	// current is the output folder of the current group.
	current outputDir
	// dirs are the folders of items that come one by one, and cached is the number of their names.
	dirs   map[string]*outputDir
	cached int
}

// outputDir is an output folder.
type outputDir struct {
	path string
	// kinds are the entries by name, if the folder was read. A missing folder has none.
	kinds map[string]fileKind
	names nameList
	read  bool
	// askEach: the folder cannot be read, or has too many names, so each output is looked for by its path.
	askEach bool
	// dir is the folder while it is open.
	dir *folder
	// asks is the number of items that were looked for in it one by one.
	asks int
}

const (
	// askFew is the most items of a group that are looked for one by one: opening and reading a folder costs as much.
	askFew = 4
	// askBeforeReading is the number of single items that are looked for in a folder before it is read.
	askBeforeReading = 16
	// maxReusedNames is the size of the largest map that another folder uses again: clearing it takes time for all that it ever held.
	maxReusedNames = 4096
	// maxCachedFolders and maxCachedNames limit the cache of folders for single items.
	maxCachedFolders = 256
	maxCachedNames   = 1 << 20
)

// folder prepares for questions about items of a group.
func (f *finishCheck) folder(g *group) {
	if !f.out.checks() {
		return
	}
	f.current.close()
	f.current.path, f.current.read = f.out.folder(g.relDir), false
	if len(g.names.all) > askFew {
		f.read(&f.current)
	}
}

func (d *outputDir) close() {
	if d.dir != nil {
		d.dir.close()
		d.dir = nil
	}
}

func (f *finishCheck) read(d *outputDir) {
	d.names.reset()
	dir, err := openFolder(f.store, d.path)
	if err == nil {
		d.dir = dir
		err = dir.read(&d.names)
	}
	if err != nil && !isMissing(err) {
		d.close()
		d.askEach = true
		f.warn(Warning{Path: d.path, Message: "the output folder cannot be read, so each output is looked for by its name", Err: err}, false)
		return
	}
	d.read = true
	if d.kinds == nil || len(d.kinds) > maxReusedNames {
		d.kinds = make(map[string]fileKind, len(d.names.all))
	}
	clear(d.kinds)
	for _, n := range d.names.all {
		d.kinds[unsafeString(d.names.bytes(n))] = n.kind
	}
}

// inFolder reports whether the output of an item of the current group exists.
func (f *finishCheck) inFolder(g *group, name []byte) bool {
	// A sample lies in the spool before it is packed, and is gone from there afterwards.
	return f.out.checks() && (f.listedIn(g, name) || f.isPacked(g.relDir, unsafeString(name)))
}

// isPacked reports whether the sample of an input is in an archive.
func (f *finishCheck) isPacked(relDir, name string) bool {
	if f.packed == nil {
		return false
	}
	folder, name := template.SampleFolder(relDir, name)
	f.sample = template.AppendSampleKey(f.sample[:0], folder, name)
	return f.packed.Has(f.sample)
}

func (f *finishCheck) listedIn(g *group, name []byte) bool {
	f.key = f.out.appendName(f.key[:0], unsafeString(name))
	if len(f.key) == 0 || !f.current.read || f.out.checksAbsolute() {
		return f.ask(g.triplet(name))
	}
	return f.listed(&f.current, unsafeString(f.key))
}

// single reports whether the output of an item that came alone exists. The output's folder is read after some items.
func (f *finishCheck) single(in triplet) bool {
	return f.out.checks() && (f.singleIn(in) || f.isPacked(in.RelDir, in.FileName))
}

func (f *finishCheck) singleIn(in triplet) bool {
	path, name := split(f.out.of(in).Path)
	if name == "" || f.out.checksAbsolute() {
		return f.ask(in)
	}
	d := f.dirs[path]
	if d == nil {
		if f.dirs == nil || len(f.dirs) == maxCachedFolders || f.cached > maxCachedNames {
			f.dirs, f.cached = map[string]*outputDir{}, 0
		}
		d = &outputDir{path: path}
		f.dirs[path] = d
	}
	if d.asks++; d.asks > askBeforeReading && !d.read && !d.askEach {
		f.read(d)
		// The cache keeps no folder open: there may be many.
		d.close()
		if len(d.names.all) > maxCachedNames {
			*d = outputDir{path: path, askEach: true}
		}
		f.cached += len(d.names.all)
	}
	if !d.read {
		return f.ask(in)
	}
	return f.listed(d, name)
}

// listed looks for an output in a folder that was read. Links, and files of a folder output, need a stat.
func (f *finishCheck) listed(d *outputDir, name string) bool {
	kind, found := d.kinds[name]
	file := f.out.finish.File
	switch {
	case !found || template.IsOurs(name):
		return false
	case file != template.WholeOutput:
		return kind != kindFile && f.leads(d, name+"/"+f.out.Files[file].Name)
	}
	return kind != kindLink && kind != kindUnknown || f.leads(d, name)
}

// leads reports whether a name in a folder exists, behind its links.
func (f *finishCheck) leads(d *outputDir, name string) bool {
	if d.dir != nil {
		_, _, err := d.dir.stat(name, true)
		return err == nil
	}
	return exists(f.store, template.Join(d.path, name))
}

// ask looks for an item's output by its path.
func (f *finishCheck) ask(in triplet) bool {
	path := f.out.checked(in)
	_, name := split(path)
	return !template.IsOurs(name) && exists(f.store, path)
}

// relative returns the journal's path for the output of an item of a group. It is valid until the next call.
func (f *finishCheck) relative(g *group, name []byte) []byte {
	if len(name) == 0 || f.out.finish.File != template.WholeOutput {
		return []byte(template.Relative(f.out.root, f.out.checked(g.triplet(name))))
	}
	if f.relGroup != g {
		f.relGroup = g
		f.rel = append(f.rel[:0], template.Relative(f.out.root, template.Join(f.out.root, g.relDir, "x"))...)
		f.relStart = len(f.rel) - 1
	}
	f.rel = f.out.appendName(f.rel[:f.relStart], unsafeString(name))
	return f.rel
}
