package cuda

import (
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// drawn makes a scheduler with items loaded as one batch on a device.
func drawn(t *testing.T, items int) (*scheduler, backbones.Batch) {
	t.Helper()
	s := newScheduler(items, 8, false, 1<<40, 0)
	s.Add(block(0, items, backbones.JSONLines))
	s.ended = true
	s.opened(load, 0)
	s.opened(device, 0)
	l, ok := s.next()
	if !ok || l.stage != load {
		t.Fatalf("nothing is loaded: %+v", l)
	}
	return s, l.batch
}

func TestMemoryOfTheDeviceHalvesBatches(t *testing.T) {
	s, b := drawn(t, 8)
	s.auto = true
	if _, _, err := s.answered(load, 0, backbones.BatchResult{ID: b.ID, Count: 8, Payload: &backbones.Payload{Used: 1}}); err != nil {
		t.Fatal(err)
	}
	l, _ := s.next()
	_, said, err := s.answered(device, 0, backbones.BatchResult{ID: l.batch.ID, Count: 8, Err: &backbones.BatchError{DeviceMemory: true}})
	if err != nil || !said.outOfMemory || said.count != 8 || said.size != 4 || s.size != 4 {
		t.Fatalf("%+v, %v, size %d", said, err, s.size)
	}
	for range 2 {
		if l, ok := s.next(); !ok || l.batch.Count != 4 || l.stage != load {
			t.Fatalf("after it came %+v", l)
		}
	}
}

func TestRegionsGrow(t *testing.T) {
	s, b := drawn(t, 8)
	refused := func(wanted uint64) backbones.BatchResult {
		return backbones.BatchResult{ID: b.ID, Count: b.Count, Err: &backbones.BatchError{RegionWanted: wanted}}
	}
	if _, _, err := s.answered(load, 0, refused(b.Region.Size)); err == nil {
		t.Fatal("a worker that has room enough may ask for more")
	}
	if _, _, err := s.answered(load, 0, refused(b.Region.Size+1)); err != nil {
		t.Fatal(err)
	}
	l, ok := s.next()
	if !ok || l.batch.Region.Size != 2*firstStride || l.batch.Count != 8 {
		t.Fatalf("the batch comes again with %+v", l.batch)
	}
	// More than there is: halves.
	b = l.batch
	if _, _, err := s.answered(load, 0, refused(1<<50)); err != nil {
		t.Fatal(err)
	}
	if l, ok := s.next(); !ok || l.batch.Count != 4 {
		t.Fatalf("a batch that is too large is not halved: %+v", l)
	}
}
