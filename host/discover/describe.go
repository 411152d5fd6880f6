package discover

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
)

// Description is a plugin's description of itself.
type Description struct {
	Plugin *schema.Plugin
	// Process is the process that gave the description and has loaded the plugin's code; nil: none is left.
	Process *plugin.Process
	// Cached is set if an earlier command made the description.
	Cached bool
	// Sources are the plugin's code beside its own files, as far as it says so.
	Sources []string
}

// cached is a description on disk, with its inputs.
type cached struct {
	// Identity is of the plugin's files and of the sources that the plugin named.
	Identity string         `json:"identity"`
	Sources  []string       `json:"sources,omitempty"`
	Inputs   []plugin.Input `json:"inputs,omitempty"`
	Plugin   *schema.Plugin `json:"plugin"`
}

// cacheFormat is part of a cached description's name. A host reads only its own format.
const cacheFormat = "4"

// Request selects a description.
type Request struct {
	// Version is the host's version.
	Version string
	// Task is the task to describe; empty: all.
	Task string
	// MixinJSON is the mixin for a task that is a function. Its description is not cached.
	MixinJSON []byte
	// Fresh does not use a cached description.
	Fresh bool
}

// plainVariable switches off what the Python SDK does to be faster, and with it cached descriptions.
const plainVariable = "KAGURAZAKA_PLAIN"

// Describe returns the plugin's description: the cached one if none of its inputs has changed, else it starts the plugin once.
// If start has a RuntimeDir, the caller owns the process of the description.
func Describe(ctx context.Context, p *Plugin, q Request, opts Options, start plugin.StartOptions) (*Description, error) {
	// The same environment as a worker's: the variables that the description depends on are compared.
	start.Worker = true
	path := ""
	if plain := os.Getenv(plainVariable); len(q.MixinJSON) == 0 && opts.CacheDir != "" && (plain == "" || plain == "0") {
		path = cachePath(p, q, opts, start.MTLS)
		if c := readCached(path, p); c != nil && !q.Fresh {
			return &Description{Plugin: c.Plugin, Cached: true, Sources: c.Sources}, nil
		}
	}
	keep := start.RuntimeDir != ""
	if !keep {
		dir, err := plugin.NewRuntimeDir()
		if err != nil {
			return nil, err
		}
		defer func() { _ = dir.Close() }()
		start.RuntimeDir = dir.Path
	}
	began := time.Now()
	proc, err := plugin.Start(ctx, p.Command, start)
	if err != nil {
		return nil, err
	}
	d := &Description{}
	var basis plugin.Basis
	d.Plugin, basis, err = proc.Describe(ctx, q.Version, q.Task, q.MixinJSON)
	d.Sources = basis.Sources
	if keep && err == nil {
		d.Process = proc
	} else {
		proc.Stop()
	}
	if err == nil && path != "" {
		if why := writeCached(path, p, basis, d.Plugin, began); why != "" {
			start.Log.Debug("the plugin's description is not cached", "reason", why)
		}
	}
	return d, err
}

// cachePath has a hash of everything that the description may depend on. It includes mtls, so that a plugin shows once that it
// speaks TLS.
func cachePath(p *Plugin, q Request, opts Options, mtls bool) string {
	words := slices.Concat([]string{cacheFormat, q.Version, q.Task, p.Command.Path}, p.Command.Args, withoutWords(p.Command.Env),
		[]string{fmt.Sprint(p.Command.CleanEnv, mtls), p.Command.SHA256})
	return filepath.Join(opts.CacheDir, "describe", hash(strings.Join(words, "\x00"))[:24]+".json")
}

// readCached returns nil if there is no cached description, or if one of its inputs has changed.
func readCached(path string, p *Plugin) *cached {
	data, err := os.ReadFile(path)
	var c cached
	if err != nil || json.Unmarshal(data, &c) != nil || c.Plugin == nil {
		return nil
	}
	if found, _ := identity(p.Files, c.Sources); c.Identity != found || !unchanged(c.Inputs, p.Command) {
		return nil
	}
	return &c
}

// writeCached writes a description to the cache. It returns the reason if it does not.
func writeCached(path string, p *Plugin, basis plugin.Basis, described *schema.Plugin, began time.Time) string {
	switch {
	case basis.Validity == plugin.Once:
		return basis.OnceBecause
	case basis.Validity == plugin.Unsaid && !p.compiled():
		return "the plugin is not a compiled program, and does not say how long its description is valid"
	}
	c := cached{Sources: basis.Sources, Inputs: basis.Inputs, Plugin: described}
	var changed time.Time
	c.Identity, changed = identity(p.Files, c.Sources)
	for _, in := range c.Inputs {
		if t := lastChange(in); t.After(changed) {
			changed = t
		}
	}
	// The plugin may have read another version of a file that changed after its start.
	if !changed.Before(began.Add(-clockTick)) {
		return "a file that it depends on has just changed"
	}
	data, err := json.Marshal(c)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = atomicfile.Write(path, data, 0)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// clockTick is the most that the times of files lag behind the kernel's clock.
const clockTick = 10 * time.Millisecond

// compiled reports whether the plugin is a compiled program. Its description then depends on the program alone, and on the
// inputs that it names.
func (p *Plugin) compiled() bool {
	if p.Kind == PythonFile || p.Kind == Folder && p.listed == "" {
		return false
	}
	f, err := os.Open(p.Command.Path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 4)
	_, _ = f.ReadAt(head, 0)
	return slices.Contains(executables, string(head))
}

// executables are the first bytes of compiled programs: ELF, and Mach-O of either order and for several machines.
var executables = []string{"\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"}
