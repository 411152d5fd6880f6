package tarfile

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"
)

var fields = []Field{{"image", []string{"jpg", "png"}}, {"mask", []string{"seg.png"}}, {"text", []string{"txt"}}}

// samples returns "FOLDER|KEY|NAME:SIZE,NAME:SIZE,…" of each sample.
func samples(data []byte) ([]string, Found, error) {
	var got []string
	found, err := Samples(bytes.NewReader(data), int64(len(data)), fields, func(s Sample) {
		var parts []string
		for _, p := range s.Parts {
			text := "-"
			if p.Offset > 0 {
				text = fmt.Sprintf("%s:%d", p.Name, p.Size)
			}
			parts = append(parts, text)
		}
		got = append(got, s.Folder+"|"+s.Key+"|"+strings.Join(append(parts, s.Surplus...), ","))
	})
	return got, found, err
}

func TestSamples(t *testing.T) {
	entries := append(names("./0.jpg", "./0.txt", "./0.seg.png", "1.PNG", "1.jpg", "1.json", "sub/./2.v1.jpg", "/sub/3.txt", ".hidden.jpg", "README", "b.jpg", "a.jpg"),
		entry{name: "c.json", header: tar.Header{Typeflag: tar.TypeSymlink, Linkname: "a.json"}})
	got, found, err := samples(archive(t, entries...))
	want := []string{".|0|0.jpg:0,0.seg.png:200,0.txt:100", ".|1|1.jpg:400,-,-,1.PNG", "sub|3|-,-,3.txt:700", ".|b|b.jpg:1000,-,-", ".|a|a.jpg:1100,-,-"}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, %v", got, err)
	}
	if found != (Found{Members: 12, Other: 4, FirstOther: "1.json"}) {
		t.Errorf("%+v", found)
	}
}

func TestSamplesRefuses(t *testing.T) {
	link := tar.Header{Typeflag: tar.TypeLink, Linkname: "a.jpg"}
	cases := []struct {
		name    string
		entries []entry
		want    string
	}{
		{"not adjacent", names("a.jpg", "b.jpg", "a.txt"), "member a.txt at 1536: another member of the sample a lies at 0, and others are between the two: " +
			"the members of a sample must be adjacent (tar --sort=name writes them so)"},
		{"not adjacent, in other folders", names("s/a.jpg", "t/a.jpg", "./s/a.txt"), "member ./s/a.txt at 1536: another member of the sample ./s/a lies at 0, and others are between the two: " +
			"the members of a sample must be adjacent (tar --sort=name writes them so)"},
		{"not adjacent, not sorted", names("c.jpg", "a.jpg", "b.jpg", "c.txt"), "member c.txt at 2560: another member of the sample c lies at 0, and others are between the two: " +
			"the members of a sample must be adjacent (tar --sort=name writes them so)"},
		{"duplicate", names("a.jpg", "a.txt", "a.jpg"), "member a.jpg at 1536: the sample a has such a member already, at 0"},
		{"duplicate in another case", names("a.jpg", "a.JPG"), "member a.JPG at 512: the sample a has such a member already, at 0"},
		{"hard link", []entry{{name: "a.jpg"}, {name: "b.jpg", header: link}},
			"member b.jpg at 512: it is a link, so it has no bytes of its own; write the archive with --dereference --hard-dereference"},
		{"pipe", []entry{{name: "a.jpg", header: tar.Header{Typeflag: tar.TypeFifo}}}, "member a.jpg at 0: it is a device or a named pipe, and has no bytes"},
		{"outside", names("../a.jpg"), "member ../a.jpg at 0: its path leads out of the archive"},
		{"outside below", names("s/../../a.jpg"), "member s/../../a.jpg at 0: its path leads out of the archive"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := samples(archive(t, c.entries...)); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}
