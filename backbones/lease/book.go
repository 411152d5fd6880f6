package lease

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/cut"
)

// The bounds of what is lent at a time. They bound the memory of coordinator and queue, independently of the number of items.
const (
	maxOpen      = 1 << 16
	maxOpenBytes = 256 << 20
)

// BookOptions are the settings of a Book.
type BookOptions struct {
	Generation uint64
	// LeaseTime is how long a lease lasts without a renewal.
	LeaseTime time.Duration
	// GrantTime is how long a lost node may still commit what it was granted; 0: LeaseTime.
	GrantTime time.Duration
	// Quiet is the time after the start in which nothing is granted, because nodes may still commit what a former coordinator has granted.
	Quiet time.Duration
	// Remaining is the number of items that the source has still to yield, if known; may be nil.
	Remaining func() (n int, known bool)
	// Attempts is how often an item may be started, which bounds what nodes tell; 0: not bounded.
	Attempts int
	Log      hclog.Logger
}

// Book records which node has which items until when, and their outcomes. Each added item gets exactly one outcome, whatever nodes report and
// whenever they are lost. The Book has no goroutine and no clock: events go in, with the time by At, and Next and Take return what is to be done.
// The Book keeps the items that nodes have. It forgets finished items.
type Book struct {
	o      BookOptions
	log    hclog.Logger
	now    time.Duration
	cutter cut.Cutter
	// ended: no more blocks come. stopped: nothing more is lent.
	ended, stopped bool
	size           sizer
	lastID         ID
	// loans are the leases that are offered or claimed. lapsed are those that their node did not renew in time and whose items are unclaimed since.
	loans, lapsed map[ID]*loan
	// again are works to offer again, twins those to offer a second time.
	again, twins []*work
	// suspects are works that nodes were lost with again and again. refused is when one was last refused to a node that had another; 0: none was.
	suspects []*work
	refused  time.Duration
	// offered counts the unclaimed loans, offeredItems their items.
	offered, offeredItems int
	// works and bytes count the unfinished works, left their items without an outcome, withheld those whose outcome is kept back.
	works, bytes, left, withheld int
	members                      map[string]*member
	fleetNow                     fleet
	// holders is the number of nodes that have leases, since the time when the first of the uncut items came.
	holders int
	since   time.Duration
	// moves counts the leases that were offered, claimed or taken back.
	moves  uint64
	former former
	// swept is when At last looked at all loans.
	swept   time.Duration
	effects Effects
	notices notices
}

// Effects are what the owner of a Book has to do.
type Effects struct {
	// Outcomes go to the sink.
	Outcomes []backbones.Outcomes
	// Done are leases to take out of the queue, Back those that another node must get.
	Done, Back []ID
}

// work is items that were cut together.
type work struct {
	pack
	// settled has the items with an outcome, left counts the others. withheld counts those of settled whose outcome is kept back.
	settled        set
	left, withheld int
	// loans are the open ones: one, two while a late one is lent a second time, or none while it waits to be offered again.
	loans  []*loan
	lapsed []*loan
	// stale has items whose commit was granted to a node that is lost; nil: none.
	stale  set
	queued bool
	// lostOn are nodes that were lost while they had it.
	lostOn []*member
}

// loan is a lease.
type loan struct {
	id   ID
	work *work
	// node has claimed it; nil: it is offered.
	node             *member
	epoch            uint64
	offered, claimed time.Duration
	// todo is the number of items without an outcome when it was offered or claimed.
	todo  int
	until time.Duration
	// granted has the items whose commit was granted, asked is the time of the last grant; nil: none.
	granted set
	asked   time.Duration
}

// NewBook returns an empty Book.
func NewBook(o BookOptions) *Book {
	b := &Book{o: o, log: o.Log, loans: map[ID]*loan{}, lapsed: map[ID]*loan{}, members: map[string]*member{}}
	b.o.GrantTime = cmp.Or(b.o.GrantTime, b.o.LeaseTime)
	if b.log == nil {
		b.log = hclog.NewNullLogger()
	}
	b.notices.log = b.log
	return b
}

