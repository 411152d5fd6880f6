package ledger

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/internal/itemkey"
)

// Outcome is what became of an item in a run.
type Outcome uint8

// The outcomes of an item. None is that of an item which the run did not come to.
const (
	None Outcome = iota
	OutcomeFailed
	OutcomeResumed
	OutcomeSkipped
	OutcomeDone
)

func (o Outcome) String() string {
	return [...]string{"", "failed", "resumed", "skipped", "done"}[o]
}

// Finished reports whether the item need not be done again.
func (o Outcome) Finished() bool { return o > OutcomeFailed }

// Result is what a ledger says of an item that a run listed.
type Result struct {
	// Number is the ledger's; Key is 0 in the ledger of a run that kept no keys.
	Number  uint64
	Key     itemkey.Key
	Outcome Outcome
	// Time is that of the last attempt, if it is Timed. Mean: it is the mean of the items of a chunk.
	Time        time.Duration
	Timed, Mean bool
	// Attempts is how often the item was started; 0: not at all, or not known.
	Attempts int
}

// mostDense is the number up to which results are in arrays. Numbers beyond are those of carried items, which are few.
const mostDense = math.MaxUint32

// Results are what became of the items of a run. They take 5 bytes an item; keys are read from the file as they are needed.
type Results struct {
	dir   string
	whole int64
	// codes have an outcome and the flags below for each item, times the microseconds.
	codes    []uint8
	times    []uint32
	far      map[uint64]farResult
	attempts map[uint64]int
	// own are indexed lists, keys the number of keys of the run's own items, layers that of the layers before them.
	own    []list
	keys   int
	layers int
	listed int64
	failed failures
}

const (
	outcomeBits       = 7
	codeTimed   uint8 = 1 << 3
	codeMean    uint8 = 1 << 4
)

type farResult struct {
	code uint8
	time uint32
}

// OpenResults reads the ledger of a run. The caller closes it.
func OpenResults(dir string) (*Results, error) {
	r := &Results{dir: dir}
	err := withFile(dir, outcomesFile, func(file *os.File, _ int64) (err error) {
		r.reset()
		r.whole, err = records(file, r.take)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, r.failed.open(dir, r)
}

// Close closes the ledger's files.
func (r *Results) Close() { r.failed.close() }

// Items is how many items the run listed, as far as the ledger has their keys or their list.
func (r *Results) Items() int {
	n := r.keys
	for _, l := range r.own {
		n += l.Count
	}
	return n
}

// List is the length of the indexed list that the run had; false: it had none. Its items are known by their place.
func (r *Results) List() (int, bool) {
	if len(r.own) != 1 {
		return 0, false
	}
	return r.own[0].Count, true
}

func (r *Results) reset() {
	*r = Results{dir: r.dir, layers: r.layers, far: map[uint64]farResult{}, attempts: map[uint64]int{}, listed: -1}
}

// take takes a record. Those before a layer's end are of earlier runs.
func (r *Results) take(k kind, in *reader) error {
	switch k {
	case kindDone, kindSkipped, kindResumed, kindFailed:
		spans := in.spans(nil)
		for _, span := range spans {
			if !in.bad {
				r.set(span, outcomeOf[k])
			}
		}
	case kindKeys:
		in.number()
		r.keys += in.countKeys()
	case kindOpaque:
		span, _ := in.seeded()
		r.keys += min(span.Count, maxOpaque)
	case kindList:
		span, seed := in.seeded()
		if !in.bad {
			r.own = append(r.own, list{span, seed})
		}
	case kindListed:
		r.listed = int64(in.number())
	case kindLayer:
		r.layers++
		r.reset()
	case kindSeconds:
		r.seconds(in)
	case kindAttempts:
		for n := in.number(); len(in.rest) > 0; n++ {
			r.attempts[n] = int(min(in.number(), math.MaxInt32))
		}
	default:
		if k < kindOptional {
			return errLater
		}
	}
	return nil
}

var outcomeOf = [...]Outcome{kindDone: OutcomeDone, kindSkipped: OutcomeSkipped, kindResumed: OutcomeResumed, kindFailed: OutcomeFailed}

// grow makes room for the numbers below n.
func (r *Results) grow(n uint64) {
	if more := int(n) - len(r.codes); more > 0 {
		r.codes = append(r.codes, make([]uint8, more)...)
	}
}

// set sets an outcome, unless a better one is known.
func (r *Results) set(span backbones.Span, o Outcome) {
	if span.First >= mostDense {
		for n := span.First; n < min(end(span), span.First+maxOpaque); n++ {
			f := r.far[n]
			f.code = f.code&^outcomeBits | max(f.code&outcomeBits, uint8(o))
			r.far[n] = f
		}
		return
	}
	last := min(end(span), mostDense)
	r.grow(last)
	for n := span.First; n < last; n++ {
		if c := r.codes[n]; c&outcomeBits < uint8(o) {
			r.codes[n] = c&^outcomeBits | uint8(o)
		}
	}
}

// seconds takes a record of times.
func (r *Results) seconds(in *reader) {
	form, first := in.number(), in.number()
	switch form {
	case formMean:
		count, mean := in.number(), in.number()
		if !in.bad && first+count <= mostDense {
			for n := first; n < first+count; n++ {
				r.time(n, mean, codeTimed|codeMean)
			}
		}
	case formEach:
		for n := first; len(in.rest) > 0; n++ {
			if us := in.number(); !in.bad {
				r.time(n, us, codeTimed)
			}
		}
	}
}

func (r *Results) time(n, us uint64, code uint8) {
	short := uint32(min(us, math.MaxUint32))
	if n >= mostDense {
		r.far[n] = farResult{r.far[n].code&outcomeBits | code, short}
		return
	}
	r.grow(n + 1)
	if more := len(r.codes) - len(r.times); more > 0 {
		r.times = append(r.times, make([]uint32, more)...)
	}
	r.codes[n] = r.codes[n]&outcomeBits | code
	r.times[n] = short
}

// of is what is known of an item.
func (r *Results) of(number uint64, key itemkey.Key) Result {
	var f farResult
	switch {
	case number >= mostDense:
		f = r.far[number]
	case number < uint64(len(r.codes)):
		f.code = r.codes[number]
		if number < uint64(len(r.times)) {
			f.time = r.times[number]
		}
	}
	out := Result{
		Number: number, Key: key, Outcome: Outcome(f.code & outcomeBits), Time: time.Duration(f.time) * time.Microsecond,
		Timed: f.code&codeTimed != 0, Mean: f.code&codeMean != 0,
	}
	switch out.Outcome {
	case OutcomeDone:
		out.Attempts = max(r.attempts[number], 1)
	case OutcomeFailed:
		out.Attempts = 1
		if f := r.failed.of(number); f != nil {
			out.Attempts, out.Time, out.Timed = int(f.attempts), f.time, f.time > 0
		}
	}
	return out
}

// All yields the results of all items that the run listed, in the order of its listing. The error is that of reading the file.
func (r *Results) All() iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		more := true
		if r.keys > 0 {
			state := State{whole: r.whole}
			err := withFile(r.dir, outcomesFile, func(file *os.File, _ int64) error {
				return state.eachKey(file, func(layer int, number uint64, key itemkey.Key) bool {
					if layer == r.layers {
						more = yield(r.of(number, key), nil)
					}
					return more
				})
			})
			if err != nil && more {
				yield(Result{}, err)
				return
			}
		}
		for _, l := range r.own {
			for n := l.First; more && n < end(l.Span); n++ {
				more = yield(r.of(n, itemkey.At(l.seed, n)), nil)
			}
		}
		if r.keys > 0 || len(r.own) > 0 {
			return
		}
		// A run that kept no keys.
		for n := 0; more && n < len(r.codes); n++ {
			if r.codes[n]&outcomeBits != 0 {
				more = yield(r.of(uint64(n), 0), nil)
			}
		}
	}
}

