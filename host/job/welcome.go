package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// welcome is a coordinator's description of the run for nodes. It has no command line: the node finds the plugin itself.
type welcome struct {
	// Version is the coordinator's. A node must be of the same, because a Spec is read by the version that wrote it.
	Version string `json:"version"`
	Spec    *Spec  `json:"spec"`
	// Fleet is the Fleet of the run's outputs.Owner.
	Fleet string `json:"fleet"`
	// Argument is how the run's user called the plugin, Sum its hash; Sources are the files of the task's own modules.
	Argument string       `json:"argument"`
	Sum      string       `json:"sum"`
	Sources  []sourceFile `json:"sources,omitempty"`
	// Program is the plugin as one file; nil: it is a folder.
	Program *program `json:"program,omitempty"`
	// Env are the variables that --env has set, CleanEnv is the flag.
	Env      []string `json:"env,omitempty"`
	CleanEnv bool     `json:"clean_env,omitempty"`
	Folders  folders  `json:"folders"`
}

type sourceFile struct {
	Path string `json:"path"`
	Sum  string `json:"sum"`
}

// machines are the flags of backbones that each machine sets itself.
var machines = []string{"num_process", "num_load", "num_postprocess", cpuAffinity, "prefetch"}

// welcome describes the run to nodes.
func (e *execution) welcome(place *Place) (*welcome, error) {
	sum, err := e.sum()
	if err != nil {
		return nil, err
	}
	work, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working folder: %w", err)
	}
	w := &welcome{Version: e.Version, Fleet: e.fleet, Argument: e.Found.Command.Name, Sum: sum, CleanEnv: e.Flags.CleanEnv}
	if w.Folders, err = place.folders(work); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(slices.Values(e.sources)) {
		if sum, err := trust.File(path); err == nil {
			w.Sources = append(w.Sources, sourceFile{absolute(work, path), sum})
		}
	}
	for _, word := range e.Flags.Env {
		name, value, given := strings.Cut(word, "=")
		if !given {
			value, given = os.LookupEnv(name)
		}
		if given {
			w.Env = append(w.Env, name+"="+value)
		}
	}
	spec := *e.spec
	// How the plugin is started is each machine's own.
	spec.Plugin.Command = plugin.Command{}
	spec.Flags = map[string]string{}
	for name, value := range e.spec.Flags {
		if !slices.Contains(machines, name) {
			spec.Flags[name] = value
		}
	}
	spec.Workers, spec.Select.Picks, spec.Limit = 0, nil, 0
	w.Spec = &spec
	return w, nil
}

// sum is the plugin's hash.
func (s *Session) sum() (string, error) {
	if s.pin != nil {
		return s.pin.Sum, nil
	}
	hash, err := s.Found.Hash()
	if err != nil {
		return "", fmt.Errorf("hashing the plugin: %w", err)
	}
	return hash.Sum, nil
}

// readWelcome reads the welcome of a coordinator of the same version.
func readWelcome(data []byte) (*welcome, error) {
	w := &welcome{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(w); err != nil || w.Spec == nil {
		return nil, fmt.Errorf("the coordinator's description of the run cannot be read (%w)", err)
	}
	return w, nil
}

// another reports whether the welcome of a coordinator that was started again describes another run.
func (w *welcome) another(later *welcome) bool {
	a, errA := json.Marshal(w.Spec)
	b, errB := json.Marshal(later.Spec)
	return errA != nil || errB != nil || !bytes.Equal(a, b) || w.Sum != later.Sum || w.Folders.Work != later.Folders.Work
}

// changed are the files beside the plugin that differ from the coordinator's.
func (w *welcome) changed() (paths []string) {
	for _, s := range w.Sources {
		if sum, err := trust.File(s.Path); err == nil && sum != s.Sum {
			paths = append(paths, filepath.Clean(s.Path))
		}
	}
	return paths
}

// policy is the run's policy on this node.
func (w *welcome) policy(p *Program, drain <-chan struct{}) backbones.Policy {
	policy := w.Spec.Policy
	policy.RSS, policy.Drain, policy.Log = plugin.Resident, drain, p.Log
	return policy
}