// Take returns what is to be done since the last call.
func (b *Book) Take() Effects {
	e := b.effects
	b.effects = Effects{}
	return e
}

// errIndexed ends a run whose items cannot be lent.
var errIndexed = errors.New("the items are positions in a list that the plugin's process holds, and cannot be given to other machines")

// Add adds a block of the listing.
func (b *Book) Add(block backbones.Block) error {
	if block.Encoding == backbones.Indexed && block.Count > 0 {
		return errIndexed
	}
	if b.cutter.Items == 0 {
		b.since = b.now
	}
	b.cutter.Add(block)
	return nil
}

// End says that no more blocks come.
func (b *Book) End() { b.ended = true }

// Stop keeps items from being lent.
func (b *Book) Stop() {
	if b.stopped {
		return
	}
	b.stopped = true
	for _, l := range b.loans {
		if l.node == nil {
			b.withdraw(l)
		}
	}
	b.releaseAll()
}

// Wants reports whether the Book needs another block.
func (b *Book) Wants() bool {
	return !b.ended && !b.stopped && b.cutter.Bytes < 4*MaxBytes && b.cutter.Items < 8*max(b.nextSize(), 64)
}

// Finished reports whether every item has its outcome.
func (b *Book) Finished() bool { return b.ended && b.cutter.Items == 0 && b.works == 0 }

// Lent is the number of leases that nodes have.
func (b *Book) Lent() int { return len(b.loans) - b.offered }

// Open is the number of unclaimed leases, which the queue must hold.
func (b *Book) Open() int { return b.offered }

// uncut is the number of items that are still to be cut, or -1 if not known.
func (b *Book) uncut() int {
	if b.ended {
		return b.cutter.Items
	}
	if b.o.Remaining != nil {
		if n, ok := b.o.Remaining(); ok {
			return b.cutter.Items + n
		}
	}
	return -1
}

func (b *Book) nextSize() int {
	f := b.fleet()
	return b.size.next(b.uncut(), f.workers, f.nodes)
}

// tail reports whether few more items come than the nodes have workers.
func (b *Book) tail() bool {
	left := b.uncut()
	return left >= 0 && left+b.offeredItems <= 2*b.fleet().workers
}

// Next is the next lease to publish; false: none now.
func (b *Book) Next() (Lease, bool) {
	if b.stopped || len(b.loans) >= maxOpen {
		return Lease{}, false
	}
	for len(b.again) > 0 {
		w := b.again[0]
		b.again[0] = nil
		b.again = b.again[1:]
		w.queued = false
		if w.left > 0 && len(w.loans) == 0 {
			return b.offer(w), true
		}
	}
	if w := b.nextSuspect(); w != nil {
		return b.offer(w), true
	}
	if w, ok := b.cut(); ok {
		return b.offer(w), true
	}
	for len(b.twins) > 0 {
		w := b.twins[0]
		b.twins = b.twins[1:]
		if w.left > 0 && len(w.loans) == 1 && w.loans[0].node != nil {
			b.log.Debug("a late lease is lent a second time", "node", w.loans[0].node.Name, "lease", w.loans[0].id, "items", w.left)
			return b.offer(w), true
		}
	}
	return Lease{}, false
}

// cut cuts the next work off the listing, if there should be one.
func (b *Book) cut() (*work, bool) {
	nodes := b.fleet().nodes
	for b.cutter.Items > 0 && (b.offered < 8+4*nodes || b.former.seeking) && b.bytes < maxOpenBytes && len(b.loans) < maxOpen {
		size := b.nextSize()
		if b.cutter.Items < size && b.cutter.Bytes < MaxBytes && !b.ended && b.mayWait(nodes) {
			break
		}
		parts, _ := b.cutter.Cut(size, MaxBytes)
		b.since = b.now
		var blocks []backbones.Block
		for _, p := range parts {
			blocks = append(blocks, b.former.take(b, lendable(p))...)
		}
		if len(blocks) > 0 {
			return b.begin(blocks), true
		}
	}
	return nil, false
}