// Failure is the line of failed.jsonl of an item that failed; nil: it has none.
func (r *Results) Failure(number uint64) (*FailedItem, error) { return r.failed.read(number) }

// failures finds the lines of failed.jsonl. It takes 32 bytes a line.
type failures struct {
	file  *os.File
	lines []failedLine
	// carried are the lines of items that failed in an earlier run and have no outcome in this one, by their keys.
	carried map[itemkey.Key]int64
}

type failedLine struct {
	number   uint64
	at       int64
	time     time.Duration
	attempts int32
}

func (f *failures) open(dir string, r *Results) error {
	path := filepath.Join(dir, failedFile)
	file, _, err := regular.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("reading the failed items of a run: %s: %w", path, regular.Cause(err))
	}
	f.file, f.carried = file, map[itemkey.Key]int64{}
	in := bufio.NewReaderSize(file, 256<<10)
	at := int64(0)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) || len(line) > maxFailedLine {
			// A line without an end was not written whole.
			break
		}
		if err != nil {
			return fmt.Errorf("reading the failed items of a run: %s: %w", path, regular.Cause(err))
		}
		var head struct {
			Number   uint64      `json:"number"`
			Key      itemkey.Key `json:"key"`
			Carried  bool        `json:"carried"`
			Attempts int32       `json:"attempts"`
			Seconds  float64     `json:"seconds"`
		}
		if json.Unmarshal(line, &head) != nil {
			if _, err := in.Peek(1); err == nil {
				return fmt.Errorf("reading the failed items of a run: %s: %w", path, damaged(n))
			}
			break
		}
		switch {
		case !head.Carried:
			f.lines = append(f.lines, failedLine{head.Number, at, time.Duration(head.Seconds * float64(time.Second)), head.Attempts})
		case r.listed < 0:
			f.carried[head.Key] = at
		}
		at += int64(len(line))
	}
	// Of several lines of an item the last one counts.
	slices.SortStableFunc(f.lines, func(a, b failedLine) int { return cmp.Compare(a.number, b.number) })
	return nil
}

func (f *failures) close() {
	if f.file != nil {
		_ = f.file.Close()
	}
}

// of is the last line of an item; nil: it has none.
func (f *failures) of(number uint64) *failedLine {
	i := sort.Search(len(f.lines), func(i int) bool { return f.lines[i].number > number })
	if i == 0 || f.lines[i-1].number != number {
		return nil
	}
	return &f.lines[i-1]
}

func (f *failures) read(number uint64) (*FailedItem, error) {
	l := f.of(number)
	if l == nil {
		return nil, nil
	}
	return f.line(l.at)
}

func (f *failures) line(at int64) (*FailedItem, error) {
	in := bufio.NewReader(io.NewSectionReader(f.file, at, maxFailedLine))
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading the failed items of a run: %w", err)
	}
	var item FailedItem
	if err := json.Unmarshal(bytes.TrimSpace(line), &item); err != nil {
		return nil, fmt.Errorf("reading the failed items of a run: %w", err)
	}
	return &item, nil
}

// Carried is the line of an item that failed in the run which this one took up, and has no outcome in this one; nil: there is none.
func (r *Results) Carried(key itemkey.Key) (*FailedItem, error) {
	at, ok := r.failed.carried[key]
	if !ok {
		return nil, nil
	}
	return r.failed.line(at)
}
