package job

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/queue"
)

// hear is a coordinator that lends nothing and tells a welcome. It returns where it is and the file of its token.
func hear(t *testing.T, w welcome) (url, tokenFile string) {
	t.Helper()
	token := queue.NewToken()
	server, err := queue.StartServer(queue.ServerOptions{Listen: "127.0.0.1:0", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	q, err := server.Open(t.Context(), queue.Options{Run: "r", Generation: 1, Token: token, Version: w.Version, LeaseTime: time.Minute, Welcome: text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	if err := q.Serve(lease.NewCoordinator(lease.CoordinatorOptions{Queue: q, Generation: 1})); err != nil {
		t.Fatal(err)
	}
	tokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return "nats://" + server.Address(), tokenFile
}

// TestANodeChecksWhatItIsToDo before it starts anything.
func TestANodeChecksWhatItIsToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(here, "module.py")
	task := filepath.Join(here, "task.py")
	for _, path := range []string{module, task} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	spec := &Spec{Plugin: Plugin{Name: "task.py", Path: task}, Backbone: "mp"}
	for name, tt := range map[string]struct {
		welcome welcome
		want    string
	}{
		"version": {welcome{Version: "0.9", Spec: spec}, "the run's coordinator is kagurazaka 0.9, and this is 1.0: both must be of the same version"},
		"folder":  {welcome{Version: "1.0", Spec: spec, Folders: folders{Work: "/no/such/folder"}}, "this machine does not have the run's working folder"},
		"hash":    {welcome{Version: "1.0", Spec: spec, Sum: "00", Folders: folders{Work: here}}, "tried: " + task + ": it has the hash " + empty},
		"module": {
			welcome{Version: "1.0", Spec: spec, Sum: empty, Sources: []sourceFile{{module, "00"}}, Folders: folders{Work: here}},
			"this machine has other versions of files that the run's plugin uses: " + module,
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, tokenFile := hear(t, tt.welcome)
			p := &Program{Flags: &Flags{}, Log: hclog.NewNullLogger(), Version: "1.0", Note: func(string) {}}
			p.Warm = &Warm{Log: p.Log}
			defer p.Warm.Close()
			err := p.Work(context.Background(), WorkOptions{URLs: []string{url}, TokenFile: tokenFile, Begins: func() { t.Error("it began") }})
			if exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
}
