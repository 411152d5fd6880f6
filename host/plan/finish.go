package plan

import (
	"bytes"
	"container/list"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// finishCheck finds out which items are finished. It reads the outputs' folders rather than asking for each file, and
// it makes nothing.
type finishCheck struct {
	out  *outputs
	warn func(w Warning, unreadable bool)
	buf  []byte
	key  []byte
	// rel is how the journal calls the outputs of relGroup, up to their names.
	rel      []byte
	relGroup *group
	relStart int

	// cur is the output folder of the group that is worked on.
	cur outputFolderList

	// What follows is for items that come one by one.
	folders map[string]*list.Element
	recent  *list.List
	held    int
}

// outputFolderList is what an output folder has.
type outputFolderList struct {
	path string
	// askEach: too few items want to know, so each is asked for.
	askEach bool
	missing bool
	dir     folder
	open    bool
	names   nameList
	index   table
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

func newFinishCheck(out *outputs, warn func(Warning, bool)) *finishCheck {
	return &finishCheck{out: out, warn: warn, buf: make([]byte, readBuffer)}
}

func (f *finishCheck) close() {
	f.cur.close()
	for _, e := range f.folders {
		e.Value.(*cachedFolder).list.close()
	}
}

func (o *outputFolderList) close() {
	if o.open {
		o.dir.close()
		o.open = false
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

// read reads the folder. A folder that is not there has nothing; one that cannot be read is reported, and its items
// are taken for unfinished.
func (f *finishCheck) read(o *outputFolderList) {
	o.names.reset()
	o.missing = false
	dir, err := openFolder(o.path)
	if err == nil {
		o.dir, o.open = dir, true
		err = dir.read(&o.names, f.buf)
	}
	if err != nil {
		if isMissing(err) {
			o.missing = true
			return
		}
		o.close()
		o.askEach = true
		f.warn(Warning{Path: o.path, Message: "the output folder cannot be read, so each output is looked for by its name", Err: err}, false)
		return
	}
	o.index.reset(len(o.names.all))
	for i, n := range o.names.all {
		o.index.put(o.names.bytes(n), i, func(int) bool { return false })
	}
}

// inFolder reports whether the output of an item of the current group is there.
func (f *finishCheck) inFolder(g *group, name []byte) bool {
	if !f.out.checks() {
		return false
	}
	f.key = f.out.appendName(f.key[:0], unsafeString(name))
	if len(f.key) == 0 || f.cur.askEach {
		return f.ask(g.triplet(name))
	}
	if f.out.finish.File != template.WholeOutput && f.out.Files[f.out.finish.File].Name[0] == '/' {
		return f.ask(g.triplet(name))
	}
	return f.listed(&f.cur, f.key)
}

// listed looks the output up in a folder that was read, and then for the file in it that counts.
func (f *finishCheck) listed(o *outputFolderList, name []byte) bool {
	if o.missing || isOurs(name) {
		return false
	}
	_, i, found := o.index.find(name, func(i int) bool { return bytes.Equal(o.names.bytes(o.names.all[i]), name) })
	if !found {
		return false
	}
	kind := o.names.all[i].kind
	if file := f.out.finish.File; file != template.WholeOutput {
		if kind == kindFile {
			return false
		}
		return f.follow(o, string(name)+"/"+f.out.Files[file].Name)
	}
	if kind == kindLink || kind == kindUnknown {
		// A link that leads nowhere is no output.
		return f.follow(o, string(name))
	}
	return true
}

func (f *finishCheck) follow(o *outputFolderList, name string) bool {
	if o.open {
		_, _, err := o.dir.stat(name, true)
		return err == nil
	}
	_, err := pathExists(template.Join(o.path, name), true)
	return err == nil
}

// ask looks for the item's output by its path.
func (f *finishCheck) ask(in triplet) bool {
	path := f.out.checked(in)
	if _, name := split(path); isOurs([]byte(name)) {
		return false
	}
	_, err := pathExists(path, true)
	return err == nil
}

// cachedFolder is an output folder that single items asked for.
type cachedFolder struct {
	list outputFolderList
	asks int
	read bool
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

// single reports whether the output is there of an item that came alone. The output's folder is read once enough items asked.
func (f *finishCheck) single(in triplet) bool {
	if !f.out.checks() {
		return false
	}
	out := f.out.of(in)
	dir, name := split(out.path)
	absolute := f.out.finish.File != template.WholeOutput && f.out.Files[f.out.finish.File].Name[0] == '/'
	if name == "" || absolute {
		return f.ask(in)
	}
	c := f.cached(dir)
	c.asks++
	if !c.read && c.asks > askBeforeReading && !c.list.askEach {
		f.load(c)
	}
	if !c.read {
		return f.ask(in)
	}
	return f.listed(&c.list, []byte(name))
}

// load reads a folder for the cache, and lets go of others when there are too many names.
func (f *finishCheck) load(c *cachedFolder) {
	f.read(&c.list)
	// The cache keeps no folder open: there may be many.
	c.list.close()
	if c.list.askEach || len(c.list.names.all) > maxCachedNames {
		c.list = outputFolderList{path: c.list.path, askEach: true}
		return
	}
	c.read = true
	f.held += len(c.list.names.all)
	for f.held > maxCachedNames {
		f.forget(f.recent.Back())
	}
}

func (f *finishCheck) cached(dir string) *cachedFolder {
	if f.folders == nil {
		f.folders, f.recent = map[string]*list.Element{}, list.New()
	}
	if e := f.folders[dir]; e != nil {
		f.recent.MoveToFront(e)
		return e.Value.(*cachedFolder)
	}
	if f.recent.Len() >= maxCachedFolders {
		f.forget(f.recent.Back())
	}
	c := &cachedFolder{list: outputFolderList{path: dir}}
	f.folders[dir] = f.recent.PushFront(c)
	return c
}

func (f *finishCheck) forget(e *list.Element) {
	c := e.Value.(*cachedFolder)
	f.held -= len(c.list.names.all)
	delete(f.folders, c.list.path)
	f.recent.Remove(e)
}
