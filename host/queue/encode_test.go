package queue

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

var someBlocks = []backbones.Block{
	{Count: 2, First: math.MaxUint32, Payload: []byte("{}\n{}\n")},
	{Encoding: backbones.Opaque, Count: 2, First: 7, Skip: 3, Payload: []byte{0, 1, 255}, Keys: []string{"", "b"}, ContentKeys: []uint64{1, math.MaxUint64}},
}

var someReport = lease.Report{Sequence: 9, Workers: 4, Busy: 3, Leases: []lease.Progress{
	{
		Held: lease.Held{Generation: 1, ID: 2, Epoch: 3}, Moved: true, Ended: true, Keys: []uint64{1, math.MaxUint64}, Returned: []backbones.Span{{First: 5, Count: 6}},
		Outcomes: backbones.Outcomes{
			Worker: "w1", Done: []backbones.Span{{First: 0, Count: 1}, {First: math.MaxUint64 - 1, Count: 1}}, Skipped: []backbones.Span{{First: 2, Count: 2}},
			Failed: []backbones.FailedItem{{Number: 4, Item: "{}", Encoding: backbones.Opaque, ContentKey: 5, Failure: backbones.Failure{
				Kind: backbones.KindTimeout, Message: "m", Traceback: "t", TypeName: "T", Retryable: true, Fault: backbones.FaultTask, Worker: "w1", Attempts: 2, Elapsed: time.Second, Log: []string{"a", "b"},
			}}},
			Unwritten: backbones.Unwritten{Count: 1, Expected: "e", Found: "f"}, Mean: time.Millisecond, Attempts: []backbones.Attempt{{Number: 1, Count: 2}},
		},
	},
	{Held: lease.Held{Generation: 1, ID: 4, Epoch: 1}},
}}

func TestEncodings(t *testing.T) {
	same := func(what string, got, want any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
	}
	// A sample has every field, so that one that is new is not forgotten.
	sent := func(what string, sample any, not ...string) {
		t.Helper()
		if got := zeroFields(sample); got != strings.Join(not, " ") {
			t.Errorf("the sample of %s has no %s", what, got)
		}
	}
	blocks, err := decodeBlocks(encodeBlocks(someBlocks))
	same("blocks", blocks, someBlocks, err)
	report, err := decodeReport(encodeReport(someReport))
	same("report", report, someReport, err)
	claimed := lease.Claimed{Refused: "no", Skip: []backbones.Span{{First: 1, Count: 2}}, For: time.Minute, Tail: true, Quarantined: "q", Blocks: someBlocks}
	w := &writer{}
	writeClaimed(w, claimed)
	writeClaimed(w, lease.Claimed{For: time.Second})
	gotClaimed, err := decodeAllClaimed(w.b)
	same("claimed", gotClaimed, []lease.Claimed{claimed, {For: time.Second}}, err)
	sent("claimed", claimed)
	reported := lease.Reported{Lost: []lease.Held{{Generation: 1, ID: 2, Epoch: 3}}, Renewed: []lease.Held{{ID: 1}}, Generation: 4, Tail: true, Quarantined: "q", Stop: true}
	w = &writer{}
	writeReported(w, reported)
	gotReported, err := decodeReported(w.b)
	same("reported", gotReported, reported, err)
	sent("reported", reported)
	ask := lease.Ask{Held: lease.Held{ID: 1}, Items: []backbones.Span{{First: 1, Count: 2}}, Keys: []uint64{3, 4}}
	gotAsk, err := decodeAsk(encodeAsk(ask))
	same("ask", gotAsk, ask, err)
	sent("ask", ask, "Node") // the coordinator knows who has sent it
	granted := lease.Granted{Items: ask.Items, Again: []backbones.Span{{First: 9, Count: 1}}, Later: true}
	w = &writer{}
	writeGranted(w, granted)
	gotGranted, err := decodeGranted(w.b)
	same("granted", gotGranted, granted, err)
	sent("granted", granted)
	n := notice{era: 3, nonce: 4, generation: 5, id: 6, blocks: []byte("x")}
	gotNotice, err := decodeNotice(n.encode())
	if err != nil || gotNotice.id != 6 || gotNotice.nonce != 4 || string(gotNotice.blocks) != "x" {
		t.Errorf("notice: %+v, %v", gotNotice, err)
	}
}

