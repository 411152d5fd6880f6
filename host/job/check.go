package job

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// checkTrust refuses a plugin that the command line or the locks do not trust, with all reasons at once.
func (s *Session) checkTrust(arg string) error {
	f := s.Flags
	policy := trust.Policy{Locked: f.Locked}
	var problems []problem.Problem
	var err error
	if policy.Sum, err = trust.ParseSums(f.PluginSHA256); err != nil {
		problems = append(problems, problem.Problem{Source: "--plugin-sha256", Message: err.Error(), Suggestion: "kagurazaka trust " + terminal.Quote(arg) + " shows it"})
	}
	if f.MTLS && s.Found.Kind == discover.PythonFile {
		problems = append(problems, problem.Problem{Source: "--mtls", Path: arg, Message: pythonHasNoTLS, Suggestion: "leave --mtls out"})
	}
	locks, found := s.Locks()
	policy.Locks = locks
	problems = append(problems, found...)
	id := s.Found.ID()
	if len(found) == 0 {
		problems = append(problems, policy.Unlisted(id, terminal.Quote(arg))...)
	}
	if policy.Pinned(id) {
		sum, err := s.Found.Hash()
		if err != nil {
			return exitcode.With(exitcode.Usage, err)
		}
		s.pin = &sum
		s.Log.Debug("the plugin's hash", "sha256", sum.Sum, "covers", s.Found.Kind.Covers())
		problems = append(problems, policy.Compare(id, terminal.Quote(arg), sum.Sum)...)
	}
	return problem.Err(problems)
}

const pythonHasNoTLS = "the Python SDK speaks no TLS: neither Python's standard library nor grpcio, which are all that it uses, " +
	"can make a certificate. Its sockets are unix sockets in a folder of mode 0700, which no other user can enter"

// Locks reads the locks that count here.
func (p *Program) Locks() ([]*trust.Lock, []problem.Problem) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, []problem.Problem{{Message: fmt.Sprintf("finding plugins.lock: %v", err)}}
	}
	near, user := trust.Locate(dir)
	var locks []*trust.Lock
	var problems []problem.Problem
	for _, path := range slices.Compact([]string{near, user}) {
		if path == "" {
			continue
		}
		lock, found := trust.ReadLock(path)
		if len(found) == 0 && len(lock.Entries) > 0 {
			p.Log.Debug("using a lock", "path", path, "plugins", len(lock.Entries), "doubt", lock.Doubt)
		}
		locks = append(locks, lock)
		problems = append(problems, found...)
	}
	return locks, problems
}

// Equip adds to the plugin's command what the command line says about its environment, and its pin.
func (s *Session) Equip() {
	s.Found.Command = s.bare
	command := &s.Found.Command
	command.CleanEnv = s.Flags.CleanEnv
	command.Env = slices.Clone(s.bare.Env)
	for _, word := range s.Flags.Env {
		name, value, given := strings.Cut(word, "=")
		if !given {
			value, given = os.LookupEnv(name)
		}
		// A task file has the user's PYTHONPATH already, after the SDK's folder.
		if given && !plugin.IsProtocolName(name) && (name != pythonPath || s.Found.Kind != discover.PythonFile) {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	if s.pin != nil {
		s.Found.Pin(*s.pin, s.options)
	}
}

const pythonPath = "PYTHONPATH"

// pythonPath is the PYTHONPATH for task files.
func (p *Program) pythonPath() string {
	path := os.Getenv(pythonPath)
	if p.Flags.CleanEnv {
		path = ""
	}
	for _, word := range p.Flags.Env {
		name, value, given := strings.Cut(word, "=")
		if !given {
			value = os.Getenv(name)
		}
		if name == pythonPath {
			path = value
		}
	}
	return path
}

// CheckEnv says what is wrong with the values of --env.
func (p *Program) CheckEnv() []problem.Problem {
	var problems []problem.Problem
	for _, word := range p.Flags.Env {
		name, _, given := strings.Cut(word, "=")
		wrong := problem.Problem{Source: "--env " + name}
		switch _, set := os.LookupEnv(name); {
		case name == "":
			wrong.Source, wrong.Message = "--env", "write NAME=VALUE, or NAME to take the value that it has here"
		case strings.ContainsRune(word, 0):
			wrong.Message = "a variable cannot hold a zero byte"
		case plugin.IsProtocolName(name):
			wrong.Message = "it belongs to the protocol between the host and its plugins, and cannot be set"
		case !given && !set:
			wrong.Message, wrong.Suggestion = "it is not set here", fmt.Sprintf("give its value: --env %s=VALUE", name)
		default:
			continue
		}
		problems = append(problems, wrong)
	}
	return problems
}
