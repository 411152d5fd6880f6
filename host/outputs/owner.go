package outputs

import (
	"os"
	"strings"
	"time"
)

// Owner is the run that a page or a staging folder belongs to. It is written there, for other runs to read.
type Owner struct {
	Host string `json:"host"`
	// Machine and Boot tell machines, and the starts of one machine, apart; empty where the system does not say.
	Machine string `json:"machine,omitempty"`
	Boot    string `json:"boot,omitempty"`
	PID     int    `json:"pid"`
	// Run is the run's id; empty: it has no ledger.
	Run   string    `json:"run,omitempty"`
	Since time.Time `json:"since"`
	// Fleet is the same for all processes that do one run together, on several machines; empty: the run is alone.
	Fleet string `json:"fleet,omitempty"`
	// Shard is which part of the items the run does, as JSON; empty: all.
	Shard string `json:"shard,omitempty"`
}

// Here completes an owner by what this machine says of itself.
func (o Owner) Here() Owner {
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	o.Machine, o.Boot = content("/etc/machine-id"), content("/proc/sys/kernel/random/boot_id")
	return o
}

func content(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

// reach says how far the locks of another owner's processes can be trusted.
type reach int

const (
	// locks of that owner are visible: the same system runs both.
	locks reach = iota
	// over: that owner's system was restarted.
	over
	// elsewhere: on another machine only the heartbeat is visible.
	elsewhere
)

func (o Owner) sees(other Owner) reach {
	sameHost := o.Host == other.Host && o.Machine == other.Machine
	switch {
	case o.Boot == other.Boot && (o.Boot != "" || sameHost):
		return locks
	case sameHost && o.Boot != "" && other.Boot != "":
		return over
	default:
		return elsewhere
	}
}

// SameSystem reports whether the other owner's locks are visible here, because the same start of one machine runs both.
func (o Owner) SameSystem(other Owner) bool { return o.sees(other) == locks }

// Restarted reports whether the other owner's machine is this one, and was started again since.
func (o Owner) Restarted(other Owner) bool { return o.sees(other) == over }
