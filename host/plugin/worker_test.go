package plugin

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// A worker's stream may break, which finishes it, at the moment in which the run sends it another chunk.
func TestSendingToAWorkerThatEnds(t *testing.T) {
	for range 1000 {
		w := &stream[backbones.Chunk, backbones.Result]{queue: make(chan backbones.Chunk, backbones.MaxInFlight)}
		var both sync.WaitGroup
		both.Go(w.Finish)
		both.Go(func() {
			if err := w.Send(backbones.Chunk{}); err != nil && !errors.Is(err, errGone) {
				t.Error(err)
			}
		})
		both.Wait()
		w.Finish()
		if err := w.Send(backbones.Chunk{}); !errors.Is(err, errGone) {
			t.Fatalf("a finished worker took a chunk: %v", err)
		}
	}
}

func TestHowLongAFailedItemTook(t *testing.T) {
	tests := []struct {
		name   string
		result *pb.ChunkResult
		want   time.Duration
	}{
		{"measured", &pb.ChunkResult{Count: 3, BusyNs: 900, Failures: []*pb.ItemFailure{{BusyNs: 70}}}, 70},
		{"alone in its chunk", &pb.ChunkResult{Count: 1, BusyNs: 900, Failures: []*pb.ItemFailure{{}}}, 900},
		{"not measured", &pb.ChunkResult{Count: 3, BusyNs: 900, Failures: []*pb.ItemFailure{{}}}, 0},
	}
	for _, tt := range tests {
		if got := fromResult(tt.result).Failures[0].Failure.Elapsed; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestInvalidOutputIsAKindOfItsOwn(t *testing.T) {
	wire := &pb.Error{Message: "a folder", Detail: &pb.Error_InvalidOutput{InvalidOutput: &pb.InvalidOutputError{Path: "out/a"}}}
	if got := failure(wire).Kind; got != backbones.KindInvalidOutput {
		t.Errorf("kind %q", got)
	}
}

// What the code that broke said is all that a panic without a message has.
func TestPanicWithoutAMessage(t *testing.T) {
	f := failure(&pb.Error{Detail: &pb.Error_Panic{Panic: &pb.PanicError{Value: "index out of range"}}})
	if f.Kind != backbones.KindPanic || f.Message != "index out of range" {
		t.Errorf("%+v", f)
	}
}

// Every block of a heartbeat page is there before it is mapped: on a disk that runs full a store into a hole ends the process.
func TestHeartbeatHasNoHoles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beat")
	first, err := newHeartbeat(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Size() != wire.BeatSize || st.Blocks*512 < wire.BeatSize {
		t.Errorf("%d bytes in %d blocks of 512", info.Size(), st.Blocks)
	}
	// A worker that still has its page keeps it, whole, when the next one gets another under the name.
	second, err := newHeartbeat(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	binary.LittleEndian.PutUint64(second.mem[8*9:], 7)
	if first.load(8*9) == 7 || first.load(0) != wire.BeatMagic {
		t.Error("two workers share a page")
	}
	// Where there is no room, the worker does without.
	open := OpenOptions{}
	if h := keepHeartbeat(filepath.Join(path, "nowhere"), &open, hclog.NewNullLogger()); h != nil || open.HeartbeatPath != "" {
		t.Errorf("%v, %q", h, open.HeartbeatPath)
	}
}

// What a page cannot say is not believed, and a page that was cut off does not end the host.
func TestUnbelievablePage(t *testing.T) {
	for name, spoil := range map[string]func(h *heartbeat) error{
		"behind the chunk's end": func(h *heartbeat) error {
			binary.LittleEndian.PutUint64(h.mem[wire.BeatSlot+8:], 11)
			binary.LittleEndian.PutUint64(h.mem[wire.BeatSlot+16:], 10)
			return nil
		},
		"more than a chunk can have": func(h *heartbeat) error {
			binary.LittleEndian.PutUint64(h.mem[wire.BeatSlot+16:], backbones.MaxChunkItems+1)
			return nil
		},
		"cut off": func(h *heartbeat) error { return os.Truncate(h.path, 0) },
		"cut off in the outcomes": func(h *heartbeat) error {
			binary.LittleEndian.PutUint64(h.mem[wire.BeatSlot+8:], 10)
			binary.LittleEndian.PutUint64(h.mem[wire.BeatSlot+16:], 10)
			return os.Truncate(h.path, wire.BeatHeader)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := newHeartbeat(filepath.Join(t.TempDir(), "beat"))
			if err != nil {
				t.Fatal(err)
			}
			defer h.close()
			if h.beats() == nil {
				t.Fatal("a new page is not believed")
			}
			if err := spoil(h); err != nil {
				t.Fatal(err)
			}
			if beats := h.beats(); beats != nil {
				t.Errorf("%v", beats)
			}
		})
	}
}
