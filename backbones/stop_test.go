package backbones_test

import (
	"testing"
	"time"

	"github.com/kagurazaka/kagurazaka/backbones"
)

func TestStop(t *testing.T) {
	const again = "; run the same command again to continue"
	for _, tt := range []struct {
		stop backbones.Stop
		want string
	}{
		{backbones.Stop{Step: backbones.Stopping, Items: 2, Grace: 30 * time.Second}, "stopping: 2 items in flight, up to 30 s; once more ends them"},
		{backbones.Stop{Step: backbones.Stopping, Items: 1, Grace: 90 * time.Second}, "stopping: 1 item in flight, up to 1m30s; once more ends them"},
		{backbones.Stop{Step: backbones.Stopping, Grace: time.Hour}, "stopping: no items in flight"},
		{backbones.Stop{Step: backbones.Stopping, Items: 12, Nodes: 3, Grace: 2 * time.Minute}, "stopping: 12 items lent to 3 nodes, up to 2m; once more ends them"},
		{backbones.Stop{Step: backbones.Stopping, Items: 2, Grace: time.Second, Node: true, Elsewhere: true}, "the run is stopped at its coordinator: 2 items in flight, up to 1 s"},
		{backbones.Stop{Step: backbones.StopLate, Items: 2, Grace: time.Hour}, "ended 2 items in flight that did not finish within --grace 1h" + again},
		{backbones.Stop{Step: backbones.StopLate, Grace: 300 * time.Millisecond}, "stopping took longer than --grace 300ms" + again},
		{backbones.Stop{Step: backbones.StopNow, Items: 2, Again: "this continues: X"}, "ended 2 items in flight at once; this continues: X"},
		{backbones.Stop{Step: backbones.StopNow}, "ending the run at once" + again},
		{backbones.Stop{Step: backbones.StopNow, Items: 1, Node: true}, "ended 1 item in flight at once; other machines of the run do what this one leaves"},
	} {
		if got := tt.stop.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
