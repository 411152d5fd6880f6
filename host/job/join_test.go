package job

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/fleet"
	"github.com/kagurazaka/kagurazaka/host/queue"
)

// --run-dir names the run's token file, whatever is in the environment; the variable is for those who cannot read it.
func TestTokenOfTheRunsFolder(t *testing.T) {
	var log bytes.Buffer
	p := &Program{Log: hclog.New(&hclog.LoggerOptions{Output: &log})}
	dir := t.TempDir()
	o := WorkOptions{RunDir: dir, Token: "of-the-variable"}
	if p.takeTokenOf(&o); o.TokenFile != "" || log.Len() > 0 {
		t.Errorf("without a token file: %+v, %s", o, &log)
	}
	file := fleet.TokenFile(dir)
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("of-the-folder\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p.takeTokenOf(&o); o.TokenFile != file || !strings.Contains(log.String(), "KAGURAZAKA_TOKEN is not used") {
		t.Errorf("with both: %+v, %s", o, &log)
	}
}

// A node's own user goes with the address that the run's folder has of a team's server, and with no other.
func TestAddressesOfARunAndOfItsUser(t *testing.T) {
	given := []string{"nats://node:secret@old:4222"}
	for _, c := range []struct {
		contact fleet.Contact
		want    []string
	}{
		{fleet.Contact{URLs: []string{"nats://old:4222"}, Named: true}, given},
		{fleet.Contact{URLs: []string{"nats://new:4222"}, Named: true}, []string{"nats://node:secret@new:4222", given[0]}},
		{fleet.Contact{URLs: []string{"nats://desk:4222"}}, []string{"nats://desk:4222", given[0]}},
	} {
		if got := together(c.contact, given); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.contact, got, c.want)
		}
	}
	if got := unused(given); strings.Contains(got, "secret") || !strings.Contains(got, "nats://old:4222 is not tried") {
		t.Error(got)
	}
}

// A node that starts while the run's first coordinator does waits for it, as for one that is about to be started again.
func TestANodeThatStartsBeforeTheFirstCoordinatorIsThere(t *testing.T) {
	p := &Program{Log: hclog.NewNullLogger(), Flags: &Flags{}}
	dir := t.TempDir()
	file := fleet.TokenFile(dir)
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	o := WorkOptions{RunDir: dir, Token: queue.NewToken()}
	if _, err := p.joinAs(&o); err == nil || !strings.Contains(err.Error(), "is not the folder of a run with --listen") {
		t.Errorf("without a token: %v", err)
	}
	if err := os.WriteFile(file, []byte(o.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	join, err := p.joinAs(&o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := join.Addresses(); !queue.Is(err, queue.NoRun) {
		t.Errorf("with a token: %v", err)
	}
	contact := []byte(`{"urls":["nats://127.0.0.1:1"],"fleet":"f","generation":1}`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "coordinator.json"), contact, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := join.Addresses(); err != nil || len(all) != 1 || all[0].URL != "nats://127.0.0.1:1" {
		t.Errorf("with the contact: %v, %v", all, err)
	}
}
