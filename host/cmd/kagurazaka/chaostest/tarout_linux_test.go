package chaostest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// packed are runs of a task with two members a sample, which are packed into tar archives.
type packed struct {
	*world
	rng   *rand.Rand
	items int
	// done are the archives of all that was done, and taken away to be done again.
	dead, rounds, emptied int
	// samples and archives tell of what arrives in the spool, and in the output folder.
	samples, archives *arrivals
}

func picture(i int) string { return fmt.Sprintf("f%05d.jpg", i) }

func newPacked(t *testing.T, items int) *packed {
	t.Helper()
	p := &packed{world: newWorld(t), rng: newRandom(t), items: items}
	p.check(os.Mkdir(p.path("in"), 0o755))
	for i := range items {
		p.check(os.WriteFile(p.path("in", picture(i)), []byte(strings.Repeat(picture(i), 1+i%7)), 0o644))
	}
	// There before the first run, to be watched.
	p.check(os.MkdirAll(p.path("out", template.SpoolPath), 0o755))
	p.samples, p.archives = watchFolder(t, p.path("out", template.SpoolPath)), watchFolder(t, p.path("out"))
	return p
}

func (p *packed) command(flags ...string) []string {
	return append(flags, filepath.Join(plugins, "pairs"), "Pack", "--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out",
		"output_mode={mode: OutputByTar, count: 40, keys: {image: jpg, about: json}}", "finish_check_mode.output_field_suffix=null")
}

// round starts a host and kills it at a random point; false: it was done before.
func (p *packed) round() (killed bool) {
	p.t.Helper()
	p.rounds++
	p.samples.take()
	p.archives.take()
	watched, most := p.samples, 200
	if p.rng.IntN(2) == 0 {
		// Around the rename of an archive, and of its index.
		watched, most = p.archives, 6
	}
	point := 1 + p.rng.IntN(most)
	h := p.start(nil, p.command("--progress", "json", "--no-ledger", "--num_process", "2", "--chunksize", "8")...)
	for n := 0; n < point; {
		select {
		case <-h.ended:
			p.want(h.wait(), 0)
			return false
		case <-watched.more:
			n += watched.take()
		}
	}
	h.signal(syscall.SIGKILL)
	h.wait()
	return true
}

// members are the contents of all archives by the names of the members. Each name must be there once, and the members of a sample together.
func (p *packed) members() map[string]string {
	p.t.Helper()
	names, err := filepath.Glob(p.path("out", "*.tar"))
	p.check(err)
	all := map[string]string{}
	for _, name := range names {
		if !template.IsArchive(filepath.Base(name)) {
			p.t.Errorf("%s is not the name of an archive", name)
		}
		file, err := os.Open(name)
		p.check(err)
		last := ""
		for r := tar.NewReader(file); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			p.check(err)
			data, err := io.ReadAll(r)
			p.check(err)
			if _, twice := all[header.Name]; twice {
				p.t.Errorf("%s is there twice, the second time in %s", header.Name, name)
			}
			all[header.Name] = string(data)
			if key, ext, _ := strings.Cut(header.Name, "."); ext == "json" && last != key+".jpg" {
				p.t.Errorf("%s comes after %s in %s", header.Name, last, name)
			}
			last = header.Name
		}
		p.check(file.Close())
	}
	return all
}

// whole checks that all members are there as they should be, and nothing else.
func (p *packed) whole() {
	p.t.Helper()
	all := p.members()
	for i := range p.items {
		name := picture(i)
		text := strings.Repeat(name, 1+i%7)
		about := fmt.Sprintf(`{"bytes":%d,"name":%q}`, len(text), name)
		if got := all[name]; got != text {
			p.t.Errorf("%s has %q, want %q", name, got, text)
		}
		if other := strings.TrimSuffix(name, "jpg") + "json"; all[other] != about {
			p.t.Errorf("%s has %q, want %q", other, all[other], about)
		}
	}
	if len(all) != 2*p.items {
		p.t.Errorf("%d members of %d samples", len(all), p.items)
	}
	entries, err := os.ReadDir(p.path("out"))
	p.check(err)
	p.noStaging("out")
	for _, e := range entries {
		if e.Name() == template.StagingFolder {
			continue
		}
		if name := strings.TrimSuffix(e.Name(), template.IndexExt); !template.IsArchive(name) {
			p.t.Errorf("%s is left", e.Name())
		}
	}
}

// empty takes away what is done.
func (p *packed) empty() {
	p.t.Helper()
	p.emptied++
	names, err := filepath.Glob(p.path("out", "*.tar*"))
	p.check(err)
	for _, name := range names {
		p.check(os.Remove(name))
	}
	p.check(os.MkdirAll(p.path("out", template.SpoolPath), 0o755))
	p.samples = watchFolder(p.t, p.path("out", template.SpoolPath))
}

// TestChaosTar kills hosts at random points until there were enough. Then the archives have every sample once, and nothing else is left.
func TestChaosTar(t *testing.T) {
	p := newPacked(t, 3000)
	const kills = 200
	for p.dead < kills && !t.Failed() {
		if p.round() {
			p.dead++
			if p.dead%20 == 0 {
				p.members()
			}
			continue
		}
		p.nobodyIsLeft()
		p.whole()
		p.empty()
	}
	p.nobodyIsLeft()
	p.want(p.run(nil, p.command()...), 0)
	p.whole()
	t.Logf("%d hosts, %d killed, everything done %d times", p.rounds, p.dead, p.emptied+1)
}

// TestChaosTarShards kills one of two hosts on one output folder: the other goes on, and the next takes up what is left.
func TestChaosTarShards(t *testing.T) {
	p := newPacked(t, 1500)
	for round := range 10 {
		first := p.start(nil, p.command("--no-ledger", "--num_process", "1", "--chunksize", "4", "--shard", "0/2")...)
		second := p.start(nil, p.command("--no-ledger", "--num_process", "1", "--chunksize", "4", "--shard", "1/2")...)
		p.samples.take()
		for n, point := 0, 1+p.rng.IntN(300); n < point && !first.hasEnded(); {
			select {
			case <-first.ended:
			case <-p.samples.more:
				n += p.samples.take()
			}
		}
		first.signal(syscall.SIGKILL)
		first.wait()
		p.want(second.wait(), 0)
		p.nobodyIsLeft()
		p.members()
		if round == 9 || t.Failed() {
			break
		}
		if _, err := os.Stat(p.path("out", template.SpoolPath)); err != nil {
			p.check(os.MkdirAll(p.path("out", template.SpoolPath), 0o755))
			p.samples = watchFolder(t, p.path("out", template.SpoolPath))
		}
	}
	p.want(p.run(nil, p.command()...), 0)
	p.whole()
}