// fillTime is how long a lease that could be larger waits for more items while no node has nothing.
const fillTime = 50 * time.Millisecond

// mayWait reports whether a lease may wait for more items, because no node waits for those at hand.
func (b *Book) mayWait(nodes int) bool {
	if b.offered >= max(nodes, 1) {
		return true
	}
	return nodes > 0 && b.offered >= nodes-b.holders && b.now < b.since+fillTime
}

// begin creates a work of items that were cut together.
func (b *Book) begin(blocks []backbones.Block) *work {
	w := &work{pack: newPack(blocks)}
	w.settled, w.left = newSet(w.count), w.count
	b.works++
	b.bytes += w.bytes
	b.left += w.left
	return w
}

// lendable is a part as a separate block that keeps no other items in memory.
func lendable(p backbones.Part) backbones.Block {
	block := p.Block
	if p.Skip > 0 || p.Take < block.Count {
		block = block.Piece(p.Skip, p.Skip+p.Take, block.Ends(nil))
	}
	if block.Encoding == backbones.JSONLines && cap(block.Payload) > 2*len(block.Payload) {
		block = block.Detached()
	}
	return block
}

// offer makes a lease of a work.
func (b *Book) offer(w *work) Lease {
	b.lastID++
	b.moves++
	l := &loan{id: b.lastID, work: w, offered: b.now}
	b.loans[l.id] = l
	w.loans = append(w.loans, l)
	b.offered++
	b.offeredItems += w.left
	l.todo = w.left
	return Lease{Generation: b.o.Generation, ID: l.id, Blocks: w.blocks}
}

// drop removes a loan. The rest of its work is offered again, unless another loan has it.
func (b *Book) drop(l *loan) {
	delete(b.loans, l.id)
	b.moves++
	w := l.work
	for i, other := range w.loans {
		if other == l {
			w.loans = append(w.loans[:i], w.loans[i+1:]...)
			break
		}
	}
	if l.node == nil {
		b.offered--
		b.offeredItems -= l.todo
	} else {
		b.count(l.node, -1)
		if l.granted != nil {
			if w.stale == nil {
				w.stale = newSet(w.count)
			}
			w.stale.join(l.granted)
		}
	}
	b.queue(w)
}

// queue has a work offered again, if there is any need.
func (b *Book) queue(w *work) {
	switch {
	case w.left == 0 || len(w.loans) > 0 || w.queued:
	case w.suspect() && w.withheld == 0:
		b.judgeItems(w)
	default:
		w.queued = true
		b.again = append(b.again, w)
	}
}

// withdraw takes back an unclaimed loan.
func (b *Book) withdraw(l *loan) {
	b.effects.Done = append(b.effects.Done, l.id)
	b.drop(l)
}

// Unpublished records that a lease could not be published.
func (b *Book) Unpublished(id ID) {
	if l := b.loans[id]; l != nil && l.node == nil {
		b.withdraw(l)
	}
}

// QueueLost records that the queue is empty: unclaimed leases are offered again.
func (b *Book) QueueLost() {
	for _, l := range b.loans {
		if l.node == nil {
			b.drop(l)
		}
	}
}

// settle records that an item has an outcome.
func (b *Book) settle(w *work, first, count int) {
	w.settled.add(first, count)
	w.left -= count
	b.left -= count
}

// finish forgets a work whose items all have their outcome.
func (b *Book) finish(w *work) {
	if w.left > 0 || w.withheld > 0 {
		return
	}
	for len(w.loans) > 0 {
		l := w.loans[0]
		if l.node == nil {
			b.effects.Done = append(b.effects.Done, l.id)
		}
		b.drop(l)
	}
	b.forgetLapsed(w)
	b.works--
	b.bytes -= w.bytes
	b.size.reached = max(b.size.reached, w.count)
}

