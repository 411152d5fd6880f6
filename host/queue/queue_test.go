package queue

import (
	"os"
	"testing"
)

func TestTheServerLeavesNothingOnDisk(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	end := worker(ctx, dial(ctx, t, Join{Local: r.server}), 3)
	all := testLeases(20, 3)
	check(t, r.queue.Renew(ctx))
	publish(ctx, t, r.queue, all...)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
	check(t, r.queue.End(ctx))
	check(t, <-end)
	// Also while it runs, so that one which is killed leaves nothing either.
	if left := must(os.ReadDir(folder))(t); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
}

func TestNodesGetEveryLeaseOnce(t *testing.T) {
	for _, listen := range []string{"", "127.0.0.1:0"} {
		t.Run("listen="+listen, func(t *testing.T) {
			ctx := testContext(t)
			r := startRun(ctx, t, ServerOptions{Listen: listen}, testOptions())
			join := Join{Local: r.server, Hello: Hello{Name: "local"}}
			if listen != "" {
				join = Join{Addresses: at(r.address()), Hello: Hello{Name: "local"}}
			}
			var ends []<-chan error
			for range 3 {
				s := dial(ctx, t, join)
				if string(s.Welcome()) != `{"task":"t"}` {
					t.Errorf("welcome is %q", s.Welcome())
				}
				ends = append(ends, worker(ctx, s, 2))
			}
			all := testLeases(200, 7)
			publish(ctx, t, r.queue, all...)
			r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
			untilOpen(ctx, t, r.queue, 0)
			check(t, r.queue.End(ctx))
			for _, c := range ends {
				check(t, <-c)
			}
			r.clerk.wantOnce(t, all...)
			if got := r.clerk.seen().joined; len(got) != 3 || got[0] != "local" || got[1] != "local-2" {
				t.Errorf("joined: %q", got)
			}
		})
	}
}
