package discover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/schema"
)

// cached is a description with what it was made from.
type cached struct {
	// Identity is of the plugin's files and of the sources that the plugin itself named.
	Identity string         `json:"identity"`
	Sources  []string       `json:"sources"`
	Plugin   *schema.Plugin `json:"plugin"`
}

// Describe returns what the plugin says of itself: from the cache when nothing that it was made from has changed since,
// else by starting the plugin once. A non-empty mixinJSON (for tasks that are functions) is never cached. Where start
// names a RuntimeDir, the process that was started for it is the caller's: it has loaded the plugin's code. It is nil where
// none was started.
func Describe(ctx context.Context, p *Plugin, version, task string, mixinJSON []byte, opts Options, start plugin.StartOptions) (*schema.Plugin, *plugin.Process, error) {
	path := ""
	if len(mixinJSON) == 0 && opts.CacheDir != "" {
		path = cachePath(p, version, task, opts, start.MTLS)
		if described := readCache(path, p); described != nil {
			return described, nil, nil
		}
	}
	keep := start.RuntimeDir != ""
	if !keep {
		dir, err := plugin.NewRuntimeDir()
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = dir.Close() }()
		start.RuntimeDir = dir.Path
	}
	proc, err := plugin.Start(ctx, p.Command, start)
	if err != nil {
		return nil, nil, err
	}
	described, sources, err := proc.Describe(ctx, version, task, mixinJSON)
	if !keep || err != nil {
		proc.Stop()
	}
	if err != nil {
		return nil, nil, err
	}
	if path != "" {
		if err := writeCache(path, p, sources, described); err != nil {
			start.Log.Debug("keeping the plugin's description", "error", err)
		}
	}
	if !keep {
		return described, nil, nil
	}
	return described, proc, nil
}

// cachePath differs for all that a description may come out differently for, and for a plugin that has yet to show that it
// speaks TLS.
func cachePath(p *Plugin, version, task string, opts Options, mtls bool) string {
	words := append([]string{version, task, p.Command.Path}, p.Command.Args...)
	words = append(words, p.Command.Env...)
	words = append(words, fmt.Sprint(p.Command.CleanEnv, mtls), p.Command.SHA256)
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return filepath.Join(opts.CacheDir, "describe", hex.EncodeToString(sum[:12])+".json")
}

// identity changes whenever one of the files does. Times and inode stand for the content: reading a plugin of tens of
// megabytes at every -h would cost more than everything else in it.
func identity(files []string) string {
	h := sha256.New()
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			fmt.Fprintf(h, "%s gone\n", f)
			continue
		}
		fmt.Fprintf(h, "%s %d %d", f, info.Size(), info.ModTime().UnixNano())
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			fmt.Fprintf(h, " %d", st.Ino)
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func readCache(path string, p *Plugin) *schema.Plugin {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var c cached
	if json.Unmarshal(data, &c) != nil || c.Plugin == nil {
		return nil
	}
	if c.Identity != identity(append(append([]string(nil), p.Files...), c.Sources...)) {
		return nil
	}
	return c.Plugin
}

func writeCache(path string, p *Plugin, sources []string, described *schema.Plugin) error {
	c := cached{Sources: sources, Plugin: described}
	c.Identity = identity(append(append([]string(nil), p.Files...), sources...))
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeFile(path, data)
}
