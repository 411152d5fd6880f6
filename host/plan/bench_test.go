package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// The limit of a second run over 200,000 finished files in 200 folders is reading 400 folders of 1,000 names each:
// BenchmarkReadFolders does that and nothing else. What BenchmarkSecondRun takes beyond it is ours.

const (
	benchFolders = 200
	benchFiles   = 1000
)

func benchTree(b *testing.B) (in, out string) {
	b.Helper()
	dir := b.TempDir()
	in, out = filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for f := range benchFolders {
		name := fmt.Sprintf("%03d", f)
		mkdir(b, filepath.Join(in, name), filepath.Join(out, name))
		for i := range benchFiles {
			file := fmt.Sprintf("photo_%06d.jpg", i*7919%benchFiles)
			for _, p := range []string{filepath.Join(in, name, file), filepath.Join(out, name, file+".txt")} {
				h, err := os.Create(p)
				if err != nil {
					b.Fatal(err)
				}
				_ = h.Close()
			}
		}
	}
	b.ReportAllocs()
	return in, out
}

// cpuTime reports the processor time an iteration took, which other work on the machine changes less than the clock.
func cpuTime(b *testing.B) {
	b.Helper()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.Cleanup(func() {
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		user := float64(after.Utime.Nano()-before.Utime.Nano()) / 1e6
		system := float64(after.Stime.Nano()-before.Stime.Nano()) / 1e6
		b.ReportMetric(user/float64(b.N), "user-ms/op")
		b.ReportMetric(system/float64(b.N), "system-ms/op")
	})
}

func BenchmarkReadFolders(b *testing.B) {
	in, out := benchTree(b)
	var list nameList
	cpuTime(b)
	for b.Loop() {
		for _, root := range []string{in, out} {
			for f := range benchFolders {
				dir, err := openFolder(localDisk{}, fmt.Sprintf("%s/%03d", root, f))
				if err != nil {
					b.Fatal(err)
				}
				list.reset()
				if err := dir.read(&list); err != nil || len(list.all) != benchFiles {
					b.Fatal(err, len(list.all))
				}
				dir.close()
			}
		}
	}
}

func BenchmarkSecondRun(b *testing.B) {
	in, out := benchTree(b)
	for _, c := range []struct {
		name   string
		shard  *template.Node
		output *template.Node
		todo   uint64
	}{
		{"whole", nil, mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), 0},
		{"shard", softShard("SoftShard", 4, num(1)), mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), 0},
		{"hash", softShard("SoftShardByHash", 4, num(1)), mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), 0},
		{"replaced", nil, mode("OutputByReplacingExt", map[string]any{"ext": ".jpg.txt"}), 0},
		{"nothing done", nil, mode("OutputByApendingExt", map[string]any{"ext": ".webp"}), benchFolders * benchFiles},
	} {
		fields := map[string]*template.Node{
			template.RoleHardShard: folders(in, out), template.RoleInput: byExts(".jpg"), template.RoleOutput: c.output, template.RoleFinishCheck: checkOutput(nil),
		}
		if c.shard != nil {
			fields[template.RoleSoftShard] = c.shard
		}
		tmpl := mustCompile(b, fields)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			cpuTime(b)
			for b.Loop() {
				var n Counters
				err := walkInputs(b.Context(), tmpl, walkOptions{counters: &n, need: Need{Line: true}, item: func(*Item) error { return nil }})
				if err != nil || n.ToDo.Load() != c.todo {
					b.Fatal(err, n.ToDo.Load())
				}
			}
		})
	}
}
