package plan

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// addItem adds the name of an item of several files, and after it in the text the names of its files: two bytes of length and the name
// for each, no length for a file that is absent.
func (l *nameList) addItem(item []byte, kind fileKind, files [][]byte) error {
	if err := l.add(item, kind); err != nil {
		return err
	}
	for _, f := range files {
		if len(l.text)+len(f)+2 > math.MaxUint32 || len(f) > math.MaxUint16 {
			return errors.New("the names of a folder's items have more than 4 GiB together")
		}
		l.text = binary.LittleEndian.AppendUint16(l.text, uint16(len(f)))
		l.text = append(l.text, f...)
	}
	return nil
}

// files yields the names of the files of an item of several files; an empty name: the file is absent.
func (l *nameList) files(n name, count int, each func(i int, file []byte)) {
	rest := l.text[n.off+uint32(n.size):]
	for i := range count {
		size := int(binary.LittleEndian.Uint16(rest))
		each(i, rest[2:2+size])
		rest = rest[2+size:]
	}
}

// memberWriter writes the files of the items of a group.
type memberWriter struct {
	of []template.Member
	// inFolder: the item is the folder of its files. Otherwise they lie beside each other.
	inFolder bool
	// keys are the members' keys as JSON, each after a comma and with its colon.
	keys []string
	// dir and relDir are the folder of the group, escaped, and slash is set if a slash has to follow dir.
	dir, relDir []byte
}

func newMemberWriter(in *template.Input) memberWriter {
	m := memberWriter{of: in.Members, inFolder: in.Kind == template.ByFolder}
	for _, member := range in.Members {
		m.keys = append(m.keys, ","+string(jsontext.AppendString(nil, member.Field()))+":")
	}
	return m
}

func (m *memberWriter) group(g *group) {
	m.dir = jsontext.AppendEscaped(m.dir[:0], template.Join(g.dir, ""))
	m.relDir = jsontext.AppendEscaped(m.relDir[:0], g.relDir)
}

// append appends the files of an item, each after a comma.
func (m *memberWriter) append(dst []byte, list *nameList, item name, escaped []byte) []byte {
	list.files(item, len(m.of), func(i int, file []byte) {
		dst = append(dst, m.keys[i]...)
		if len(file) == 0 {
			dst = append(dst, "null"...)
			return
		}
		dst = append(append(dst, `{"path":"`...), m.dir...)
		if m.inFolder {
			dst = append(append(dst, escaped...), '/')
		}
		dst = jsontext.AppendEscaped(dst, file)
		dst = append(append(dst, `","rel_dir":"`...), m.relDir...)
		if m.inFolder {
			dst = append(append(dst, '/'), escaped...)
		}
		dst = append(dst, `","file_name":"`...)
		dst = append(jsontext.AppendEscaped(dst, file), `"}`...)
	})
	return dst
}
