package plan

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kagurazaka/kagurazaka/host/template"
)

// drawShard draws a shard with up to three levels.
func drawShard(t *rapid.T, depth int) *template.Shard {
	s := &template.Shard{Num: uint64(rapid.IntRange(1, 6).Draw(t, "num"))}
	all := make([]uint64, s.Num)
	for i := range all {
		all[i] = uint64(i)
	}
	picked := rapid.Permutation(all).Draw(t, "order")
	s.Idx = slices.Sorted(slices.Values(picked[:rapid.IntRange(1, len(picked)).Draw(t, "count")]))
	if depth > 0 && rapid.Bool().Draw(t, "sub") {
		s.Sub = drawShard(t, depth-1)
	}
	return s
}

func TestShardsPartTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawShard(t, 2)
		// The shards of each level are dealt out anew; every item of a level belongs to one of them.
		for level := s; level != nil; level = level.Sub {
			count := make([]int, 600)
			for i := range level.Num {
				level.Idx, level.Sub = []uint64{i}, nil
				for n := range count {
					if belongs(level, uint64(n)) {
						count[n]++
					}
				}
			}
			for n, c := range count {
				if c != 1 {
					t.Fatalf("item %d is in %d of %d shards", n, c, level.Num)
				}
			}
		}
	})
}

func TestSubshardsPartTheShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawShard(t, 0)
		subs := uint64(rapid.IntRange(1, 5).Draw(t, "subs"))
		start := rapid.SampledFrom([]uint64{0, 1 << 40, math.MaxUint64 - 300}).Draw(t, "start")
		for k := range uint64(300) {
			n, in, inSubs := start+k, 0, 0
			if belongs(s, n) {
				in = 1
			}
			for i := range subs {
				with := *s
				with.Sub = &template.Shard{Num: subs, Idx: []uint64{i}}
				if belongs(&with, n) {
					inSubs++
				}
			}
			if in != inSubs {
				t.Fatalf("item %d is %d times in the shard and %d times in its subshards", n, in, inSubs)
			}
		}
	})
}

func TestWholeShard(t *testing.T) {
	var none *template.Shard
	if !none.Whole() || !belongs(none, 7) {
		t.Error("no shard takes everything")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := drawShard(t, 2)
		if s.Whole() {
			for n := range uint64(300) {
				if !belongs(s, n) {
					t.Fatalf("a whole shard leaves out %d", n)
				}
			}
		}
	})
}

// TestHashIsFixed holds the formula: other languages compute it, too, and shards of different versions must agree.
func TestHashIsFixed(t *testing.T) {
	for key, want := range map[string]uint64{"": 0xefd01f60ba992926, "./a.jpg": hashByHand("./a.jpg"), "x/ü": hashByHand("x/ü")} {
		if got := hashKey(key); got != want {
			t.Errorf("hash of %q is %#x, want %#x", key, got, want)
		}
	}
}

func hashByHand(s string) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(s) {
		h ^= uint64(b)
		h *= 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func TestHashShardsAreBalanced(t *testing.T) {
	// Names with a period and with bytes of one parity, which plain FNV-1a would put into one shard of two.
	for _, format := range []string{"a/%06d.jpg", "a/%d%[1]d", "%d_left"} {
		for _, num := range []uint64{2, 3, 8} {
			counts := make([]int, num)
			for i := range 20000 {
				counts[hashKey(fmt.Sprintf(format, 2*i))%num]++
			}
			for _, c := range counts {
				if want := 20000 / int(num); c < want*93/100 || c > want*107/100 {
					t.Errorf("%s in %d shards: %v", format, num, counts)
					break
				}
			}
		}
	}
}

func TestShardedWalks(t *testing.T) {
	t.Chdir(t.TempDir())
	var lines []string
	for i := range 40 {
		touch(t, fmt.Sprintf("in/%d/f%02d.jpg", i%3, i))
		if i%4 == 0 {
			touch(t, fmt.Sprintf("out/%d/f%02d.jpg.txt", i%3, i))
		}
	}
	inputs := map[string]*template.Node{
		"files": byExts(),
		"lines": mode("InputFromWhateverJsonl", map[string]any{"jsonl_path": "lines.jsonl"}),
	}
	fields := func(input *template.Node, shard *template.Node) map[string]*template.Node {
		return map[string]*template.Node{
			template.RoleHardShard: folders("in", "out"), template.RoleInput: input, template.RoleSoftShard: shard,
			template.RoleOutput: mode("OutputByApendingExt", map[string]any{"ext": ".txt"}), template.RoleFinishCheck: checkOutput(nil),
		}
	}
	bare := mustCompile(t, map[string]*template.Node{template.RoleHardShard: folders("in", "out"), template.RoleInput: byExts()})
	lines = walkAll(t, bare).lines
	if err := os.WriteFile("lines.jsonl", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	taken := map[string][]string{}
	for source, input := range inputs {
		all := walkAll(t, mustCompile(t, fields(input, nil)))
		if all.err != nil || len(all.lines) != 30 || all.counters.Done.Load() != 10 || all.counters.Listed.Load() != 40 {
			t.Fatalf("%s: %v, %d lines", source, all.err, len(all.lines))
		}
		for _, kind := range []string{"SoftShard", "SoftShardByHash"} {
			var parts []string
			counts := make([]ShardCount, 3)
			for i := range 3 {
				tmpl := mustCompile(t, fields(input, softShard(kind, 3, num(i))))
				w := walkAll(t, tmpl)
				if w.err != nil || w.counters.InShard.Load() != w.counters.Done.Load()+w.counters.ToDo.Load() || len(w.lines) != int(w.counters.ToDo.Load()) {
					t.Fatalf("%s %s %d: %v", source, kind, i, w.err)
				}
				parts = append(parts, w.lines...)
				counts[i] = ShardCount{ToDo: w.counters.ToDo.Load(), Done: w.counters.Done.Load()}
				shards := make([]ShardCount, 3)
				var again []string
				err := walkInputs(t.Context(), tmpl, walkOptions{shards: shards, item: func(i *Item) error { again = append(again, string(i.Line)); return nil }, need: Need{Line: true}})
				if err != nil || !cmp.Equal(again, w.lines) {
					t.Errorf("%s %s %d: counting all shards changes the items: %v", source, kind, i, err)
				}
				if i == 2 {
					if diff := cmp.Diff(counts, shards); diff != "" {
						t.Errorf("%s %s: counts of all shards (- one by one, + at once):\n%s", source, kind, diff)
					}
				}
			}
			slices.Sort(parts)
			whole := slices.Sorted(slices.Values(all.lines))
			if diff := cmp.Diff(whole, parts); diff != "" {
				t.Errorf("%s %s: the shards together (- whole, + parts):\n%s", source, kind, diff)
			}
			if other, ok := taken[kind]; ok && !cmp.Equal(other, parts) {
				t.Errorf("%s: files and lines are divided differently", kind)
			}
			taken[kind] = parts
		}
	}
}