// TestEveryFieldTravels fails when a message has got a field that is not sent.
func TestEveryFieldTravels(t *testing.T) {
	// Of a block, Marshal and Refused do not travel; all other fields of the samples differ from zero.
	blocks, err := decodeBlocks(encodeBlocks([]backbones.Block{{Encoding: 1, Count: 1, Payload: []byte("p"), Marshal: []byte("m"), First: 1, Skip: 1, Keys: []string{"k"}, ContentKeys: []uint64{1}, Refused: []string{"r"}}}))
	if err != nil || zeroFields(blocks[0]) != "Marshal Refused" {
		t.Errorf("not sent of a block: %s (%v)", zeroFields(blocks[0]), err)
	}
	report, err := decodeReport(encodeReport(someReport))
	if err != nil {
		t.Fatal(err)
	}
	p := report.Leases[0]
	for what, got := range map[string]string{
		"Node":      zeroFields(report), // the coordinator knows who has sent it
		"progress":  zeroFields(p),
		"Slow":      zeroFields(p.Outcomes), // shown by the node that has the worker
		"failed":    zeroFields(p.Outcomes.Failed[0]),
		"failure":   zeroFields(p.Outcomes.Failed[0].Failure),
		"unwritten": zeroFields(p.Outcomes.Unwritten),
	} {
		if got != "" && got != what {
			t.Errorf("not sent of %s: %s", what, got)
		}
	}
}

func TestMessagesOfTheWrongShape(t *testing.T) {
	span := func(first uint64, count int) []byte {
		w := &writer{}
		writeSpan(w, backbones.Span{First: first, Count: count})
		return w.b
	}
	w := &writer{}
	w.number(math.MaxUint64) // a list of that many
	for what, b := range map[string][]byte{"an endless list": w.b, "nothing": nil, "more than a message": append(encodeAsk(lease.Ask{}), 1)} {
		if _, err := decodeAsk(append([]byte{0, 0, 0}, b...)); err == nil {
			t.Errorf("%s was read", what)
		}
	}
	for what, b := range map[string][]byte{"an empty span": span(1, 0), "a span over the end": span(math.MaxUint64, 1)} {
		r := &reader{b: b}
		readSpan(r)
		if r.end() == nil {
			t.Errorf("%s was read", what)
		}
	}
	bad := someReport
	bad.Leases = []lease.Progress{{Outcomes: backbones.Outcomes{Failed: []backbones.FailedItem{{Failure: backbones.Failure{Kind: "of its own"}}}}}}
	if _, err := decodeReport(encodeReport(bad)); err == nil {
		t.Error("a kind of failure that nobody knows was read")
	}
	// What is small as a message must not become large.
	w = &writer{}
	writeHeld(w, lease.Held{})
	w.count(1 << 25)
	w.b = append(w.b, bytes.Repeat([]byte{1}, 1<<26)...)
	if _, err := decodeAsk(w.b); err == nil {
		t.Error("a message of 64 MiB became a list of 512 MiB")
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(encodeReport(someReport))
	f.Add(encodeBlocks(someBlocks))
	f.Add(notice{era: 1, nonce: 2, generation: 3, id: 4, blocks: encodeBlocks(someBlocks)}.encode())
	f.Add(request{op: opReport, call: 3, parts: 1, body: encodeReport(someReport)}.encode())
	f.Add(answer{status: statusOK, parts: 1, body: []byte{0, 0, 0}}.encode())
	f.Add([]byte(strings.Repeat("\xff", 20)))
	f.Fuzz(func(t *testing.T, b []byte) {
		// What is read is written as it came, in the only way that there is, or differently and then read the same.
		if r, err := decodeReport(b); err == nil {
			again, err := decodeReport(encodeReport(r))
			if err != nil || cmp.Diff(r, again) != "" {
				t.Errorf("%+v became %+v (%v)", r, again, err)
			}
		}
		if x, err := decodeBlocks(b); err == nil {
			again, err := decodeBlocks(encodeBlocks(x))
			if err != nil || cmp.Diff(x, again) != "" {
				t.Errorf("%+v became %+v (%v)", x, again, err)
			}
		}
		if q, err := decodeRequest(b); err == nil {
			if again, err := decodeRequest(q.encode()); err != nil || !bytes.Equal(again.body, q.body) {
				t.Errorf("%+v became %+v (%v)", q, again, err)
			}
		}
		_, _ = decodeNotice(b)
		_, _ = decodeAnswer(b)
		_, _ = decodeAsk(b)
		_, _ = decodeGranted(b)
		_, _ = decodeReported(b)
		_, _ = decodeAllClaimed(b)
		_, _ = decodeFetch(b)
		_, _ = decodeGoodbye(b)
		_ = decodeRefusal(b)
	})
}

// zeroFields are the names of the fields that are zero.
func zeroFields(v any) string {
	var all []string
	r := reflect.ValueOf(v)
	for i := range r.NumField() {
		if r.Field(i).IsZero() {
			all = append(all, r.Type().Field(i).Name)
		}
	}
	return strings.Join(all, " ")
}
