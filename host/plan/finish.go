package plan

import (
	"github.com/kagurazaka/kagurazaka/host/template"
)

// finishCheck finds out which items are finished. It reads the outputs' folders rather than asking for each file, and
// it makes nothing.
type finishCheck struct {
	out   *outputs
	store store
	warn  func(w Warning, unreadable bool)
	key   []byte
	// rel is what the journal calls the outputs of relGroup, up to their names.
	rel      []byte
	relGroup *group
	relStart int

	// cur is the output folder of the group that is worked on.
	cur outputDir

	// dirs are the folders of items that come one by one, and held is how many names they have together.
	dirs map[string]*outputDir
	held int
}

// outputDir is what is known of an output folder.
type outputDir struct {
	path string
	// asks counts the items that were asked for one by one.
	asks int
	// askEach: too few items want to know, or the folder cannot be read, so each is asked for.
	askEach bool
	// read: names has what the folder had, and index finds it. A missing folder has nothing.
	read  bool
	names nameList
	index nameIndex
	// dir is the folder while it is open.
	dir folder
}

const (
	// askFew is up to how many items of a group are asked for one by one: opening and reading a folder costs as much.
	askFew = 4
	// askBeforeReading is how many single items of a folder are asked for before the folder is read.
	askBeforeReading = 16
	// maxCachedFolders and maxCachedNames bound what is kept of folders that single items asked for.
	maxCachedFolders = 256
	maxCachedNames   = 1 << 20
)

func (f *finishCheck) close() { f.cur.close() }

func (d *outputDir) close() {
	if d.dir != nil {
		d.dir.close()
		d.dir = nil
	}
}

// folder prepares for asking about items of a group.
func (f *finishCheck) folder(g *group, items int) {
	f.cur.close()
	if !f.out.checks() {
		return
	}
	f.cur.path = template.Join(f.out.root, g.relDir)
	f.cur.askEach = items <= askFew
	if !f.cur.askEach {
		f.read(&f.cur)
	}
}

// read reads the folder. One that does not exist has nothing; one that cannot be read is reported, and its items are asked for.
func (f *finishCheck) read(d *outputDir) {
	d.names.reset()
	dir, err := f.store.openFolder(d.path)
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
	d.index.reset(len(d.names.all))
	for i, n := range d.names.all {
		d.index.set(d.names.bytes(n), i)
	}
}

// inFolder reports whether the output of an item of the current group exists.
func (f *finishCheck) inFolder(g *group, name []byte) bool {
	if !f.out.checks() {
		return false
	}
	f.key = f.out.appendName(f.key[:0], unsafeString(name))
	if len(f.key) == 0 || f.cur.askEach || f.out.checksAbsolute() {
		return f.ask(g.triplet(name))
	}
	return f.listed(&f.cur, f.key)
}

// listed looks the output up in a folder that was read, and then for the file in it that counts.
func (f *finishCheck) listed(d *outputDir, name []byte) bool {
	if isOurs(name) {
		return false
	}
	i, found := d.index.find(name)
	if !found {
		return false
	}
	kind := d.names.all[i].kind
	if file := f.out.finish.File; file != template.WholeOutput {
		return kind != kindFile && f.leads(d, string(name)+"/"+f.out.Files[file].Name)
	}
	// A link that leads nowhere is no output.
	return kind != kindLink && kind != kindUnknown || f.leads(d, string(name))
}

// leads reports whether there is something behind the links of a name in a folder.
func (f *finishCheck) leads(d *outputDir, name string) bool {
	if d.dir != nil {
		_, _, err := d.dir.stat(name, true)
		return err == nil
	}
	_, err := f.store.stat(template.Join(d.path, name), true)
	return err == nil
}

// ask looks for the item's output by its path.
func (f *finishCheck) ask(in triplet) bool {
	path := f.out.checked(in)
	if _, name := split(path); isOurs([]byte(name)) {
		return false
	}
	_, err := f.store.stat(path, true)
	return err == nil
}

// relative is what the journal calls the output of an item of a group. It is valid until the next call.
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

// single reports whether the output of an item that came alone exists. The output's folder is read once enough items asked.
func (f *finishCheck) single(in triplet) bool {
	if !f.out.checks() {
		return false
	}
	dir, name := split(f.out.of(in).Path)
	if name == "" || f.out.checksAbsolute() {
		return f.ask(in)
	}
	d := f.cached(dir)
	d.asks++
	if !d.read && !d.askEach && d.asks > askBeforeReading {
		f.load(d)
	}
	if !d.read {
		return f.ask(in)
	}
	return f.listed(d, []byte(name))
}

// load reads a folder for the cache, and forgets others when there are too many names.
func (f *finishCheck) load(d *outputDir) {
	f.read(d)
	// The cache keeps no folder open: there may be many.
	d.close()
	if !d.read || len(d.names.all) > maxCachedNames {
		*d = outputDir{path: d.path, askEach: true}
		return
	}
	f.held += len(d.names.all)
	for f.held > maxCachedNames {
		f.forgetOther(d)
	}
}

func (f *finishCheck) cached(path string) *outputDir {
	if d := f.dirs[path]; d != nil {
		return d
	}
	if f.dirs == nil {
		f.dirs = map[string]*outputDir{}
	}
	if len(f.dirs) >= maxCachedFolders {
		f.forgetOther(nil)
	}
	d := &outputDir{path: path}
	f.dirs[path] = d
	return d
}

// forgetOther forgets any folder but the given one: the next item may be in each of them.
func (f *finishCheck) forgetOther(than *outputDir) {
	for path, d := range f.dirs {
		if d != than {
			f.held -= len(d.names.all)
			delete(f.dirs, path)
			return
		}
	}
}
