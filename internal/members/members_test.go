package members

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
	"github.com/kagurazaka/kagurazaka/internal/tarfile"
	"github.com/kagurazaka/kagurazaka/internal/tarfile/tarfiletest"
)

// item writes an archive and returns the item of its members, each under the id that is its name's end.
func item(t *testing.T, path string, asBytes bool, names ...string) []byte {
	t.Helper()
	archive := tarfiletest.Write(t, path, names...)
	place := &Place{Tar: path, Bytes: asBytes}
	text := []byte(`{"n":1`)
	err := tarfile.Scan(bytes.NewReader(archive), int64(len(archive)), func(m tarfile.Member) error {
		name := string(m.Name)
		field := "input_" + strings.TrimPrefix(filepath.Ext(name), ".")
		place.Parts = append(place.Parts, Part{Field: field, Offset: m.Offset, Size: m.Size, Check: m.Check})
		triplet := jsontext.AppendTriplet(nil, path+"/"+name, "0", filepath.Base(name))
		if len(place.Parts) == 1 {
			text = append(append(text, `,"input":`...), triplet...)
		}
		text = append(append(jsontext.AppendString(append(text, ','), field), ':'), triplet...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(place.Append(append(text, `,"members":`...)), '}')
}

func TestFilesHaveTheMembers(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("l", 251) + "\xff.txt"
	it := item(t, filepath.Join(dir, "0.tar"), false, "a\"b.jpg", long)
	r := NewReader(dir)
	changed, release, err := r.Files(it)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	if err := inputs(changed, func(field string, f jsontext.Triplet) { paths[field] = f.Path }); err != nil {
		t.Fatal(err)
	}
	if paths["input"] != paths["input_jpg"] || len(paths) != 3 || !strings.HasSuffix(paths["input"], `/a"b.jpg`) {
		t.Errorf("the paths are %q", paths)
	}
	for field, want := range map[string]string{"input_jpg": "a\"b.jpg", "input_txt": long} {
		if data, err := os.ReadFile(paths[field]); err != nil || string(data) != want {
			t.Errorf("%s is %q, %v", field, data, err)
		}
	}
	if place, err := Of(changed); err != nil || len(place.Parts) != 2 || place.Tar != filepath.Join(dir, "0.tar") {
		t.Errorf("the changed item's members are %+v, %v", place, err)
	}
	release()
	if _, err := os.Lstat(paths["input"]); !os.IsNotExist(err) {
		t.Errorf("after its release: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "members-*")); err != nil || left != nil {
		t.Errorf("left are %q, %v", left, err)
	}
}

func TestUnpackedMembersAreFilesOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	r := NewUnpacker(dir)
	changed, release, err := r.Files(item(t, filepath.Join(dir, "0.tar"), false, "a.jpg"))
	must(t, err)
	must(t, inputs(changed, func(field string, f jsontext.Triplet) {
		info, err := os.Lstat(f.Path)
		must(t, err)
		if !info.Mode().IsRegular() || info.Size() != 5 || !strings.HasPrefix(f.Path, dir) {
			t.Errorf("%s is %s of %d bytes", f.Path, info.Mode(), info.Size())
		}
	}))
	release()
	must(t, r.Close())
}

func TestSize(t *testing.T) {
	if size, ok := Size(item(t, filepath.Join(t.TempDir(), "0.tar"), false, "abc.jpg", "a.txt")); size != 12 || !ok {
		t.Errorf("%d bytes, %v", size, ok)
	}
	if _, ok := Size([]byte(`{"input":{"path":"a","rel_dir":".","file_name":"a"}}`)); ok {
		t.Error("an item without members has a size")
	}
}

func TestItemsWithoutFilesStayAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	r := NewReader(dir)
	for _, it := range [][]byte{[]byte(`{"input":{"path":"a","rel_dir":".","file_name":"a"}}`), item(t, filepath.Join(dir, "0.tar"), true, "a.jpg")} {
		changed, release, err := r.Files(it)
		if err != nil || !bytes.Equal(changed, it) {
			t.Errorf("%s became %s, %v", it, changed, err)
		}
		release()
	}
}

func TestArchivesThatHaveChangedAreErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "0.tar")
	it := item(t, path, false, "a.jpg", "a.txt")
	for _, c := range []struct {
		name   string
		change func()
		want   string
	}{
		{"other names", func() { item(t, path, false, "b.jpg", "b.txt") }, "reading input_jpg, 5 bytes at 512 of " + path + ": the archive has changed since it was listed: another header is there"},
		{"shorter", func() { item(t, path, false, "a.jpg"); must(t, os.Truncate(path, 1024)) },
			"reading input_txt, 5 bytes at 1536 of " + path + ": the archive has 1024 bytes: it has changed since it was listed"},
		{"gone", func() { must(t, os.Remove(path)) }, "reading input_jpg, 5 bytes at 512 of " + path + ": open " + path + ": no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.change()
			r := NewReader(dir)
			if _, _, err := r.Files(it); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "members-*", "*")); err != nil || left != nil {
				t.Errorf("left are %q, %v", left, err)
			}
			must(t, r.Close())
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyArchivesAreNotAllOpen(t *testing.T) {
	dir := t.TempDir()
	r := NewReader(dir)
	for i := range 3 * maxOpen {
		it := item(t, filepath.Join(dir, string(rune('a'+i))+".tar"), false, "a.jpg")
		_, release, err := r.Files(it)
		must(t, err)
		release()
	}
	if len(r.open) != maxOpen {
		t.Errorf("%d archives are open", len(r.open))
	}
	must(t, r.Close())
}

func TestOfRefusesWhatIsNoPlace(t *testing.T) {
	for _, text := range []string{`{}`, `{"members":[]}`, `{"members":{}}`, `{"members":{"tar":1}}`, `{"members":"mine"}`} {
		if place, err := Of([]byte(text)); place != nil || err != nil {
			t.Errorf("%s has the place %+v, %v", text, place, err)
		}
	}
	for _, text := range []string{`{"members":{"tar":"x","input_a":[1,2,3]}}`, `{"members":{"tar":"x","input_a":[512,-1,3]}}`, `{"members":{"tar":"x","input_a":"mine"}}`} {
		if _, err := Of([]byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte(`{"input":{"path":"a","rel_dir":".","file_name":"a"},"input_a":null,"members":{"tar":"/dev/null","input_a":[512,0,1]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := NewReader(t.TempDir())
		_, release, err := r.Files(text)
		if err == nil {
			release()
		}
		must(t, r.Close())
	})
}
