package guard

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

func records(groups ...int) *bytes.Buffer {
	var b bytes.Buffer
	for _, g := range groups {
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(int64(g))))
	}
	return &b
}

func TestWatchKillsWhatIsLeft(t *testing.T) {
	var killed []int
	watch(records(10, 11, 12, -11, 11, -10, -99), func(g int) { killed = append(killed, g) })
	slices.Sort(killed)
	if !slices.Equal(killed, []int{11, 12}) {
		t.Errorf("killed %v, want 11 and 12", killed)
	}
}

func TestWatchOutlivesATornRecord(t *testing.T) {
	torn := records(10, 11)
	torn.Truncate(recordSize + 3)
	var killed []int
	watch(torn, func(g int) { killed = append(killed, g) })
	if !slices.Equal(killed, []int{10}) {
		t.Errorf("killed %v, want 10", killed)
	}
}

func TestOutsideTheHostNothingIsStarted(t *testing.T) {
	Add(1 << 30)
	if able {
		t.Error("a test's executable must not be started as a guard")
	}
}
