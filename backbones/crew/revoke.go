package crew

import "github.com/kagurazaka/kagurazaka/backbones"

// revoke gives up items that are another's now. A worker that has any of them is ended: it cannot be told to leave out one. Its answers no
// longer count, since they may be about such items; what its page says of the others does.
func (r *run[Q, A, W]) revoke(items []backbones.Span) {
	for _, at := range r.planner.Revoke(items) {
		m := r.members[at]
		if m == nil || !m.open || m.revoked {
			continue
		}
		m.revoked = true
		r.log.Debug("a worker is ended: what it is on is another node's now", r.about(at, m.worker)...)
		m.worker.Kill()
	}
}
