package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/manifest"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/shard"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// The ways to divide the items of a run.
const (
	ByIndex = "index"
	ByHash  = "hash"
	BySize  = "size"
	ByTime  = "time"
)

// DivideOptions are how the items of a run are divided into manifests.
type DivideOptions struct {
	// Parts is how many manifests there are, By how they are made equal, and Dir the folder that they are written to.
	Parts int
	By    string
	Dir   string
	// From are the runs that measured how long the items take; for ByTime alone.
	From []string
	// ToDo leaves out items that are finished. Replace replaces a set of manifests in the folder.
	ToDo, Replace bool
}

// Division is a set of manifests: shards.json.
type Division struct {
	// Format is the version of the file.
	Format int    `json:"kagurazaka_shards"`
	By     string `json:"by"`
	// Unit is what the weights are: bytes or seconds; empty: there are none, and items count.
	Unit  string `json:"unit,omitempty"`
	Items uint64 `json:"items"`
	// Unknown counts items without a weight.
	Unknown uint64         `json:"unknown,omitempty"`
	Parts   []DivisionPart `json:"parts"`
	// Even compares the parts: their weights, or their items where there are none.
	Even shard.Evenness `json:"even"`
	// OutputsOutside: some outputs lie outside of the output folder.
	OutputsOutside bool `json:"outputs_outside,omitempty"`
	// OwnShard: the template has a shard of its own, which a run of a manifest must not apply again.
	OwnShard bool `json:"own_shard,omitempty"`
	// files: the items are files.
	files bool
}

// DivisionPart is a manifest of a set.
type DivisionPart struct {
	File   string  `json:"file"`
	Items  uint64  `json:"items"`
	Weight float64 `json:"weight,omitempty"`
	dir    string
}

// Path is where the manifest is.
func (p DivisionPart) Path() string { return filepath.Join(p.dir, p.File) }

// MaxShards is the largest number of parts.
const MaxShards = shard.MaxParts

// Divide writes the items of a run of the spec to manifests, which have each of them once. No worker is started, and nothing changes but
// the folder of the manifests, which is whole or as it was.
func (s *Session) Divide(ctx context.Context, spec *Spec, o DivideOptions) (Division, plan.Summary, error) {
	if spec.Template == nil {
		return Division{}, plan.Summary{}, exitcode.Usagef("%s: it has no template, so it lists its items itself, and no run of it reads a manifest; hint: --shard I/N divides its runs without a file", spec.Task.Name)
	}
	// Times and weights are long-lived, and twice as much memory would be garbage before it is looked for.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	var times *timing
	if o.By == ByTime {
		var err error
		if times, err = s.openTiming(spec, o.From); err != nil {
			return Division{}, plan.Summary{}, err
		}
		defer times.close()
	}
	set, err := manifest.NewSet(o.Dir, o.Parts, o.Replace)
	if err != nil {
		return Division{}, plan.Summary{}, exitcode.With(exitcode.Usage, fmt.Errorf("--out: %w", err))
	}
	d := &divider{set: set, options: o, shard: spec.compiled().Shard, times: times}
	listed := *spec
	// Runs know an item by its line.
	need := plan.Need{Entry: true, Input: true, Line: times != nil}
	if !o.ToDo && !spec.Template.Get(template.RoleFinishCheck).IsNull() {
		// All items are wanted, so nobody has to look which are finished.
		listed.Template = spec.Template.Clone()
		listed.Template.Set(template.RoleFinishCheck, template.Scalar(nil))
	}
	summary, err := s.List(ctx, &listed, need, func(i *plan.Item) error {
		err := d.take(i)
		if err == nil && spec.Limit > 0 && d.made.Items == uint64(spec.Limit) {
			err = errEnough
		}
		return err
	})
	if err == nil || errors.Is(err, errEnough) {
		err = d.end()
	}
	if err != nil {
		set.Abort()
		return Division{}, summary, err
	}
	division := d.division()
	division.OwnShard = s.ownShard()
	division.OutputsOutside = division.OutputsOutside && spec.compiled().Output != nil
	if err := set.Close(&division); err != nil {
		return Division{}, summary, fmt.Errorf("writing the manifests in %s: %w", o.Dir, err)
	}
	return division, summary, nil
}

// ownShard reports whether the template divides its items without --shard.
func (s *Session) ownShard() bool {
	tree, _ := s.Template()
	n := tree.Get(template.RoleSoftShard)
	return !n.IsNull() && (n.Custom || !whole(n) || !n.Get("subshard").IsNull())
}

// divider takes the items of a listing one by one.
type divider struct {
	set     *manifest.Set
	options DivideOptions
	shard   *template.Shard
	made    Division
	weights shard.Weights
	batch   weighing
	// times are those of earlier runs; nil: they do not matter.
	times  *timing
	counts []uint64
	loads  []float64
}

