package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/discover"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/plugin"
	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// checkTrust refuses the plugin if it is not what the command line and the locks say, all problems at once.
func (s *session) checkTrust(arg string) error {
	f := &s.grammar.hostFlags
	policy := trust.Policy{Locked: f.Locked}
	var problems []problem.Problem
	sum, err := trust.ParseSums(f.PluginSHA256)
	if err != nil {
		problems = append(problems, problem.Problem{Source: "--plugin-sha256", Message: err.Error(), Suggestion: "kagurazaka trust " + quote(arg) + " shows it"})
	}
	policy.Sum = sum
	if f.MTLS && s.found.Kind == discover.PythonFile {
		problems = append(problems, problem.Problem{Source: "--mtls", Path: arg, Message: pythonHasNoTLS, Suggestion: "leave --mtls out"})
	}
	locks, found := s.locks()
	policy.Locks = locks
	problems = append(problems, found...)
	id := s.found.ID()
	if len(found) == 0 {
		problems = append(problems, policy.Unlisted(id, quote(arg))...)
	}
	if policy.Pinned(id) {
		sum, err := s.found.Hash()
		if err != nil {
			return exitcode.With(exitcode.Usage, err)
		}
		s.pin = &sum
		s.log.Debug("the plugin's hash", "sha256", sum.Sum, "covers", s.found.Kind.Covers())
		problems = append(problems, policy.Compare(id, quote(arg), sum.Sum)...)
	}
	return exitcode.With(exitcode.Usage, problem.Err(problems))
}

// pythonHasNoTLS is the reason for which --mtls and a task file do not go together.
const pythonHasNoTLS = "the Python SDK speaks no TLS: neither Python's standard library nor grpcio, which are all that it uses, " +
	"can make a certificate. Its sockets are unix sockets in a folder of mode 0700, which no other user can enter"

// locks reads the locks that count here.
func (a *app) locks() ([]*trust.Lock, []problem.Problem) {
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
			a.log.Debug("using a lock", "path", path, "plugins", len(lock.Entries), "doubt", lock.Doubt)
		}
		locks = append(locks, lock)
		problems = append(problems, found...)
	}
	return locks, problems
}

// equip adds to the plugin's command what the command line says about its environment, and its pin.
func (s *session) equip(opts discover.Options) {
	s.found.Command = s.bare
	command := &s.found.Command
	command.CleanEnv = s.grammar.CleanEnv
	command.Env = slices.Clone(s.bare.Env)
	for _, word := range s.grammar.Env {
		name, value, given := strings.Cut(word, "=")
		if !given {
			value, given = os.LookupEnv(name)
		}
		// The SDK's own folder is on a task file's PYTHONPATH already, and what the user wants behind it.
		if given && !plugin.IsProtocolName(name) && (name != pythonPath || s.found.Kind != discover.PythonFile) {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	if s.pin != nil {
		s.found.Pin(*s.pin, opts)
	}
}

const pythonPath = "PYTHONPATH"

// pythonPath is the PYTHONPATH that a task file is to have.
func (a *app) pythonPath() string {
	path := os.Getenv(pythonPath)
	if a.grammar.CleanEnv {
		path = ""
	}
	for _, word := range a.grammar.Env {
		switch name, value, given := strings.Cut(word, "="); {
		case name != pythonPath:
		case given:
			path = value
		default:
			path = os.Getenv(pythonPath)
		}
	}
	return path
}

var errEnv = errors.New("write NAME=VALUE, or NAME to take the value that it has here")

// checkEnv says what is wrong with the values of --env.
func (a *app) checkEnv() error {
	var problems []problem.Problem
	for _, word := range a.grammar.Env {
		name, _, given := strings.Cut(word, "=")
		p := problem.Problem{Source: "--env " + name}
		switch _, set := os.LookupEnv(name); {
		case name == "":
			p.Source, p.Message = "--env", errEnv.Error()
		case strings.ContainsRune(word, 0):
			p.Message = "a variable cannot hold a zero byte"
		case plugin.IsProtocolName(name):
			p.Message = "it belongs to the protocol between the host and its plugins, and cannot be set"
		case !given && !set:
			p.Message, p.Suggestion = "it is not set here", fmt.Sprintf("give its value: --env %s=VALUE", name)
		default:
			continue
		}
		problems = append(problems, p)
	}
	return exitcode.With(exitcode.Usage, problem.Err(problems))
}
