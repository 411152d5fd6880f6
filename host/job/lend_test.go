package job

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/backbones/lease/leasetest"
	"github.com/kagurazaka/kagurazaka/host/outputs"
)

// TestTheLastOfAFleetRemovesWhatLostNodesLeft, but not while a node may still be at work.
func TestTheLastOfAFleetRemovesWhatLostNodesLeft(t *testing.T) {
	for _, lost := range []bool{false, true} {
		root := filepath.Join(t.TempDir(), ".kagurazaka-staging")
		far := outputs.NewStaging(root, outputs.Owner{Host: "far", PID: 1, Fleet: "f"}, nil)
		mark, _, err := far.Mark()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(mark)
		if err := errors.Join(err, far.Close(), os.MkdirAll(filepath.Dir(mark), 0o755), os.WriteFile(mark, data, 0o644)); err != nil {
			t.Fatal(err)
		}
		l := &lent{
			Coordinator: lease.NewCoordinator(lease.CoordinatorOptions{Queue: leasetest.New(), Generation: 1}),
			place:       &Place{staging: outputs.NewStaging(root, outputs.Owner{Host: "here", Fleet: "f"}, nil)},
		}
		l.Coordinator.Joined(lease.Node{Name: "far", PID: 1})
		if lost {
			l.Coordinator.Left("far", true)
		}
		l.endFleet()
		if err := l.place.staging.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) != lost {
			t.Errorf("the node is lost: %v; its folder: %v", lost, err)
		}
	}
}
