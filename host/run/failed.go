package run

import (
	"sync/atomic"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/progress"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// shown is a failed item as it is shown.
func (job Job) shown(f *backbones.FailedItem) progress.Failure {
	out := progress.Failure{
		Item: f.Item, Kind: string(f.Failure.Kind), ErrorType: f.Failure.TypeName, Message: f.Failure.Message, Traceback: f.Failure.Traceback,
		Worker: f.Failure.Worker, Attempts: f.Failure.Attempts,
	}
	if job.Path != nil {
		out.Path = job.Path(f.Item)
	}
	var key []byte
	switch {
	case f.Encoding == backbones.JSONLines:
		key, _ = itemkey.Of([]byte(f.Item)).MarshalText()
	case f.ContentKey != 0:
		key, _ = itemkey.Key(f.ContentKey).MarshalText()
	}
	out.Key = string(key)
	return out
}

// Stops passes on how a backbone is stopped to those who show the run, once there is one. The zero value is ready.
type Stops struct {
	// Again is how to continue.
	Again string
	to    atomic.Pointer[progress.Reporter]
}

// Tell takes a step. It is a backbones.Policy's Stopping.
func (s *Stops) Tell(stop backbones.Stop) {
	if r := s.to.Load(); r != nil {
		stop.Again = s.Again
		r.Stopping(stop)
	}
}

func (s *Stops) reach(r *progress.Reporter) {
	if s != nil {
		s.to.Store(r)
	}
}