func (d *divider) take(i *plan.Item) error {
	if i.Opaque {
		return exitcode.Usagef("TASK: its items are not JSON objects, so only the task can read them; hint: --shard I/N divides its runs without a file")
	}
	if leadsUp(i.Input.RelDir) {
		d.made.OutputsOutside = true
	}
	number := d.made.Items
	d.made.Items++
	parts := uint64(d.options.Parts)
	switch d.options.By {
	case ByIndex:
		return d.add(int(number%parts), i.Entry)
	case ByHash:
		return d.add(int(i.Hash(d.shard)%parts), i.Entry)
	}
	if d.times != nil {
		if err := d.times.weigh(&d.weights, i.Line); err != nil {
			return err
		}
	} else if d.batch.add(i) {
		d.weigh()
	}
	return d.set.Spill(i.Entry)
}

func (d *divider) add(part int, line []byte) error {
	if d.counts == nil {
		d.counts = make([]uint64, d.options.Parts)
	}
	d.counts[part]++
	return d.set.Add(part, line)
}

func (d *divider) weigh() {
	for _, size := range d.batch.sizes() {
		if size < 0 {
			d.weights.AddUnknown()
		} else {
			d.weights.Add(float64(size))
		}
	}
	d.batch.reset()
}

// end hands out what could not be handed out before all was known.
func (d *divider) end() error {
	why := "none of the %d items has a file that can be looked at"
	switch d.options.By {
	case BySize:
		d.weigh()
		d.made.Unit = "bytes"
	case ByTime:
		// The times take as much memory as what follows.
		d.times.close()
		d.made.Unit, why = "seconds", "none of the %d items was measured in the run of --from: it had other items, or other outputs"
	default:
		return nil
	}
	d.made.Unknown = uint64(d.weights.Unknown())
	if n := d.weights.Len(); n > 0 && d.weights.Unknown() == n {
		return exitcode.Usagef("--by %s: "+why+"; hint: divide them --by index or hash", d.options.By, n)
	}
	a := d.weights.Assign(d.options.Parts)
	d.counts, d.loads = make([]uint64, d.options.Parts), make([]float64, d.options.Parts)
	for i, p := range a.Parts {
		d.counts[i], d.loads[i] = p.Items, p.Weight
	}
	d.weights = shard.Weights{}
	return d.set.Distribute(a.Of)
}

// division describes what was made.
func (d *divider) division() Division {
	made := d.made
	made.Format, made.By = 1, d.options.By
	compared := make([]float64, d.options.Parts)
	for i := range compared {
		p := DivisionPart{File: filepath.Base(d.set.Path(i)), dir: d.options.Dir}
		if d.counts != nil {
			p.Items = d.counts[i]
		}
		compared[i] = float64(p.Items)
		if d.loads != nil {
			p.Weight = d.loads[i]
			compared[i] = p.Weight
		}
		made.Parts = append(made.Parts, p)
	}
	made.Even = shard.Even(compared)
	return made
}

// leadsUp reports whether the folder of an input lies outside of the input folder.
func leadsUp(relDir string) bool {
	return strings.HasPrefix(relDir, "..") && (len(relDir) == 2 || relDir[2] == '/') || strings.HasPrefix(relDir, "/") || strings.Contains(relDir, "/../")
}

// Command is the command line of a run of a manifest. words are those of the run itself.
func (d *Division) Command(words []string, p DivisionPart) string {
	all := []string{"--manifest", p.Path()}
	if d.OutputsOutside {
		all = append(all, "--outputs-outside")
	}
	at := slices.Index(words, "--")
	if at < 0 {
		at = len(words)
	}
	all = append(all, words[:at]...)
	if d.OwnShard {
		all = append(all, "--mixin", "soft_shard=null")
	}
	return terminal.Command(append(all, words[at:]...))
}

// Evenness says how equal the parts are.
func (d *Division) Evenness() string {
	e := d.Even
	text := fmt.Sprintf("%s at least, %s on average, %s at most", d.amount(e.Min), d.amount(e.Mean), d.amount(e.Max))
	if e.Mean > 0 {
		text += fmt.Sprintf(" (+%.1f %%)", 100*e.Excess())
	}
	return text
}

// Amount says how much a part has.
func (d *Division) Amount(p DivisionPart) string {
	text := count.Of(p.Items, "item")
	if d.files {
		text = count.Of(p.Items, "file")
	}
	if d.Unit != "" {
		text += ", " + d.amount(p.Weight)
	}
	return text
}

// amount writes a weight with its unit, or a number of items.
func (d *Division) amount(v float64) string {
	switch d.Unit {
	case "bytes":
	case "seconds":
		return fmt.Sprintf("%.4g s", v)
	default:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	for _, unit := range []string{"B", "KB", "MB", "GB"} {
		if v < 1000 {
			return fmt.Sprintf("%.4g %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.4g TB", v)
}
