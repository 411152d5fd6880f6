package sdk

import (
	"context"
	"strings"
	"testing"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// halfTask is a device task that lacks a stage and has one of another form.
type halfTask struct{}

func (*halfTask) Load(context.Context, Item) (stage.Fields, error) { return stage.Fields{}, nil }
func (*halfTask) Infer(context.Context, *stage.Batch) error        { return nil }

// plainTask is not a device task.
type plainTask struct{}

func (*plainTask) Process(context.Context, Item) error { return nil }

func TestATaskThatIsHalfADeviceTask(t *testing.T) {
	_, err := Task[halfTask]{}.define()
	for _, want := range []string{"no method Finish", "the method Infer of *sdk.halfTask differs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
}

// wholeTask is a device task.
type wholeTask struct{}

func (*wholeTask) Load(context.Context, Item) (stage.Fields, error) { return stage.Fields{}, nil }
func (*wholeTask) Infer(context.Context, stage.Device, *stage.Batch) ([]stage.Packed, error) {
	return nil, nil
}
func (*wholeTask) Finish(context.Context, Item, *stage.Output) error { return nil }

func TestBatchesAreForDeviceTasks(t *testing.T) {
	for _, template := range []Template{{BatchSize: 4}, {BatchBy: "size"}} {
		template.HardShard, template.Input = NoHardShard("in", "out"), InputByExts()
		if _, err := (Task[plainTask]{Template: &template}).define(); err == nil || !strings.Contains(err.Error(), "only device tasks") {
			t.Errorf("error %v", err)
		}
		if _, err := (Task[wholeTask]{Template: &template}).define(); err != nil {
			t.Errorf("error %v", err)
		}
	}
	for _, wrong := range []any{"", 3} {
		template := Template{HardShard: NoHardShard("in", "out"), Input: InputByExts(), BatchBy: wrong}
		if _, err := (Task[wholeTask]{Template: &template}).define(); err == nil || !strings.Contains(err.Error(), "BatchBy is") {
			t.Errorf("BatchBy %v: error %v", wrong, err)
		}
	}
}

// oddCollate has a method Collate that nothing would call.
type oddCollate struct{ wholeTask }

func (*oddCollate) Collate([]stage.Fields) error { return nil }

// padded has a collate with wrong settings.
type padded struct{ wholeTask }

func (*padded) Collate() stage.Collate { return stage.Collate{Kind: stage.CollatePad} }

func TestACollateThatIsWrong(t *testing.T) {
	if _, err := (Task[oddCollate]{}).define(); err == nil || !strings.Contains(err.Error(), "the method Collate of *sdk.oddCollate differs") {
		t.Errorf("error %v", err)
	}
	in := &instance{task: &padded{}, stage: StageLoad}
	if err := in.openCollate(); err == nil || !strings.Contains(err.Error(), "Pad has dims 0; it must be at least 1") {
		t.Errorf("error %v", err)
	}
	in.stage = StageDevice
	if err := in.openCollate(); err != nil {
		t.Errorf("a device process asks for the collate: %v", err)
	}
}
