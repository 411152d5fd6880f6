package discover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
)

// Description is what a plugin says of itself.
type Description struct {
	Plugin *schema.Plugin
	// Process is the process that was started for it and has loaded the plugin's code; nil where none is left.
	Process *plugin.Process
	// Kept says that it was made by an earlier command.
	Kept bool
}

// kept is a description on disk, with what it was made from.
type kept struct {
	// Identity is of the plugin's files and of the sources that the plugin itself named.
	Identity string         `json:"identity"`
	Sources  []string       `json:"sources,omitempty"`
	Inputs   []plugin.Input `json:"inputs,omitempty"`
	Plugin   *schema.Plugin `json:"plugin"`
}

// keptFormat is part of each kept description's name: a host never reads what another format means.
const keptFormat = "2"

// Anew is Describe without looking at what is kept.
func Anew(ctx context.Context, p *Plugin, version, task string, mixinJSON []byte, opts Options, start plugin.StartOptions) (*Description, error) {
	return describe(ctx, p, version, task, mixinJSON, opts, start, true)
}

// Describe returns what the plugin says of itself: as it is kept when nothing that it was made from has changed since,
// else by starting the plugin once. A description with a non-empty mixinJSON (for tasks that are functions) is never kept.
// Where start names a RuntimeDir, the process that was started for it is the caller's.
func Describe(ctx context.Context, p *Plugin, version, task string, mixinJSON []byte, opts Options, start plugin.StartOptions) (*Description, error) {
	return describe(ctx, p, version, task, mixinJSON, opts, start, false)
}

func describe(ctx context.Context, p *Plugin, version, task string, mixinJSON []byte, opts Options, start plugin.StartOptions, anew bool) (*Description, error) {
	// As in the process that works on, whatever the command: variables that the description was made from are compared.
	start.Worker = true
	path := ""
	if len(mixinJSON) == 0 && opts.CacheDir != "" {
		path = keptPath(p, version, task, opts, start.MTLS)
		if !anew {
			if described := readKept(path, p); described != nil {
				return &Description{Plugin: described, Kept: true}, nil
			}
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
	described, basis, err := proc.Describe(ctx, version, task, mixinJSON)
	if !keep || err != nil {
		proc.Stop()
	}
	if err != nil {
		return nil, err
	}
	if path != "" {
		if why := writeKept(path, p, basis, described, began); why != "" {
			start.Log.Debug("the plugin's description is not kept", "reason", why)
		}
	}
	if !keep {
		proc = nil
	}
	return &Description{Plugin: described, Process: proc}, nil
}

// keptPath differs for all that a description may come out differently for, and for a plugin that has yet to show that it
// speaks TLS.
func keptPath(p *Plugin, version, task string, opts Options, mtls bool) string {
	words := append([]string{keptFormat, version, task, p.Command.Path}, p.Command.Args...)
	words = append(words, p.Command.Env...)
	words = append(words, fmt.Sprint(p.Command.CleanEnv, mtls), p.Command.SHA256)
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return filepath.Join(opts.CacheDir, "describe", hex.EncodeToString(sum[:12])+".json")
}

func readKept(path string, p *Plugin) *schema.Plugin {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var k kept
	if json.Unmarshal(data, &k) != nil || k.Plugin == nil {
		return nil
	}
	if found, _ := identity(p.Files, k.Sources); k.Identity != found || !unchanged(k.Inputs, p.Command) {
		return nil
	}
	return k.Plugin
}

// writeKept keeps a description. It returns the reason for which it does not; empty: it did.
func writeKept(path string, p *Plugin, basis plugin.Basis, described *schema.Plugin, began time.Time) string {
	switch {
	case basis.Validity == plugin.Once:
		return basis.OnceBecause
	case basis.Validity == plugin.Unsaid && !p.compiled():
		return "the plugin is not a compiled program, and does not say how long its description is valid"
	}
	k := kept{Sources: basis.Sources, Inputs: basis.Inputs, Plugin: described}
	var changed time.Time
	k.Identity, changed = identity(p.Files, k.Sources)
	for _, in := range k.Inputs {
		if t := lastChange(in); t.After(changed) {
			changed = t
		}
	}
	// A file that has changed since may be another than the plugin has read.
	if !changed.Before(began.Add(-clockTick)) {
		return "a file that it was made from has only just changed"
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err.Error()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err.Error()
	}
	if err := atomicfile.Write(path, data, 0); err != nil {
		return err.Error()
	}
	return ""
}

// clockTick is how far the times that a kernel gives files may lie behind its clock.
const clockTick = 10 * time.Millisecond

// compiled reports whether the plugin is one compiled program, whose content says all about it but for what it reads.
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
	if _, err := f.ReadAt(head, 0); err != nil {
		return false
	}
	switch string(head) {
	case "\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe":
		return true
	}
	return false
}
