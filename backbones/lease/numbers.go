package lease

import (
	"context"
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// apart gives the items of each lease numbers of their own. The coordinator's numbers are not enough for a node: it may still be on an item of a
// lease that it has lost, or of a former generation, when it gets the same number in another lease. What comes late of the first must not count
// for the second, nor remove its outputs.
type apart struct{ Session }

// The bits of a number on a node: those of the listing, and above them those of the lease. A lease's bits come again after 2^18 leases.
const (
	listingBits    = 40
	leaseBits      = 18
	generationBits = 64 - listingBits - leaseBits
)

// base is the offset of a lease's numbers.
func base(generation uint64, id ID) uint64 {
	return (generation%(1<<generationBits)<<leaseBits | uint64(id)%(1<<leaseBits)) << listingBits
}

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
		l.Blocks = movedBlocks(l.Blocks, base(l.Generation, l.ID))
	}
	return all, err
}

func movedBlocks(blocks []backbones.Block, by uint64) []backbones.Block {
	blocks = slices.Clone(blocks)
	for i := range blocks {
		blocks[i].First += by
	}
	return blocks
}

// Claim implements Session.
func (a apart) Claim(ctx context.Context, all ...Held) ([]Claimed, error) {
	answers, err := a.Session.Claim(ctx, all...)
	for i := range answers {
		by := base(all[i].Generation, all[i].ID)
		answers[i].Skip, answers[i].Blocks = moved(answers[i].Skip, by), movedBlocks(answers[i].Blocks, by)
	}
	return answers, err
}

// Report implements Session.
func (a apart) Report(ctx context.Context, r Report) (Reported, error) {
	r.Leases = slices.Clone(r.Leases)
	for i := range r.Leases {
		p := &r.Leases[i]
		// The subtraction wraps around.
		by := -base(p.Held.Generation, p.Held.ID)
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
	by := base(q.Held.Generation, q.Held.ID)
	q.Items = moved(q.Items, -by)
	answer, err := a.Session.Grant(ctx, q)
	answer.Items, answer.Again = moved(answer.Items, by), moved(answer.Again, by)
	return answer, err
}
