package lease

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// parting is a session of a run that has ended. It keeps the goodbye.
type parting struct {
	Session
	said []Farewell
}

func (*parting) Generation() uint64 { return 1 }

func (*parting) Pull(context.Context, int) ([]Delivery, error) { return nil, io.EOF }

func (*parting) Report(context.Context, Report) (Reported, error) { return Reported{}, nil }

func (s *parting) Leave(ctx context.Context, f Farewell) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.said = append(s.said, f)
	return nil
}

// workless is a backbone without workers that ends with an error.
type workless struct{ err error }

func (b workless) Run(ctx context.Context, src backbones.Source, _ backbones.Sink) error {
	for {
		if _, err := src.Next(ctx); err != nil {
			return b.err
		}
	}
}

func (workless) Status() (s backbones.Status) { return s }

// TestTheGoodbyeNamesTasksThatWereNotClosed: also what was closed after the workers, and when that took long after an interrupt.
func TestTheGoodbyeNamesTasksThatWereNotClosed(t *testing.T) {
	broken := errors.New("the process that makes workers did not close its task; its stderr ended with:\n  Traceback\n  RuntimeError: no space")
	const told = "the process that makes workers did not close its task; its stderr ended with: RuntimeError: no space"
	tests := []struct {
		name     string
		workers  error
		closing  error
		drained  bool
		unclosed int
		first    string
	}{
		{"all are closed", nil, nil, false, 0, ""},
		{"the last is not", nil, broken, false, 1, told},
		{"neither is a worker's", &backbones.CloseError{Workers: 2, First: errors.New("worker w0")}, broken, false, 3, "worker w0"},
		{"interrupted", backbones.ErrDrained, broken, true, 1, told},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, drain := &parting{}, make(chan struct{})
				if tt.drained {
					close(drain)
				}
				p := NewPuller(PullerOptions{Session: s, Policy: backbones.Policy{Drain: drain, Grace: time.Second}, Close: func(context.Context) error {
					if len(s.said) > 0 {
						t.Error("the node had said goodbye")
					}
					<-time.After(time.Minute)
					return tt.closing
				}})
				err := p.Run(t.Context(), workless{tt.workers})
				var closing *backbones.CloseError
				if is := errors.As(err, &closing); is != (tt.unclosed > 0) || is && closing.Workers != tt.unclosed {
					t.Errorf("the node ends with %v", err)
				}
				if len(s.said) != 1 || s.said[0].Unclosed != tt.unclosed || s.said[0].First != tt.first {
					t.Errorf("the goodbye is %+v", s.said)
				}
			})
		})
	}
}
