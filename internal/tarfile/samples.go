package tarfile

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"unicode/utf8"
)

// Field is what a sample may have: the first of the extensions that it has a member for.
type Field struct {
	ID string
	// Exts are in lower case and without their first dot: "jpg", "seg.png".
	Exts []string
}

// Part is a member of a sample.
type Part struct {
	// Name is the last name of the member's path.
	Name string
	// Offset is that of the member's Size bytes; 0: it is absent. Check is that of Member.
	Offset, Size int64
	Check        uint32
}

// Sample is adjacent members of an archive that share a key: their path up to the first dot of its last name.
type Sample struct {
	// Folder is the clean folder of the members in the archive, "." for its root, and Key the last name of the key.
	Folder, Key string
	// Parts are those of the fields, in their order.
	Parts []Part
	// Surplus are the names of members that are left out because another has an earlier extension of the same field.
	Surplus []string
}

// Found counts what Samples has found.
type Found struct {
	// Members counts regular members, and Other those of no field.
	Members, Other int
	// FirstOther is the name of the first of these.
	FirstOther string
}

// Samples calls each for every sample of an archive, in order. Members of no field are passed over. Nothing is known of the archive
// before the call has returned without an error: a later member may show that an earlier sample is not whole.
//
// These are errors: what Scan returns; a member of a field that has no bytes of its own; two members of one extension in a sample; members
// of one sample that are not adjacent; a member whose path leads out of the archive.
func Samples(r io.ReaderAt, size int64, fields []Field, each func(Sample)) (Found, error) {
	c := &collector{fields: fields, each: each, byExt: map[string]place{}}
	for i, f := range fields {
		for rank, ext := range f.Exts {
			c.byExt[ext] = place{i, rank}
		}
	}
	err := Scan(r, size, c.member)
	if err == nil {
		c.flush()
	}
	return c.found, err
}

// place is a field and the rank of an extension in it.
type place struct{ field, rank int }

type collector struct {
	fields []Field
	byExt  map[string]place
	each   func(Sample)
	found  Found

	// key is the path of the current sample's key, as its first member has it.
	key    string
	sample Sample
	// folder is the last folder that a member had, and clean the same without needless parts.
	folder, clean string
	// ranks are those of the extensions of the sample's parts.
	ranks []int
	// exts are all extensions that the sample has, with the offsets of their headers.
	exts []seenExt
	// last is the greatest key so far. While keys ascend, none can come twice. ends then has all keys; nil: they ascend.
	ends  map[string]int64
	keys  []string
	first []int64
	lower []byte
}

type seenExt struct {
	place
	header int64
}

// Key splits a member's name as webdataset does: the path up to the first dot of its last name, and the rest behind the dot. False: it has
// no key, or no extension, or webdataset takes it for one of its own.
func Key(name []byte) (key, ext []byte, ok bool) {
	base := bytes.LastIndexByte(name, '/') + 1
	dot := bytes.IndexByte(name[base:], '.')
	if dot < 1 || base+dot+1 == len(name) || isMeta(name) {
		return nil, nil, false
	}
	return name[:base+dot], name[base+dot+1:], true
}

// isMeta reports whether the first name of a path begins and ends with "__".
func isMeta(name []byte) bool {
	first, _, _ := bytes.Cut(name, []byte("/"))
	return len(first) >= 4 && bytes.HasPrefix(first, []byte("__")) && bytes.HasSuffix(first, []byte("__"))
}

func (c *collector) member(m Member) error {
	if m.Kind == Folder {
		return nil
	}
	if m.Kind == Regular {
		c.found.Members++
	}
	key, ext, ok := Key(m.Name)
	at, wanted := place{}, false
	if ok {
		c.lower = lower(c.lower[:0], ext)
		at, wanted = c.byExt[string(c.lower)]
	}
	if !wanted {
		c.pass(m, key)
		return nil
	}
	switch m.Kind {
	case Link:
		return c.fail(m, "it is a link, so it has no bytes of its own; write the archive with --dereference --hard-dereference")
	case Special:
		return c.fail(m, "it is a device or a named pipe, and has no bytes")
	}
	if string(key) != c.key || len(c.exts) == 0 {
		if err := c.begin(m, string(key)); err != nil {
			return err
		}
	}
	return c.add(m, at, string(m.Name[len(key)-len(c.sample.Key):]))
}

