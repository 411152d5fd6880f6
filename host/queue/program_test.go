package queue

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestThePluginIsSent(t *testing.T) {
	ctx := testContext(t)
	program := make([]byte, 7<<20+12345)
	_, _ = rand.NewChaCha8([32]byte{}).Read(program)
	o := testOptions()
	o.Program = bytes.NewReader(program)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, o)
	s := dial(ctx, t, Join{Addresses: at(r.address())})
	var got bytes.Buffer
	check(t, s.Program(ctx, int64(len(program)), &got))
	if !bytes.Equal(got.Bytes(), program) {
		t.Error("it came as another")
	}
	// No more is taken than was announced, and less is an error.
	got.Reset()
	check(t, s.Program(ctx, 100, &got))
	if !bytes.Equal(got.Bytes(), program[:100]) {
		t.Errorf("%d bytes came", got.Len())
	}
	if err := s.Program(ctx, int64(len(program))+1, &got); err == nil || !strings.Contains(err.Error(), "the file was changed") {
		t.Error(err)
	}
	wantRefused(t, s.Program(ctx, MaxProgram+1, &got), Limits)
	full := must(os.Open(filepath.Join(t.TempDir(), ".")))(t)
	defer func() { _ = full.Close() }()
	if err := s.Program(ctx, 100, full); err == nil {
		t.Error("an error of the file is lost")
	}

	none := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	s = dial(ctx, t, Join{Addresses: at(none.address())})
	wantRefused(t, s.Program(ctx, 100, &got), NotAdmitted)
}

func TestThePluginIsSentNoFasterThanAllowed(t *testing.T) {
	ctx := testContext(t)
	o := testOptions()
	o.Program = bytes.NewReader(make([]byte, 4<<20))
	r := startRun(ctx, t, ServerOptions{}, o)
	m := &member{allowance: programCost}
	if a := r.queue.desk.program(m, 1<<20); a.status != statusOK || len(a.body) != r.queue.piece {
		t.Errorf("status %d, %d bytes", a.status, len(a.body))
	}
	if a := r.queue.desk.program(m, 1<<20); a.status != statusAgain {
		t.Errorf("status %d", a.status)
	}
	m.allowance = programCost
	if a := r.queue.desk.program(m, 5<<20); a.status != statusOK || len(a.body) != 0 {
		t.Errorf("behind the end: status %d, %d bytes", a.status, len(a.body))
	}
	for _, offset := range []uint64{MaxProgram + 1, 1 << 63} {
		if a := r.queue.desk.program(&member{allowance: programCost}, offset); a.status != statusRefused {
			t.Errorf("at %d: status %d", offset, a.status)
		}
	}
}
