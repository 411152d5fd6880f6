package cuda

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/crew"
)

// drawn makes a scheduler with items loaded as one batch on a device.
func drawn(t *testing.T, items int) (*scheduler, backbones.Batch) {
	t.Helper()
	s := newScheduler(items, 8, false, 1<<40, 0)
	s.Add(block(0, items, backbones.JSONLines))
	s.ended = true
	s.Opened(crew.Seat{Stage: load}, nil)
	s.Opened(crew.Seat{Stage: device}, nil)
	at, batch, ok := s.next()
	if !ok || at.Stage != load {
		t.Fatalf("nothing is loaded: %+v", batch)
	}
	return s, batch
}

func TestMemoryOfTheDeviceHalvesBatches(t *testing.T) {
	s, b := drawn(t, 8)
	s.auto = true
	if _, err := s.Answered(crew.Seat{Stage: load}, backbones.BatchResult{ID: b.ID, Count: 8, Payload: &backbones.Payload{Used: 1}}); err != nil {
		t.Fatal(err)
	}
	_, batch, _ := s.next()
	_, err := s.Answered(crew.Seat{Stage: device}, backbones.BatchResult{ID: batch.ID, Count: 8, Err: &backbones.BatchError{DeviceMemory: true}})
	if err != nil || s.warned != 8 || s.size != 4 {
		t.Fatalf("%v, warned of %d, size %d", err, s.warned, s.size)
	}
	for range 2 {
		if at, batch, ok := s.next(); !ok || batch.Count != 4 || at.Stage != load {
			t.Fatalf("after it came %+v", batch)
		}
	}
}

func TestRegionsGrow(t *testing.T) {
	s, b := drawn(t, 8)
	refused := func(wanted uint64) backbones.BatchResult {
		return backbones.BatchResult{ID: b.ID, Count: b.Count, Err: &backbones.BatchError{RegionWanted: wanted}}
	}
	if _, err := s.Answered(crew.Seat{Stage: load}, refused(b.Region.Size)); err == nil {
		t.Fatal("a worker that has room enough may ask for more")
	}
	if _, err := s.Answered(crew.Seat{Stage: load}, refused(b.Region.Size+1)); err != nil {
		t.Fatal(err)
	}
	_, batch, ok := s.next()
	if !ok || batch.Region.Size != 2*firstStride || batch.Count != 8 {
		t.Fatalf("the batch comes again with %+v", batch)
	}
	// More than there is: halves.
	b = batch
	if _, err := s.Answered(crew.Seat{Stage: load}, refused(1<<50)); err != nil {
		t.Fatal(err)
	}
	if _, batch, ok := s.next(); !ok || batch.Count != 4 {
		t.Fatalf("a batch that is too large is not halved: %+v", batch)
	}
}