// pass passes over a member of no field. It ends the current sample if it belongs to another one.
func (c *collector) pass(m Member, key []byte) {
	if m.Kind != Regular {
		return
	}
	if key != nil && string(key) != c.key {
		c.flush()
	}
	if c.found.Other++; c.found.Other == 1 {
		c.found.FirstOther = string(m.Name)
	}
}

// begin ends the current sample and begins that of a key.
func (c *collector) begin(m Member, key string) error {
	c.flush()
	folder, name := path.Split(key)
	if folder != c.folder || c.clean == "" {
		c.folder, c.clean = folder, path.Clean("./"+strings.TrimLeft(folder, "/"))
	}
	if c.clean == ".." || strings.HasPrefix(c.clean, "../") {
		return c.fail(m, "its path leads out of the archive")
	}
	whole := key
	if folder != "" && folder != c.clean+"/" {
		whole = path.Join(c.clean, name)
	}
	if earlier, found := c.seen(whole, m.Header); found {
		return c.fail(m, fmt.Sprintf("another member of the sample %s lies at %d, and others are between the two: the members of a sample "+
			"must be adjacent (tar --sort=name writes them so)", key, earlier))
	}
	c.key = key
	c.sample = Sample{Folder: c.clean, Key: name, Parts: make([]Part, len(c.fields))}
	c.ranks = c.ranks[:0]
	for range c.fields {
		c.ranks = append(c.ranks, math.MaxInt)
	}
	return nil
}

// seen notes a key, and reports whether it came before. It makes a table only when the keys do not ascend.
func (c *collector) seen(key string, header int64) (int64, bool) {
	ascends := len(c.keys) == 0 || c.keys[len(c.keys)-1] < key
	c.keys, c.first = append(c.keys, key), append(c.first, header)
	if ascends && c.ends == nil {
		return 0, false
	}
	if c.ends == nil {
		c.ends = make(map[string]int64, len(c.keys))
		for i, k := range c.keys[:len(c.keys)-1] {
			c.ends[k] = c.first[i]
		}
	}
	if earlier, found := c.ends[key]; found {
		return earlier, true
	}
	c.ends[key] = header
	return 0, false
}

func (c *collector) add(m Member, at place, name string) error {
	for _, e := range c.exts {
		if e.place == at {
			return c.fail(m, fmt.Sprintf("the sample %s has such a member already, at %d", c.key, e.header))
		}
	}
	c.exts = append(c.exts, seenExt{at, m.Header})
	part := &c.sample.Parts[at.field]
	switch {
	case part.Offset > 0 && at.rank < c.ranks[at.field]:
		c.sample.Surplus = append(c.sample.Surplus, part.Name)
	case part.Offset > 0:
		c.sample.Surplus = append(c.sample.Surplus, name)
	}
	if at.rank < c.ranks[at.field] {
		c.ranks[at.field] = at.rank
		*part = Part{Name: name, Offset: m.Offset, Size: m.Size, Check: m.Check}
	}
	return nil
}

func (c *collector) flush() {
	if len(c.exts) > 0 {
		c.each(c.sample)
		c.exts = c.exts[:0]
	}
}

func (c *collector) fail(m Member, message string) error {
	return &Error{Member: string(m.Name), Offset: m.Header, Message: message}
}

// lower appends text in lower case.
func lower(dst, text []byte) []byte {
	for _, b := range text {
		switch {
		case b >= utf8.RuneSelf:
			return append(dst[:0], bytes.ToLower(text)...)
		case 'A' <= b && b <= 'Z':
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}
