package lease

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// A crowd of nodes is named one by one only at first, and counted then.
func TestNoticesStayShort(t *testing.T) {
	var out bytes.Buffer
	b := NewBook(BookOptions{Generation: 1, LeaseTime: time.Second, Log: hclog.New(&hclog.LoggerOptions{Output: &out, DisableTime: true})})
	b.Joined(Node{Name: "own", PID: 1, Own: true})
	for i := range 500 {
		b.Joined(Node{Name: fmt.Sprintf("n%d", i), PID: 2 + i, Workers: 1})
	}
	b.Refused("n1", "it has no plugin")
	b.Left("n1", false)
	for i := range 100 {
		b.Left(fmt.Sprintf("n%d", 100+i), i%2 == 0)
	}
	if n := strings.Count(out.String(), "\n"); n != mostNotices {
		t.Errorf("%d lines, want %d:\n%s", n, mostNotices, &out)
	}
	b.At(noticesEvery)
	if want := "[WARN]  more nodes, which are not named one by one: joined=490 refused=1 left=50 lost=50\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s\nwant at the end %s", &out, want)
	}
	if strings.Contains(out.String(), "own") {
		t.Errorf("the coordinator's own node is named:\n%s", &out)
	}
	out.Reset()
	b.At(2 * noticesEvery)
	b.Joined(Node{Name: "n100", PID: 102, Workers: 1})
	b.Joined(Node{Name: "late", PID: 9999, Workers: 3})
	b.Refused("late", "it has other inputs")
	b.Left("late", false)
	want := `[INFO]  a lost node is back: node=n100
[INFO]  a node has joined: node=late workers=3
[WARN]  a node cannot work on the run: node=late why="it has other inputs"
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	for _, n := range b.Figures() {
		if n.Name == "late" || n.Name == "n1" {
			t.Errorf("%s was refused, and is one of the nodes", n.Name)
		}
	}
}