// At sets the time since the start of the run. Leases lapse, and late ones are lent a second time.
func (b *Book) At(now time.Duration) {
	b.now = max(b.now, now)
	b.notices.pass(b.now)
	if every := b.o.LeaseTime / 20; b.now < b.swept+every {
		return
	}
	b.swept = b.now
	for _, l := range b.loans {
		if l.node != nil && l.until <= b.now {
			b.lapse(l)
		}
	}
	b.former.sweep(b)
	b.endProbation()
	b.offerAgain()
	b.speculate()
}

// idle is the number of nodes without a lease.
func (b *Book) idle() (n int) {
	for _, m := range b.members {
		if m.idle() {
			n++
		}
	}
	return n
}

// claimTime is how long an offered lease waits for a claim while nodes are idle: the node that got it must have died.
const claimTime = 3 * time.Second

// offerAgain offers leases again that stay unclaimed although nodes are idle.
func (b *Book) offerAgain() {
	if b.offered == 0 || b.stopped || b.idle() == 0 {
		return
	}
	for _, l := range b.loans {
		if l.node == nil && b.now >= l.offered+claimTime {
			b.withdraw(l)
		}
	}
}

// lapse takes a lease from a node that was not heard of in time.
func (b *Book) lapse(l *loan) {
	b.log.Debug("a lease was not renewed in time, and its items are lent again", "node", l.node.Name, "lease", l.id, "items", l.work.left)
	l.node.lapsed++
	b.drop(l)
	// A node that comes back asks again: another may have the grant by then.
	l.granted = nil
	if l.work.left == 0 {
		// Its items are lent one by one now.
		return
	}
	b.lapsed[l.id] = l
	l.work.lapsed = append(l.work.lapsed, l)
}

// revive gives a lapsed lease, unclaimed since, back to its node.
func (b *Book) revive(l *loan) {
	w := l.work
	w.loans = append(w.loans, l)
	for _, other := range slices.Clone(w.loans) {
		if other.node == nil {
			b.withdraw(other)
		}
	}
	for i, other := range w.lapsed {
		if other == l {
			w.lapsed = append(w.lapsed[:i], w.lapsed[i+1:]...)
			break
		}
	}
	delete(b.lapsed, l.id)
	b.loans[l.id] = l
	b.count(l.node, 1)
	l.until = b.now + b.o.LeaseTime
}

func (b *Book) forgetLapsed(w *work) {
	for _, l := range w.lapsed {
		delete(b.lapsed, l.id)
	}
	w.lapsed = nil
}

// speculate offers late leases a second time when nodes are idle: the first commit wins.
func (b *Book) speculate() {
	if !b.ended || b.stopped || b.cutter.Items > 0 || len(b.again)+len(b.suspects) > 0 || b.offered > 0 {
		return
	}
	room := twinsPerNode * b.idle()
	b.twins = b.twins[:0]
	if room == 0 {
		return
	}
	for _, l := range b.loans {
		if len(b.twins) == room {
			return
		}
		if len(l.work.loans) == 1 && b.late(l) && !l.work.suspect() {
			b.twins = append(b.twins, l.work)
		}
	}
}

// twinsPerNode bounds the late leases that are offered for each idle node.
const twinsPerNode = 2

// late reports whether a lease takes more than twice as long as its items should.
func (b *Book) late(l *loan) bool {
	expected := max(b.size.perItem, b.size.pace) * time.Duration(l.rounds())
	if expected == 0 {
		expected = b.o.LeaseTime
	}
	return b.now-l.claimed > 2*expected+leastWork
}

// rounds is how many of a lease's items each of its node's workers has.
func (l *loan) rounds() int {
	workers := max(l.node.Workers, 1)
	return max((l.todo+workers-1)/workers, 1)
}
