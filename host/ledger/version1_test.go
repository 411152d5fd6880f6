package ledger

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
)

var makeVersion1 = flag.Bool("make-version1", false, "write testdata/version1 anew: only a host that writes version 1 may")

// version1 is what the host that wrote a folder of testdata/version1 read in it itself.
type version1 struct {
	Done, Skipped, Resumed, Failed Spans
	Listed                         int64
	// FailedItems are the numbers of failed items, Given the items that a run over each listing was given when it took up this one.
	FailedItems []uint64
	Given       map[string][]string
}

func version1Listings(encoding string) map[string]func() backbones.Source {
	switch encoding {
	case "json":
		items := append(words("a", 40), "{}", "{}", "{}", "{}", "{}")
		backward := slices.Clone(items)
		slices.Reverse(backward)
		grown := slices.Concat([]string{`{"new":1}`}, items[:20], []string{`{"new":2}`, "{}"}, items[20:], words("b", 3))
		return map[string]func() backbones.Source{
			"same":     func() backbones.Source { return jsonItems(8, items...) },
			"backward": func() backbones.Source { return jsonItems(7, backward...) },
			"grown":    func() backbones.Source { return jsonItems(9, grown...) },
			"shorter":  func() backbones.Source { return jsonItems(9, items[:15]...) },
		}
	case "opaque":
		return map[string]func() backbones.Source{
			"same":  func() backbones.Source { return opaqueItems("pickled", "a", "b", "c", "d", "e") },
			"other": func() backbones.Source { return opaqueItems("others", "a", "b", "c", "d", "e") },
		}
	case "keyed":
		return map[string]func() backbones.Source{
			"same":  func() backbones.Source { return &keyed{items: upTo(20), size: 5, salt: "x"} },
			"grown": func() backbones.Source { return &keyed{items: upTo(25), size: 4, salt: "y"} },
		}
	default:
		show := func(n uint64) string { return string(rune('a' + n)) }
		return map[string]func() backbones.Source{
			"same":   func() backbones.Source { return inOrder(9, show) },
			"longer": func() backbones.Source { return inOrder(10, show) },
		}
	}
}

// version1Runs are the folders of testdata/version1, each of which takes up an earlier one where it names one.
var version1Runs = []struct{ name, encoding, listing, earlier, how string }{
	{"json-killed", "json", "same", "", ""},
	{"json-grown", "json", "grown", "json-killed", Resume},
	{"json-never-began", "json", "never", "json-grown", Resume},
	{"json-backward", "json", "backward", "json-never-began", Resume},
	{"json-whole", "json", "same", "json-backward", Resume},
	{"json-retried", "json", "same", "json-killed", RetryFailed},
	{"opaque-killed", "opaque", "same", "", ""},
	{"keyed-killed", "keyed", "same", "", ""},
	{"keyed-grown", "keyed", "grown", "keyed-killed", Resume},
	{"indexed-killed", "indexed", "same", "", ""},
	{"indexed-longer", "indexed", "longer", "indexed-killed", Resume},
}

// What a host wrote that knew version 1 alone is read as that host read it, and taken up as that host took it up.
func TestVersion1(t *testing.T) {
	root := filepath.Join("testdata", "version1")
	if *makeVersion1 {
		writeVersion1(t, root)
	}
	for _, run := range version1Runs {
		t.Run(run.name, func(t *testing.T) {
			dir := filepath.Join(root, run.name)
			got := readVersion1(t, dir, run.encoding)
			file := filepath.Join(dir, "read.json")
			if *makeVersion1 {
				data, err := json.Marshal(got)
				if err == nil {
					err = os.WriteFile(file, data, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want version1
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("version 1 read it otherwise: %s", diff)
			}
		})
	}
}

func readVersion1(t *testing.T, dir, encoding string) version1 {
	t.Helper()
	s := read(t, dir)
	got := version1{Done: s.Done, Skipped: s.Skipped, Resumed: s.Resumed, Failed: s.Failed, Listed: s.Listed, Given: map[string][]string{}}
	for _, f := range carried[s] {
		got.FailedItems = append(got.FailedItems, f.Number)
	}
	for name, list := range version1Listings(encoding) {
		s := read(t, dir)
		got.Given[name] = play(t, filepath.Join(t.TempDir(), name), Options{Earlier: s}, list(), Chosen{Finished: s}, allDone)
	}
	return got
}

func writeVersion1(t *testing.T, root string) {
	t.Helper()
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	for i, run := range version1Runs {
		dir := filepath.Join(root, run.name)
		o, chosen := Options{}, Chosen{}
		var src backbones.Source = &blocks{}
		if list, ok := version1Listings(run.encoding)[run.listing]; ok {
			src = list()
		}
		if run.earlier != "" {
			o.Earlier = read(t, filepath.Join(root, run.earlier))
			chosen.Finished = o.Earlier
		}
		if run.how == RetryFailed {
			failed, _, err := NewFailedSource(filepath.Join(root, run.earlier), o.Earlier)
			if err != nil {
				t.Fatal(err)
			}
			defer failed.Close()
			src, chosen = failed, Chosen{Part: true}
		}
		n := 0
		lives := map[string]int{"json-killed": 23, "json-retried": 2, "keyed-killed": 11, "json-grown": 9, "json-backward": 7}[run.name]
		if lives == 0 {
			lives = 4
		}
		if run.name == "json-whole" {
			lives = 1000
		}
		if run.listing == "never" {
			l, err := Create(dir, Info{ID: run.name}, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range carried[o.Earlier] {
				l.Carry(f)
			}
			if err := l.Close(End{}); err != nil {
				t.Fatal(err)
			}
		} else {
			play(t, dir, o, src, chosen, func(string) outcome {
				switch n++; {
				case n > lives:
					return notReached
				case n%5 == i%5:
					return failed
				}
				return done
			})
		}
		for _, name := range []string{lockFile, infoFile} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The host died in the middle of a record.
	path := filepath.Join(root, "keyed-killed", outcomesFile)
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(data, 9, 0, 0, 0, 1, 2), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
