package crew

import (
	"slices"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// revoke gives up items that are another's now. A worker that has any of them is ended: it cannot be told to leave out one. Its answers no
// longer count, since they may be about such items; what its page says of the others does.
func (r *run[Q, A, W]) revoke(what backbones.Revocation) {
	if what.Blocks > r.taken {
		r.revoked = append(r.revoked, what)
	}
	for _, at := range r.planner.Revoke(what.Items) {
		m := r.members[at]
		if m == nil || !m.open || m.revoked {
			continue
		}
		m.revoked = true
		r.log.Debug("a worker is ended: what it is on is another node's now", r.about(at, m.worker)...)
		m.worker.Kill()
	}
}

// add passes a block to the planner, without what was revoked after it was read.
func (r *run[Q, A, W]) add(b backbones.Block) {
	r.taken++
	left := []backbones.Block{b}
	for _, what := range r.revoked {
		if what.Blocks < r.taken {
			continue
		}
		var rest []backbones.Block
		for _, piece := range left {
			rest = append(rest, cut.Without(piece, 0, what.Items)...)
		}
		left = rest
	}
	r.revoked = slices.DeleteFunc(r.revoked, func(what backbones.Revocation) bool { return what.Blocks <= r.taken })
	for _, piece := range left {
		r.planner.Add(piece)
	}
}
