// Package fleet keeps the folder that the machines of a run share: which process is the coordinator, where it listens, and what nodes need to
// join. It lies in the run's folder, and outlives each coordinator. See docs/design/several-machines.md.
package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kagurazaka/kagurazaka/host/ledger"
	"github.com/kagurazaka/kagurazaka/internal/atomicfile"
)

const (
	tokenFile       = "token"
	certificateFile = "certificate"
	contactFile     = "coordinator.json"
)

// secret is the mode of files that other users may not read.
const secret = 0o600

// Contact is how nodes reach a coordinator.
type Contact struct {
	// URLs are those of the coordinator's server, or of the team's (Named). Listen is where the coordinator's server listens.
	URLs   []string `json:"urls"`
	Named  bool     `json:"named,omitempty"`
	Listen string   `json:"listen,omitempty"`
	// Fleet is the same for all coordinators of the run.
	Fleet      string    `json:"fleet"`
	Generation uint64    `json:"generation"`
	Host       string    `json:"host"`
	PID        int       `json:"pid"`
	Version    string    `json:"version"`
	Since      time.Time `json:"since"`
	// Ended: the run has ended and has no coordinator.
	Ended bool `json:"ended,omitempty"`
}

// path is the fleet's folder in a run's folder.
func path(runDir string) string { return filepath.Join(runDir, ledger.FleetFolder) }

// TokenFile is the path of the token file in a run's folder.
func TokenFile(runDir string) string { return filepath.Join(path(runDir), tokenFile) }

// ErrStarting is the error of Find for a run whose first coordinator has a token already, and is about to open the run to nodes.
var ErrStarting = errors.New("the run's coordinator is starting, and has not said yet how nodes reach it")

// Find reads the contact of the coordinator of the run in a folder.
func Find(runDir string) (Contact, error) {
	var c Contact
	data, err := os.ReadFile(filepath.Join(path(runDir), contactFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(TokenFile(runDir)); err == nil {
			return c, fmt.Errorf("%s: %w", runDir, ErrStarting)
		}
		return c, fmt.Errorf("%s is not the folder of a run with --listen: there is no %s in it", runDir, filepath.Join(ledger.FleetFolder, contactFile))
	case err == nil:
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return c, fmt.Errorf("reading how the run's coordinator is reached: %w", err)
	}
	return c, nil
}

// OthersRead reports whether other users can read a file of this user. A link is not looked at: a secret that is mounted is one, and its mode is
// not this user's choice.
func OthersRead(file string) bool {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o077 != 0
}

// ReadToken reads a token file. The error does not repeat what it holds.
func ReadToken(file string) (text string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

// Token is the run's token with the fingerprint of its certificate. next makes it of that of an earlier coordinator, or of nothing.
func (c *Coordinator) Token(next func(earlier string) (string, error)) (string, error) {
	text, err := c.keep(tokenFile, func(earlier []byte) ([]byte, error) {
		text, err := next(strings.TrimSpace(string(earlier)))
		return []byte(text + "\n"), err
	})
	return strings.TrimSpace(string(text)), err
}

// Certificate is the run's certificate with its key: that of an earlier coordinator, or a new one.
func (c *Coordinator) Certificate(create func() ([]byte, error)) ([]byte, error) {
	return c.keep(certificateFile, func(earlier []byte) ([]byte, error) {
		if len(earlier) > 0 {
			return earlier, nil
		}
		return create()
	})
}

// keep replaces the content of a secret file by what next makes of it.
func (c *Coordinator) keep(name string, next func(earlier []byte) ([]byte, error)) ([]byte, error) {
	file := filepath.Join(c.dir, name)
	earlier, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what an earlier coordinator kept: %w", err)
	}
	data, err := next(earlier)
	if err != nil || bytes.Equal(data, earlier) {
		return data, err
	}
	if err := atomicfile.Write(file, data, secret); err != nil {
		return nil, fmt.Errorf("keeping %s for later coordinators: %w", file, err)
	}
	return data, nil
}

// Earlier is the contact of the coordinator before this one; false: none.
func (c *Coordinator) Earlier() (Contact, bool) { return c.earlier, c.earlier.Fleet != "" }

// Announce writes the contact of this coordinator for nodes.
func (c *Coordinator) Announce(contact Contact) error {
	contact.Generation, contact.Host, contact.PID, contact.Since = c.Generation, c.holder.Host, c.holder.PID, c.holder.Since
	c.contact = contact
	return c.write(contact)
}

func (c *Coordinator) write(contact Contact) error {
	data, err := json.Marshal(contact)
	if err == nil {
		err = atomicfile.Write(filepath.Join(c.dir, contactFile), append(data, '\n'), secret)
	}
	if err != nil {
		return fmt.Errorf("writing down how the coordinator is reached: %w", err)
	}
	return nil
}
