package discover

import (
	"path/filepath"

	"github.com/kagurazaka/kagurazaka/host/trust"
)

// Kind is the kind of a plugin.
type Kind int

// The kinds of plugins.
const (
	// Executable is a program.
	Executable Kind = iota
	// PythonFile is a task file, which the host's SDK serves.
	PythonFile
	// Folder is a folder with a plugin.yaml.
	Folder
	// GoPackage is a Go main package, which the host builds.
	GoPackage
)

// Covers describes for people what the plugin's hash covers.
func (k Kind) Covers() string {
	switch k {
	case PythonFile:
		return "the task file itself; not the modules that it imports, nor the interpreter"
	case Folder:
		return "all files of the folder but those in __pycache__ and in folders whose name begins with a dot; no interpreter that is found on PATH"
	case GoPackage:
		return "the executable that was built from the package, with all that is linked into it"
	default:
		return "the executable"
	}
}

// ID is the plugin's identity in a lock.
func (p *Plugin) ID() trust.ID { return trust.ID{Name: p.Name, Path: p.Path} }

// Hash reads the plugin's files.
func (p *Plugin) Hash() (trust.Hash, error) {
	switch p.Kind {
	case PythonFile:
		sum, err := trust.File(p.Path)
		return trust.Hash{Sum: sum}, err
	case Folder:
		return trust.Tree(p.Path, p.listed)
	default:
		sum, err := trust.File(p.Command.Path)
		return trust.Hash{Sum: sum, Exe: sum}, err
	}
}

// Pin makes every start of the plugin check the hash, as late as possible.
func (p *Plugin) Pin(h trust.Hash, opts Options) {
	p.Command.SHA256 = h.Exe
	switch p.Kind {
	case PythonFile:
		// The SDK compiles the bytes that it has hashed, and uses no bytecode.
		p.Command.Env = append(p.Command.Env, "KAGURAZAKA_TASK_SHA256="+h.Sum)
	case Folder:
		// Otherwise Python runs bytecode beside the hashed source.
		p.Command.Env = append(p.Command.Env, "PYTHONPYCACHEPREFIX="+filepath.Join(opts.CacheDir, "pycache"))
	}
}
