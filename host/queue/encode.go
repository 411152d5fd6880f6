package queue

import (
	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// The encodings of the messages. Items travel unchanged, and no message contains a command.

// notice is the stream's message for one lease.
type notice struct {
	// era counts how often the queue was created again. Deliveries of a later era have higher numbers.
	era uint64
	// nonce proves that the lease was delivered to a node.
	nonce      uint64
	generation uint64
	id         lease.ID
	// apart: nodes ask for the blocks; otherwise they follow.
	apart  bool
	blocks []byte
}

func (n notice) encode() []byte {
	w := writer{b: make([]byte, 0, len(n.blocks)+48)}
	w.number(Protocol)
	w.number(n.era)
	w.fixed(n.nonce)
	w.number(n.generation)
	w.number(uint64(n.id))
	w.flag(n.apart)
	w.b = append(w.b, n.blocks...)
	return w.b
}

func decodeNotice(b []byte) (notice, error) {
	r := &reader{b: b}
	if r.number() != Protocol {
		return notice{}, errMalformed
	}
	n := notice{era: r.number(), nonce: r.fixed(), generation: r.number(), id: lease.ID(r.number()), apart: r.flag()}
	n.blocks, r.b = r.b, nil
	if n.apart && len(n.blocks) > 0 || n.era > maxEra {
		return notice{}, errMalformed
	}
	return n, r.end()
}

func encodeBlocks(blocks []backbones.Block) []byte {
	w := &writer{b: make([]byte, 0, 8+sizeOf(blocks))}
	writeBlocks(w, blocks)
	return w.b
}

func writeBlocks(w *writer, blocks []backbones.Block) {
	w.count(len(blocks))
	for i := range blocks {
		b := &blocks[i]
		w.count(int(b.Encoding))
		w.count(b.Count)
		w.number(b.First)
		w.count(b.Skip)
		w.bytes(b.Payload)
		writeList(w, b.Keys, (*writer).text)
		writeList(w, b.ContentKeys, (*writer).fixed)
	}
}

func decodeBlocks(b []byte) ([]backbones.Block, error) {
	r := &reader{b: b}
	blocks := readBlocks(r)
	return blocks, r.end()
}

func readBlocks(r *reader) []backbones.Block {
	return list(r, 7, func(r *reader) backbones.Block {
		b := backbones.Block{Encoding: readEncoding(r), Count: r.count(), First: r.number(), Skip: r.count(), Payload: r.bytes()}
		b.Keys = list(r, 1, (*reader).text)
		b.ContentKeys = list(r, 8, (*reader).fixed)
		if b.Count <= 0 || b.First+uint64(b.Count) < b.First || b.Encoding == backbones.Indexed {
			r.fail()
		}
		if b.Keys != nil && len(b.Keys) != b.Count || b.ContentKeys != nil && len(b.ContentKeys) != b.Count {
			r.fail()
		}
		return b
	})
}

func readEncoding(r *reader) backbones.Encoding {
	n := r.count()
	if n > int(backbones.Indexed) {
		r.fail()
		return 0
	}
	return backbones.Encoding(n)
}

func writeSpan(w *writer, s backbones.Span) {
	w.number(s.First)
	w.count(s.Count)
}

func readSpan(r *reader) backbones.Span {
	s := backbones.Span{First: r.number(), Count: r.count()}
	if s.Count <= 0 || s.First+uint64(s.Count) < s.First {
		r.fail()
	}
	return s
}

func writeSpans(w *writer, all []backbones.Span) { writeList(w, all, writeSpan) }
func readSpans(r *reader) []backbones.Span       { return list(r, 2, readSpan) }
func writeHeld(w *writer, h lease.Held) {
	w.number(h.Generation)
	w.number(uint64(h.ID))
	w.number(h.Epoch)
}
func readHeld(r *reader) lease.Held {
	return lease.Held{Generation: r.number(), ID: lease.ID(r.number()), Epoch: r.number()}
}
func writeAllHeld(w *writer, all []lease.Held) { writeList(w, all, writeHeld) }
func readAllHeld(r *reader) []lease.Held       { return list(r, 3, readHeld) }

// claim is a Claim with the proof that the lease was delivered.
type claim struct {
	held lease.Held
	// nonce is that of the notice, delivery the number that JetStream gave this delivery.
	nonce, delivery uint64
	// items: the answer is to have them.
	items bool
}

// claimBytes is the least that a claim takes.
const claimBytes = 13

func writeClaim(w *writer, c claim) {
	writeHeld(w, c.held)
	w.fixed(c.nonce)
	w.number(c.delivery)
	w.flag(c.items)
}

func readClaim(r *reader) claim {
	return claim{held: readHeld(r), nonce: r.fixed(), delivery: r.number(), items: r.flag()}
}

// The answers to several claims follow each other.
func writeClaimed(w *writer, c lease.Claimed) {
	w.text(c.Refused)
	writeSpans(w, c.Skip)
	w.duration(c.For)
	w.flag(c.Tail)
	w.text(c.Quarantined)
	writeBlocks(w, c.Blocks)
}

func decodeAllClaimed(b []byte) (all []lease.Claimed, err error) {
	r := &reader{b: b}
	for len(r.b) > 0 && len(all) < maxClaims {
		c := lease.Claimed{Refused: r.text(), Skip: readSpans(r), For: r.duration(), Tail: r.flag(), Quarantined: r.text(), Blocks: readBlocks(r)}
		all = append(all, c)
	}
	return all, r.end()
}

func encodeReport(p lease.Report) []byte {
	w := &writer{b: make([]byte, 0, 256)}
	w.number(p.Sequence)
	w.count(p.Workers)
	w.count(p.Busy)
	writeList(w, p.Leases, writeProgress)
	return w.b
}

func decodeReport(b []byte) (lease.Report, error) {
	r := &reader{b: b}
	p := lease.Report{Sequence: r.number(), Workers: r.count(), Busy: r.count()}
	p.Leases = list(r, 13, readProgress)
	return p, r.end()
}

func writeProgress(w *writer, p lease.Progress) {
	writeHeld(w, p.Held)
	writeOutcomes(w, &p.Outcomes)
	writeKeys(w, p.Keys)
	w.flag(p.Moved)
	writeSpans(w, p.Returned)
	w.flag(p.Ended)
}

func readProgress(r *reader) lease.Progress {
	return lease.Progress{Held: readHeld(r), Outcomes: readOutcomes(r), Keys: readKeys(r), Moved: r.flag(), Returned: readSpans(r), Ended: r.flag()}
}

func writeOutcomes(w *writer, o *backbones.Outcomes) {
	w.text(o.Worker)
	writeSpans(w, o.Done)
	writeSpans(w, o.Skipped)
	writeList(w, o.Failed, writeFailed)
	w.count(o.Unwritten.Count)
	w.text(o.Unwritten.Expected)
	w.text(o.Unwritten.Found)
	w.duration(o.Mean)
	writeList(w, o.Attempts, func(w *writer, a backbones.Attempt) { w.number(a.Number); w.count(a.Count) })
}

func readOutcomes(r *reader) backbones.Outcomes {
	o := backbones.Outcomes{Worker: r.text(), Done: readSpans(r), Skipped: readSpans(r), Failed: list(r, 15, readFailed)}
	o.Unwritten = backbones.Unwritten{Count: r.count(), Expected: r.text(), Found: r.text()}
	o.Mean = r.duration()
	o.Attempts = list(r, 2, func(r *reader) backbones.Attempt { return backbones.Attempt{Number: r.number(), Count: r.count()} })
	return o
}

func writeFailed(w *writer, f backbones.FailedItem) {
	w.number(f.Number)
	w.text(f.Item)
	w.count(int(f.Encoding))
	w.fixed(f.ContentKey)
	x := &f.Failure
	w.text(string(x.Kind))
	w.text(x.Message)
	w.text(x.Traceback)
	w.text(x.TypeName)
	w.flag(x.Retryable)
	w.count(int(x.Fault))
	w.text(x.Worker)
	w.count(x.Attempts)
	w.duration(x.Elapsed)
	writeList(w, x.Log, (*writer).text)
}

func readFailed(r *reader) backbones.FailedItem {
	f := backbones.FailedItem{Number: r.number(), Item: r.text(), Encoding: readEncoding(r), ContentKey: r.fixed()}
	f.Failure = backbones.Failure{
		Kind: readKind(r), Message: r.text(), Traceback: r.text(), TypeName: r.text(), Retryable: r.flag(), Fault: readFault(r),
		Worker: r.text(), Attempts: r.count(), Elapsed: r.duration(), Log: list(r, 1, (*reader).text),
	}
	return f
}

// readKind accepts only known kinds, because the ledger counts by kind.
func readKind(r *reader) backbones.FailureKind {
	switch k := backbones.FailureKind(r.text()); k {
	case backbones.KindError, backbones.KindPanic, backbones.KindCrash, backbones.KindTimeout, backbones.KindLost, backbones.KindInvalidOutput:
		return k
	}
	r.fail()
	return ""
}

func readFault(r *reader) backbones.Fault {
	n := r.count()
	if n > int(backbones.FaultEnvironment) {
		r.fail()
		return 0
	}
	return backbones.Fault(n)
}

// Keys are hashes, so that each takes its full size.
func writeKeys(w *writer, keys []uint64) { writeList(w, keys, (*writer).fixed) }
func readKeys(r *reader) []uint64        { return list(r, 8, (*reader).fixed) }

func writeReported(w *writer, p lease.Reported) {
	writeAllHeld(w, p.Lost)
	writeAllHeld(w, p.Renewed)
	w.number(p.Generation)
	w.flag(p.Tail)
	w.text(p.Quarantined)
	w.flag(p.Stop)
}

func decodeReported(b []byte) (lease.Reported, error) {
	r := &reader{b: b}
	p := lease.Reported{Lost: readAllHeld(r), Renewed: readAllHeld(r), Generation: r.number(), Tail: r.flag(), Quarantined: r.text(), Stop: r.flag()}
	return p, r.end()
}

func encodeAsk(a lease.Ask) []byte {
	w := &writer{}
	writeHeld(w, a.Held)
	writeSpans(w, a.Items)
	writeKeys(w, a.Keys)
	return w.b
}

func decodeAsk(b []byte) (lease.Ask, error) {
	r := &reader{b: b}
	a := lease.Ask{Held: readHeld(r), Items: readSpans(r), Keys: readKeys(r)}
	return a, r.end()
}

func writeGranted(w *writer, g lease.Granted) {
	writeSpans(w, g.Items)
	writeSpans(w, g.Again)
	w.flag(g.Later)
}

func decodeGranted(b []byte) (lease.Granted, error) {
	r := &reader{b: b}
	g := lease.Granted{Items: readSpans(r), Again: readSpans(r), Later: r.flag()}
	return g, r.end()
}
