package run

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// listing is a source that reports items that must not be begun instead of yielding them, and ends where the listing breaks off, so that
// items listed before are finished.
type listing struct {
	source backbones.Source
	sink   backbones.Sink
	// broken is why the listing broke off. It may be read once the backbone has ended.
	broken error
}

func (l *listing) Next(ctx context.Context) (backbones.Block, error) {
	for {
		b, err := l.source.Next(ctx)
		var input *template.InputError
		if errors.As(err, &input) {
			l.broken = err
			return backbones.Block{}, io.EOF
		}
		if err != nil || b.Refused == nil {
			return b, err
		}
		if err := l.sink(refused(b)); err != nil {
			return backbones.Block{}, err
		}
	}
}

// refused is the outcome of a block whose items must not be begun.
func refused(b backbones.Block) backbones.Outcomes {
	var o backbones.Outcomes
	lines := bytes.Split(b.Payload, []byte("\n"))
	for i, why := range b.Refused {
		o.Failed = append(o.Failed, backbones.FailedItem{
			Number: b.First + uint64(i), Item: string(lines[i]),
			Failure: backbones.Failure{Kind: backbones.KindInvalidOutput, Message: why, Fault: backbones.FaultUser},
		})
	}
	return o
}
