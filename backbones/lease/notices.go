package lease

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// noticesEvery is the time in which mostNotices events of nodes are told one by one. Those that follow are counted, and told together at its end.
	noticesEvery = 10 * time.Second
	mostNotices  = 10
)

// event is what happens to nodes.
type event int

const (
	hasJoined event = iota
	isRefused
	hasLeft
	isLost
	isBack
	events
)

// eventNames are the events' names in a line that counts them.
var eventNames = [events]string{"joined", "refused", "left", "lost", "back"}

// notices tells of nodes that come and go. However many they are, the log stays short.
type notices struct {
	log hclog.Logger
	// began is the beginning of the present time, said how many events were told in it, counted the others.
	began   time.Duration
	said    int
	counted [events]int
}

// tell tells of one event, or counts it.
func (n *notices) tell(now time.Duration, e event, level hclog.Level, text string, args ...any) {
	n.pass(now)
	if n.said == 0 {
		n.began = now
	}
	if n.said++; n.said > mostNotices {
		n.counted[e]++
		return
	}
	n.log.Log(level, text, args...)
}

// pass tells what was counted once its time has passed.
func (n *notices) pass(now time.Duration) {
	if n.said > 0 && now >= n.began+noticesEvery {
		n.sum()
	}
}

// sum tells what was counted.
func (n *notices) sum() {
	level := hclog.Info
	var args []any
	for e, count := range n.counted {
		if count == 0 {
			continue
		}
		args = append(args, eventNames[e], count)
		if event(e) == isLost || event(e) == isRefused {
			level = hclog.Warn
		}
	}
	if args != nil {
		n.log.Log(level, "more nodes, which are not named one by one", args...)
	}
	n.said, n.counted = 0, [events]int{}
}
