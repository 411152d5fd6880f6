package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/beneath"
	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/queue"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/trust"
	"github.com/kagurazaka/kagurazaka/host/userdir"
)

// program is a plugin that is one file, which nodes can ask for.
type program struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// program opens the plugin's file. It stays open, so that nodes get the file that the run began with; nil: the plugin is not one file.
func (s *Session) program() (*os.File, *program, error) {
	path := s.Found.Command.Path
	switch s.Found.Kind {
	case discover.PythonFile:
		path = s.Found.Path
	case discover.Folder:
		return nil, nil, nil
	}
	f, info, err := regular.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the plugin for nodes: %w", err)
	}
	return f, &program{Name: filepath.Base(path), Size: info.Size()}, nil
}

// unsent says why the run's plugin cannot be sent to nodes; empty: it can.
func (w *welcome) unsent() string {
	switch {
	case w.Program == nil:
		return "it is a folder"
	case len(w.Sources) > 0:
		return "it imports modules of its own (" + strings.Join(w.modules(), ", ") + ")"
	case w.Program.Size > queue.MaxProgram:
		return fmt.Sprintf("it has %d bytes, and at most %d are sent", w.Program.Size, queue.MaxProgram)
	}
	return ""
}

// modules are the run's own modules for a message: those below the task file's folder by their paths from there.
func (w *welcome) modules() (names []string) {
	const most = 8
	folder := filepath.Dir(w.Spec.Plugin.Path)
	for i, s := range w.Sources {
		if i == most {
			return append(names, fmt.Sprintf("and %d more", len(w.Sources)-most))
		}
		name, err := filepath.Rel(folder, s.Path)
		if err != nil || !filepath.IsLocal(name) {
			name = s.Path
		}
		names = append(names, name)
	}
	return names
}

// getPlugin is a hint for a machine that does not have the run's plugin.
func (w *welcome) getPlugin() string {
	hint := "copy it from the coordinator's machine and give --plugin PATH"
	if w.unsent() == "" {
		hint += ", or let it be fetched from there with --accept-plugin " + w.Sum
	}
	return hint
}

// accepted is the path of the run's plugin as the coordinator has sent it, now or to an earlier node of this user. It has the hash that the
// user accepts; nothing of it was started.
func (p *Program) accepted(ctx context.Context, o WorkOptions, session *queue.Session, w *welcome) (string, error) {
	if o.Accept != w.Sum {
		return "", exitcode.Usagef("--accept-plugin: the run's plugin has the hash %s, and the one accepted is %s; hint: nothing was fetched; join the run that was meant, or accept its hash", w.Sum, o.Accept)
	}
	if why := w.unsent(); why != "" {
		return "", exitcode.Usagef("--accept-plugin: the run's plugin %s cannot be sent, because %s; hint: copy all of it from the coordinator's machine and give --plugin PATH", w.Spec.Plugin.Name, why)
	}
	dir, err := p.acceptedFolder(w.Sum)
	if err != nil {
		return "", exitcode.With(exitcode.Usage, fmt.Errorf("making the folder for the run's plugin: %w", err))
	}
	defer func() { _ = dir.Close() }()
	name := fileName(w.Program.Name)
	path := filepath.Join(dir.Name(), name)
	if sum, err := trust.File(path); err == nil && sum == w.Sum {
		p.Log.Info("the run's plugin was fetched before", "path", path)
		return path, nil
	}
	p.Log.Info("fetching the run's plugin from the coordinator", "plugin", name, "bytes", w.Program.Size, "sha256", w.Sum)
	if err := fetchProgram(ctx, o, session, w, dir, name); err != nil {
		return "", err
	}
	return path, nil
}

// acceptedFolder is the folder of the plugin with a hash, in the user's cache. No other user may write there.
func (p *Program) acceptedFolder(sum string) (*os.Root, error) {
	cache, note, err := userdir.Cache()
	p.Note(note)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, err
	}
	at, err := os.OpenRoot(cache)
	for _, name := range []string{"plugins", sum} {
		if err != nil {
			return nil, err
		}
		above := at
		if at, err = beneath.Make(above, name, 0o700); err == nil {
			err = at.Chmod(".", 0o700)
		}
		_ = above.Close()
	}
	return at, err
}

// fetchProgram puts the plugin into a folder. Its file has its name, and may be executed, once all of it has come and has the right hash.
func fetchProgram(ctx context.Context, o WorkOptions, session *queue.Session, w *welcome, dir *os.Root, name string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer stopAt(o.Drain, cancel)()
	part := fmt.Sprintf("part-%016x", rand.Uint64()) //nolint:gosec // no secret
	f, err := dir.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return exitcode.With(exitcode.Usage, fmt.Errorf("making a file for the run's plugin: %w", err))
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = dir.Remove(part)
		}
	}()
	h := sha256.New()
	err = session.Program(ctx, w.Program.Size, io.MultiWriter(f, h))
	switch written := new(fs.PathError); {
	case backbones.IsClosed(o.Drain):
		return exitcode.With(exitcode.Interrupted, errors.New("interrupted while the run's plugin was fetched"))
	case errors.As(err, &written):
		return exitcode.With(exitcode.Usage, fmt.Errorf("writing the run's plugin: %w", err))
	case err != nil:
		return fmt.Errorf("fetching the run's plugin: %w", err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != o.Accept {
		return exitcode.Usagef("the plugin that the coordinator has sent has the hash %s, and not %s: it was damaged on the way, or changed since the run began; it was removed, and nothing of it was started", sum, o.Accept)
	}
	if err := errors.Join(f.Chmod(0o700), f.Sync(), f.Close()); err != nil {
		return exitcode.With(exitcode.Usage, fmt.Errorf("writing the run's plugin: %w", err))
	}
	return dir.Rename(part, name)
}

// stopAt calls cancel when drain is closed, until the function that it returns is called.
func stopAt(drain <-chan struct{}, cancel func()) func() {
	done := make(chan struct{})
	go func() {
		select {
		case <-drain:
			cancel()
		case <-done:
		}
	}()
	return func() { close(done) }
}

// fileName is the name for a plugin's file that a coordinator gives.
func fileName(given string) string {
	const most = 200
	fits := filepath.IsLocal(given) && given != "." && !strings.ContainsAny(given, "/\x00") && len(given) <= most && !strings.HasPrefix(given, "part-")
	switch {
	case fits:
		return given
	case strings.EqualFold(filepath.Ext(given), ".py"):
		return "plugin.py"
	}
	return "plugin"
}
