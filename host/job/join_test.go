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
