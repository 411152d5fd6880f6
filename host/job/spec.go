// Package job resolves a plugin, a configuration and a command line to a run, as data (Spec), and does the run: it lists, filters by
// the ledger, starts workers and judges how it all ended.
package job

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// Spec is a resolved run as data: what is run, with which arguments, how, and what is done about failures. It can be written as JSON and
// read again: a worker is started from a Spec and a Place alone.
type Spec struct {
	Plugin Plugin `json:"plugin"`
	// Task has its name, kind and capabilities alone.
	Task schema.Task `json:"task"`
	// Args is the argument vector for the task's own parser.
	Args []string `json:"args"`
	// Template is the resolved template, Mixin all of the mixin; nil for a task without.
	Template *template.Node  `json:"template,omitempty"`
	Mixin    json.RawMessage `json:"mixin,omitempty"`
	// Shard divides the items where the template does not; nil: the run takes all.
	Shard *template.Shard `json:"shard,omitempty"`
	// Outputs is how outputs are written: "direct" or "staged".
	Outputs string      `json:"outputs"`
	Listing plan.Policy `json:"listing"`
	// Globs say which items are listed at all.
	Globs plan.Globs `json:"globs,omitzero"`
	// Select chooses some of the items, and Limit the first of those to do; 0: all.
	Select plan.Selection `json:"select,omitzero"`
	Limit  int            `json:"limit,omitempty"`
	// Backbone is a Factory's name, Flags are those of its flags that were given, by the names of their arguments.
	Backbone string            `json:"backbone"`
	Flags    map[string]string `json:"flags,omitempty"`
	// Complete sets these from the flags. ChunkSize 0: the backbone chooses. Spawn: the plugin makes no workers itself.
	Workers   int    `json:"workers"`
	Device    string `json:"device,omitempty"`
	ChunkSize int    `json:"chunk_size,omitempty"`
	Spawn     bool   `json:"spawn,omitempty"`
	// BatchBy is the length by which items are put together before batches are cut, BatchWindow how many are sorted at a time; empty: the order
	// of the listing.
	BatchBy     string `json:"batch_by,omitempty"`
	BatchWindow int    `json:"batch_window,omitempty"`
	// Debug is how the run is debugged: DebugFlags.Mode; empty: it is not.
	Debug string `json:"debug,omitempty"`
	// Policy lacks what belongs to a process: its log, its clock and the like.
	Policy backbones.Policy `json:"policy"`
	// Lent: nodes do the items. Idle: this machine does none. Replace: an output that exists when an item is done may have been there before.
	Lent    bool `json:"lent,omitempty"`
	Idle    bool `json:"-"`
	Replace bool `json:"replace,omitempty"`
	// MaxFailures is a text for run.ParseLimit.
	MaxFailures string `json:"max_failures,omitempty"`
}

// Plugin is how the processes of a plugin are started.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	SDK     string `json:"sdk,omitempty"`
	// Path is what was found; SHA256 is its hash where that was checked, else empty.
	Path         string         `json:"path"`
	SHA256       string         `json:"sha256,omitempty"`
	Capabilities []string       `json:"capabilities,omitempty"`
	Command      plugin.Command `json:"command"`
	// StartTimeout bounds a process's handshake, OpenTimeout what comes before its first item. MTLS refuses one without TLS.
	StartTimeout time.Duration `json:"start_timeout"`
	OpenTimeout  time.Duration `json:"open_timeout"`
	MTLS         bool          `json:"mtls,omitempty"`
}

// number is the value of a backbone's flag, or fallback if it was not given.
func (s *Spec) number(name string, fallback int) int {
	if n, err := strconv.Atoi(s.Flags[name]); err == nil {
		return n
	}
	return fallback
}

// can reports whether the plugin has announced a capability.
func (s *Spec) can(capability string) bool { return slices.Contains(s.Plugin.Capabilities, capability) }

// staged reports whether the task's stages run in processes of their own.
func (s *Spec) staged() bool { return s.Task.Kind == schema.Device && s.Task.Has("stages") }

// makesBatches reports whether the task's own loader makes batches. An item of the run is then one batch, by its number.
func (s *Spec) makesBatches() bool {
	return s.Task.Kind == schema.Device && !s.staged() &&
		(s.Template.Get(template.RoleInput).IsNull() || s.Template.Get(template.RoleDataloader).IsNull())
}

// compiled is the template as the host applies it; nil: none.
func (s *Spec) compiled() *template.Template {
	if s.Template == nil {
		return nil
	}
	t, _ := template.Compile(s.Template)
	if t != nil && s.Task.Has("own_template") {
		return t.Plugins()
	}
	return t
}

// native reports whether the host applies the template. A task that lists its own items and can apply it must do so: its items may be of
// a kind that only it can read.
func (s *Spec) native(t *template.Template) bool {
	return t != nil && t.Native() && !s.makesBatches() && (t.Input != nil || !s.can("template"))
}
