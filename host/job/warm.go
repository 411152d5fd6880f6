package job

import (
	"reflect"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plugin"
)

// Warm holds the process that described a plugin until the run takes it over, since loading the plugin's code may take seconds. It also
// owns the folder for the run's sockets. It is nil for a command that starts no workers.
type Warm struct {
	Log hclog.Logger
	dir *plugin.RuntimeDir
	// proc is nil if the description came from the cache, or the run has taken the process.
	proc    *plugin.Process
	command plugin.Command
}

// RuntimeDir is the folder for sockets, made when it is first asked for.
func (w *Warm) RuntimeDir() (string, error) {
	if w.dir == nil {
		dir, err := plugin.NewRuntimeDir()
		if err != nil {
			return "", err
		}
		w.dir = dir
	}
	return w.dir.Path, nil
}

// options are those for a process that describes the plugin and may work on.
func (w *Warm) options(start plugin.StartOptions) (plugin.StartOptions, error) {
	if start.MTLS {
		// Its workers would not speak TLS: the run cannot use it.
		return start, nil
	}
	dir, err := w.RuntimeDir()
	if err != nil {
		return start, err
	}
	start.RuntimeDir = dir
	start.Log = start.Log.Named("plugin")
	return start.ForNursery(), nil
}

// keep holds a process that was started by command, in place of the one before.
func (w *Warm) keep(proc *plugin.Process, command plugin.Command) {
	if proc == nil {
		return
	}
	w.stop()
	w.proc, w.command = proc, command
}

// look returns the process if it was started as command says and is still there. w may be nil.
func (w *Warm) look(command plugin.Command) *plugin.Process {
	if w == nil || w.proc == nil || !reflect.DeepEqual(w.command, command) {
		return nil
	}
	select {
	case <-w.proc.Exited():
		return nil
	default:
	}
	return w.proc
}

// take hands out the process that look finds.
func (w *Warm) take(command plugin.Command) *plugin.Process {
	proc := w.look(command)
	if proc != nil {
		w.proc = nil
	}
	return proc
}

func (w *Warm) stop() {
	if w.proc != nil {
		w.proc.Stop()
		w.proc = nil
	}
}

// Close ends a process that was not taken, and removes the folder for sockets. Every process must have ended.
func (w *Warm) Close() {
	w.stop()
	if w.dir == nil {
		return
	}
	if err := w.dir.Close(); err != nil {
		w.Log.Debug("removing the folder for sockets", "error", err)
	}
}
