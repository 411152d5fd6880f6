package lease

import (
	"context"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Apart returns a session in which items of different generations have different numbers. A node may still be on items of a former generation
// when it gets some of the next, whose numbers mean other items.
func Apart(s Session) Session { return apart{s} }

type apart struct{ Session }

// apartBits are the bits of a number that are the listing's. Above them is the generation, as far as it has room.
const apartBits = 40

// base is what is added to the numbers of a generation.
func base(generation uint64) uint64 { return generation << apartBits }

func moved(spans []backbones.Span, by uint64) []backbones.Span {
	spans = slices.Clone(spans)
	for i := range spans {
		spans[i].First += by
	}
	return spans
}

// Pull implements Session.
func (a apart) Pull(ctx context.Context, n int) ([]Delivery, error) {
	all, err := a.Session.Pull(ctx, n)
	for i := range all {
		l := &all[i].Lease
		l.Blocks = slices.Clone(l.Blocks)
		for j := range l.Blocks {
			l.Blocks[j].First += base(l.Generation)
		}
	}
	return all, err
}

// Claim implements Session.
func (a apart) Claim(ctx context.Context, c Claim) (Claimed, error) {
	answer, err := a.Session.Claim(ctx, c)
	answer.Skip = moved(answer.Skip, base(c.Held.Generation))
	return answer, err
}

// Report implements Session.
func (a apart) Report(ctx context.Context, r Report) (Reported, error) {
	r.Leases = slices.Clone(r.Leases)
	for i := range r.Leases {
		p := &r.Leases[i]
		// The subtraction wraps around.
		by := -base(p.Held.Generation)
		p.Returned = moved(p.Returned, by)
		o := &p.Outcomes
		o.Done, o.Skipped = moved(o.Done, by), moved(o.Skipped, by)
		o.Failed, o.Attempts = slices.Clone(o.Failed), slices.Clone(o.Attempts)
		for j := range o.Failed {
			o.Failed[j].Number += by
		}
		for j := range o.Attempts {
			o.Attempts[j].Number += by
		}
	}
	return a.Session.Report(ctx, r)
}

// Grant implements Session.
func (a apart) Grant(ctx context.Context, q Ask) (Granted, error) {
	by := base(q.Held.Generation)
	q.Items = moved(q.Items, -by)
	answer, err := a.Session.Grant(ctx, q)
	answer.Items, answer.Again = moved(answer.Items, by), moved(answer.Again, by)
	return answer, err
}
