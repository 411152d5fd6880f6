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

func TestBatchSizeIsForDeviceTasks(t *testing.T) {
	_, err := Task[plainTask]{Template: &Template{
		HardShard: NoHardShard("in", "out"), Input: InputByExts(), BatchSize: 4,
	}}.define()
	if err == nil || !strings.Contains(err.Error(), "only device tasks") {
		t.Errorf("error %v", err)
	}
}
