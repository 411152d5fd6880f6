package cli

import (
	"reflect"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plugin"
)

// warm holds the process that described a plugin until the run takes it over: it has loaded the plugin's code, which takes
// seconds where that imports PyTorch. It also owns the folder for the run's sockets.
type warm struct {
	log hclog.Logger
	dir *plugin.RuntimeDir
	// proc is nil where the description came from the cache, or where the run has taken the process.
	proc    *plugin.Process
	command plugin.Command
}

// runtimeDir is the folder for sockets, made when it is first asked for.
func (w *warm) runtimeDir() (string, error) {
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
func (w *warm) options(start plugin.StartOptions) (plugin.StartOptions, error) {
	if start.MTLS {
		// Its workers would speak no TLS: it is of no further use.
		return start, nil
	}
	dir, err := w.runtimeDir()
	if err != nil {
		return start, err
	}
	start.RuntimeDir = dir
	start.Log = start.Log.Named("plugin")
	return start.ForNursery(), nil
}

// keep holds a process that was started by command, in place of the one before.
func (w *warm) keep(proc *plugin.Process, command plugin.Command) {
	if proc == nil {
		return
	}
	w.stop()
	w.proc, w.command = proc, command
}

// look returns the process if it was started as command says and is still there. w may be nil.
func (w *warm) look(command plugin.Command) *plugin.Process {
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
func (w *warm) take(command plugin.Command) *plugin.Process {
	proc := w.look(command)
	if proc != nil {
		w.proc = nil
	}
	return proc
}

func (w *warm) stop() {
	if w.proc != nil {
		w.proc.Stop()
		w.proc = nil
	}
}

// close ends a process that nobody took, and removes the folder for sockets: every process has to be gone by then.
func (w *warm) close() {
	w.stop()
	if w.dir == nil {
		return
	}
	if err := w.dir.Close(); err != nil {
		w.log.Debug("removing the folder for sockets", "error", err)
	}
}
