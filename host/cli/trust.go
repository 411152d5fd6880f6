package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// trust is `trust PLUGIN [--also] [--user]`, `trust --remove PLUGIN` and `trust --list`. It starts nothing of the plugin.
func (a *app) trust() error {
	f := &a.grammar.Trust
	if f.Remove && (f.List || f.Also) || f.List && f.Also {
		return exitcode.Usagef("--list, --remove, --also: must not be given together; hint: give one of them")
	}
	if f.List {
		return a.trustList()
	}
	arg := a.line.TakePlugin()
	if arg == "" && !a.line.Empty() {
		return a.line.Unexpected("kagurazaka trust takes a plugin alone")
	}
	if arg == "" {
		return exitcode.Usagef("PLUGIN: is missing; hint: write kagurazaka trust PLUGIN; kagurazaka trust --list shows those that are trusted")
	}
	if !a.line.Empty() {
		return a.line.Unexpected("trust takes a plugin alone")
	}
	path, err := a.lockToWrite()
	if err != nil {
		return err
	}
	if f.Remove {
		return a.trustRemove(path, arg)
	}
	opts, err := a.program.DiscoverOptions(a.grammar.Python)
	if err != nil {
		return err
	}
	found, err := discover.Find(arg, opts)
	if err != nil {
		return err
	}
	hash, err := found.Hash()
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	var key string
	var before []string
	err = trust.Update(path, func(l *trust.Lock) (err error) {
		key, before, err = l.Set(found.ID(), hash.Sum, f.Also)
		return err
	})
	if err != nil {
		return err
	}
	p := &printer{w: a.streams.Out}
	p.line("%s, in %s", key, path)
	switch {
	case slices.Equal(before, []string{hash.Sum}):
		p.line("  as before  %s", hash.Sum)
	default:
		verb := "was"
		if f.Also {
			verb = "had"
		}
		for _, sum := range before {
			p.line("  %s        %s", verb, sum)
		}
		p.line("  is now     %s", hash.Sum)
	}
	p.line("  covers     %s", found.Kind.Covers())
	return p.err
}

// lockToWrite is the path of the lock that trust changes.
func (a *app) lockToWrite() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding plugins.lock: %w", err)
	}
	near, user := trust.Locate(dir)
	if !a.grammar.Trust.User {
		return near, nil
	}
	if user == "" {
		return "", exitcode.Usagef("--user: there is no configuration folder; hint: set XDG_CONFIG_HOME or HOME")
	}
	return user, nil
}

// trustRemove removes a plugin from a lock. The plugin need not exist any more.
func (a *app) trustRemove(path, arg string) error {
	ids := []trust.ID{{Name: arg}}
	if abs, err := filepath.Abs(arg); err == nil {
		ids = append(ids, trust.ID{Path: abs})
	}
	var removed *trust.Entry
	err := trust.Update(path, func(l *trust.Lock) error {
		for _, id := range ids {
			if removed = l.Remove(id); removed != nil {
				return nil
			}
		}
		var keys []string
		for _, e := range l.Entries {
			keys = append(keys, e.Key)
		}
		has := "it is empty"
		if len(keys) > 0 {
			has = "it has: " + strings.Join(keys, ", ")
		}
		return exitcode.Usagef("%s: not in %s; hint: %s", arg, path, has)
	})
	if err != nil {
		return err
	}
	p := &printer{w: a.streams.Out}
	p.line("%s, no longer in %s", removed.Key, path)
	for _, sum := range removed.Sums {
		p.line("  was        %s", sum)
	}
	return p.err
}

// trustList prints the locks that count, with the state of each plugin.
func (a *app) trustList() error {
	locks, problems := a.program.Locks()
	if err := problem.Err(problems); err != nil {
		return err
	}
	opts, err := a.program.DiscoverOptions(a.grammar.Python)
	if err != nil {
		return err
	}
	p := &printer{w: a.streams.Out}
	for _, lock := range locks {
		if len(lock.Entries) == 0 {
			continue
		}
		p.line("%s", lock.Path)
		if lock.Doubt != "" {
			p.line("  does not count for --locked: %s", lock.Doubt)
		}
		for _, e := range lock.Entries {
			p.line("  %s: %s", e.Key, state(lock, e, opts))
			for _, sum := range e.Sums {
				p.line("    %s", sum)
			}
		}
	}
	return p.err
}

// state is the state of a plugin since it was trusted, in a word or two.
func state(lock *trust.Lock, e trust.Entry, opts discover.Options) string {
	arg := e.Key
	if strings.ContainsRune(arg, filepath.Separator) && !filepath.IsAbs(arg) {
		arg = filepath.Join(filepath.Dir(lock.Path), arg)
	}
	found, err := discover.Find(arg, opts)
	if err != nil {
		return "not there"
	}
	hash, err := found.Hash()
	switch {
	case err != nil:
		return "cannot be read"
	case slices.Contains(e.Sums, hash.Sum):
		return "unchanged"
	default:
		return "CHANGED: now " + hash.Sum
	}
}
