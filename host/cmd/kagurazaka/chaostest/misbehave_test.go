package chaostest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// items is how many items a run of the table has.
const items = 60

// row is one way to misbehave, and what the host makes of it.
type row struct {
	behaviour string
	flags     []string
	// signals are sent to the host when the plugin has begun to misbehave.
	signals []syscall.Signal
	code    int
	// texts are what a user reads.
	texts []string
	// failed is how many items fail in a run that ends with 3.
	failed int
}

const (
	kill = syscall.SIGKILL
	term = syscall.SIGTERM
	// stall is no signal: it waits for a warning that nothing moves.
	stall = syscall.Signal(0)
)

// breaches is how a run ends whose workers go on breaking the protocol.
const breaches = "workers broke the protocol 3 times"

var soon = []string{"--start-timeout", "1500ms"}

var opened = []string{"--open-timeout", "400ms"}

// calls are the ways to misbehave of a plugin that lists its own items.
var calls = []row{
	{behaviour: "", code: 0},

	{behaviour: "exit-before-handshake", code: 1, texts: []string{"exited with code 7 before its handshake", "leaving before the handshake"}},
	{behaviour: "print-before-handshake", code: 1, texts: []string{"where a plugin's handshake was expected", "some words before the handshake"}},
	{behaviour: "close-before-handshake", code: 1, texts: []string{"closed its stdout and wrote no handshake", `see "The handshake"`}},
	{behaviour: "hang-before-handshake", flags: soon, code: 1, texts: []string{"did not complete its handshake within 1.5s", "--start-timeout"}},
	{behaviour: "wrong-cookie", code: 1, texts: []string{"exited with code 1 before its handshake"}},
	{behaviour: "wrong-version", code: 1, texts: []string{"speaks version 99 of the plugin protocol and this host speaks version 1"}},
	{behaviour: "exit-after-handshake", code: 1, texts: []string{"exited with code 7", "leaving after the handshake"}},

	{behaviour: "mute-socket", flags: soon, code: 1, texts: []string{"printed its handshake, and its socket did not answer within 1.5s", "--start-timeout"}},

	{behaviour: "crash-describe", code: 1, texts: []string{"describing", "exited with code 7", "misbehave: crash-describe"}},
	{behaviour: "mute-describe", flags: soon, code: 1, texts: []string{"describing", "no answer within 1.5s", "--start-timeout"}},
	{behaviour: "stop-describe", flags: soon, code: 1, texts: []string{"describing", "no answer within 1.5s", "--start-timeout"}},
	{behaviour: "over-limit-describe", code: 1, texts: []string{"describing", "a message is over the limit of 64 MiB"}},

	{behaviour: "wrong-describe", code: 1, texts: []string{
		"the plugin's description breaks the protocol in 20 places",
		`task 1: it has no name (see "Tasks" in docs/protocol.md)`,
		"task Items: it has no kind", "task Items: unknown kind 7", "task Items: there are two tasks of this name",
		`task Items, argument 1: it has no name (see "Arguments" in docs/protocol.md)`,
		"task Items, argument b: the flag --a is that of argument 1 as well", "task Items, argument b: unknown type 99",
		`task Items, argument c: "c" is not a flag`, "task Items, argument c: it has no type",
		`task Items, argument d: invalid arity "some"`, "task Items, argument d: its default: \"{\" is not JSON",
		"task Items, argument d: its choice 2", "task Items, argument d: it is negatable",
		`its name "with blanks" cannot be typed`,
		`task with blanks, template, field input_mode: there is no mode "InputByMagic"; one of the plugin's own has custom set (see "Templates" in docs/protocol.md)`,
		"task with blanks, template, field input_mode: there are two fields of this name", "template, field input_mode: it has no value",
		`template, field soft_shard: "nil" is not JSON`, "template: there is no field colour",
		`it has the capability finish and is not a device task (see "Capabilities" in docs/protocol.md)`,
	}},

	{behaviour: "crash-open", code: 1, texts: []string{"opening task Items", "exited with code 7", "misbehave: crash-open"}},
	{behaviour: "mute-open", flags: opened, code: 1, texts: []string{"opening task Items: no answer within 400ms", "--open-timeout"}},
	{behaviour: "stop-open", flags: opened, code: 1, texts: []string{"opening task Items: no answer within 400ms", "--open-timeout"}},

	{behaviour: "crash-list", code: 1, texts: []string{"listing the items of Items", "exited with code 7"}},
	{behaviour: "mute-list", signals: []syscall.Signal{term}, code: 130, texts: []string{"interrupted"}},
	{behaviour: "stop-list", signals: []syscall.Signal{term}, code: 130, texts: []string{"interrupted"}},
	{behaviour: "over-limit", code: 1, texts: []string{"listing the items of Items", "a message is over the limit of 64 MiB"}},
	{behaviour: "close-socket-list", code: 1, texts: []string{"listing the items of Items", "its connection broke"}},
	{behaviour: "wrong-block", code: 1, texts: []string{"listing the items of Items", "a block of 61 items that holds 60 lines"}},

	// The listing may notice it first.
	{behaviour: "crash-spawn", code: 1, texts: []string{"exited with code 7"}},
	{behaviour: "mute-spawn", flags: opened, code: 1, texts: []string{"making a worker of task Items: no answer within 400ms", "--open-timeout"}},
	{behaviour: "stop-spawn", flags: opened, code: 1, texts: []string{"making a worker of task Items: no answer within 400ms", "--open-timeout"}},
	{behaviour: "lie-spawn", code: 1, texts: []string{"/nowhere"}},
	{behaviour: "mute-socket-spawn", flags: []string{"--start-timeout", "500ms", "--num_process", "1"}, code: 1, texts: []string{"its socket did not answer within 500ms", "--start-timeout"}},
	{behaviour: "exits-spawn", code: 1, texts: []string{"before it had started, the worker exited with code 7"}},
	// Its task is closed: nobody waits for minutes.
	{behaviour: "deaf-shutdown", code: 0},
	{behaviour: "warns-list", code: 0, texts: []string{"misbehave: warning 99 ", "there are more warnings of this kind: count=19900"}},

	{behaviour: "crash-run", code: 1, texts: []string{"workers died one after another", "exited with code 7"}},
	{behaviour: "mute-run", flags: []string{"--grace", "300ms"}, signals: []syscall.Signal{term}, code: 130, texts: []string{"did not finish within --grace 300ms"}},
	{behaviour: "stop-run", flags: []string{"--grace", "300ms"}, signals: []syscall.Signal{term}, code: 130, texts: []string{"did not finish within --grace 300ms"}},
	{behaviour: "mute-run", flags: []string{"--stall-after", "200ms"}, signals: []syscall.Signal{stall, term, term}, code: 130, texts: []string{"nothing has moved", "one of 5 items"}},
	{behaviour: "mute-list", flags: []string{"--stall-after", "200ms"}, signals: []syscall.Signal{stall, term}, code: 130, texts: []string{"the listing yields nothing"}},
	{behaviour: "mute-run", flags: []string{"--item-timeout", "100ms", "--max-failures", "1"}, code: 1, texts: []string{"--item-timeout", "timeout: "}},
	{behaviour: "over-limit-run", code: 1, texts: []string{breaches, "it sent a message over the limit of 64 MiB", "Services"}},
	{behaviour: "close-socket", code: 1, texts: []string{"workers died one after another", "its connection broke"}},
	{behaviour: "answers-twice", code: 0, texts: []string{"broke the protocol"}},
	{behaviour: "answers-unknown", code: 1, texts: []string{breaches, "it answered chunk", `see "Run" in docs/protocol.md`}},
	{behaviour: "answers-too-many", code: 1, texts: []string{breaches, "which has 5"}},
	{behaviour: "answers-unsent", code: 1, texts: []string{breaches, "it answered for item 10 of chunk"}},
	{behaviour: "answers-both", code: 1, texts: []string{breaches, "it answered twice for item 0 of chunk"}},
	{behaviour: "answers-never", flags: []string{"--item-timeout", "100ms"}, code: 1, texts: []string{breaches, "did not answer it within 5s"}},
	{behaviour: "answers-batch", code: 1, texts: []string{breaches, "it sent a message without an answer of its stage", `see "Run"`}},
	{behaviour: "answers-unwritten", code: 1, texts: []string{breaches, "as done without an output, but only 5 are done"}},
	{behaviour: "answers-closed", code: 1, texts: []string{breaches, "it sent a close_error before the host had ended its side", `see "Closing"`}},
	{behaviour: "answers-and-closes", code: 1, texts: []string{breaches, "it sent a close_error and an answer in one message", `see "Closing"`}},
	{behaviour: "answers-at-end", code: 1, texts: []string{"did not close its task", "it answered chunk 1, which it was not sent or had answered before"}},
	{behaviour: "cut-page", code: 0},
	{behaviour: "ends-run", code: 1, texts: []string{breaches, "it ended its Run call, which the host had not ended"}},
	{behaviour: "unimplemented-run", code: 1, texts: []string{breaches, "it does not serve Run: misbehave: the license server does not answer"}},
	{behaviour: "wordless-run", code: 1, texts: []string{breaches, "it ended its Run call with a gRPC status: gRPC status Internal, without a word"}},

	// What a handshake has wrong is told as that, and not as a death.
	{behaviour: "core-handshake", code: 1, texts: []string{"speaks version 2 of go-plugin's core protocol", `see "The handshake"`}},
	{behaviour: "tcp-handshake", code: 1, texts: []string{`offers the network "tcp"`, `see "The handshake"`}},
	{behaviour: "tls-handshake", flags: []string{"--mtls"}, code: 2, texts: []string{`put "TLSv1.3" into its handshake where its certificate belongs`, `see "TLS"`}},

	{behaviour: "fail-close", code: 1, texts: []string{"did not close its task", "misbehave: the last of the data cannot be written"}},
	{behaviour: "panic-close", code: 1, texts: []string{"did not close its task", "misbehave: a panic in Close"}},
	{behaviour: "crash-close", code: 1, texts: []string{"did not close its task", "exited with code 7"}},
	{behaviour: "hang-close", flags: []string{"--close-timeout", "300ms"}, code: 1, texts: []string{"did not close its task", "it took longer than 300ms", "--close-timeout"}},
	// The second signal does not wait for it, and the host's death leaves nobody.
	{behaviour: "hang-close", signals: []syscall.Signal{term, term}, code: 130},
	{behaviour: "hang-close", signals: []syscall.Signal{kill}, code: -1},

	// The host is killed while the plugin does not answer: nothing watches a lifeline there.
	{behaviour: "hang-before-handshake", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "mute-describe", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "stop-open", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "mute-list", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "stop-run", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "mute-run", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "mute-spawn", signals: []syscall.Signal{kill}, code: -1},
	// The first signal ends what has not begun, the second ends at once.
	{behaviour: "hang-before-handshake", signals: []syscall.Signal{term}, code: 130, texts: []string{"interrupted before the run had begun"}},
	{behaviour: "mute-describe", signals: []syscall.Signal{term}, code: 130, texts: []string{"interrupted before the run had begun"}},
	{behaviour: "mute-open", signals: []syscall.Signal{term}, code: 130, texts: []string{"interrupted before the run had begun"}},
	{behaviour: "mute-run", signals: []syscall.Signal{term, term}, code: 130},
}

// atItem are the ways to misbehave at one item of a task with outputs.
var atItem = []row{
	{behaviour: "", code: 0},
	{behaviour: "error-at-item", code: 3, failed: 1, texts: []string{"misbehave: an error at item 7"}},
	{behaviour: "panic-at-item", code: 3, failed: 1, texts: []string{"misbehave: a panic at item 7"}},
	{behaviour: "exit-at-item", code: 3, failed: 1, texts: []string{"exited with code 7"}},
	{behaviour: "half-output", code: 3, failed: 1, texts: []string{"killed by signal 9"}},
	{behaviour: "flood-stdout", code: 0},
	{behaviour: "flood-stderr", code: 0},
	{behaviour: "fork-children", code: 0},
	{behaviour: "hang-at-item", flags: []string{"--item-timeout", "1s"}, code: 3, failed: 1, texts: []string{"timeout: took longer than --item-timeout 1s"}},
	{behaviour: "stop-self", flags: []string{"--item-timeout", "1s"}, code: 3, failed: 1, texts: []string{"timeout: took longer than --item-timeout 1s"}},
	{behaviour: "exit-at-item", flags: []string{"--retries", "2", "--retry-delay", "1ms"}, code: 3, failed: 1, texts: []string{"exited with code 7"}},
	{behaviour: "hang-at-item", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "stop-self", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "fork-children", signals: []syscall.Signal{kill}, code: -1},
	{behaviour: "hang-at-item", flags: []string{"--grace", "300ms"}, signals: []syscall.Signal{term}, code: 130, texts: []string{"did not finish within --grace 300ms"}},
	{behaviour: "stop-self", flags: []string{"--grace", "300ms"}, signals: []syscall.Signal{term}, code: 130, texts: []string{"did not finish within --grace 300ms"}},
	{behaviour: "hang-at-item", signals: []syscall.Signal{term, term}, code: 130},
}

func (r row) name() string {
	words := []string{r.behaviour}
	if r.behaviour == "" {
		words[0] = "well"
	}
	for _, s := range r.signals {
		words = append(words, map[syscall.Signal]string{kill: "kill", term: "term", stall: "stall"}[s])
	}
	if len(r.flags) > 0 {
		words = append(words, strings.Trim(r.flags[0], "-"))
	}
	return strings.Join(words, "-")
}

// try runs a row to its end.
func (r row) try(w *world, args ...string) result {
	w.t.Helper()
	env := []string{"KAGURAZAKA_MISBEHAVE=" + r.behaviour, "KAGURAZAKA_MISBEHAVE_ITEM=7"}
	common := []string{"--progress", "json", "--num_process", "2", "--chunksize", "5"}
	h := w.start(env, slices.Concat(common, r.flags, args)...)
	for i, s := range r.signals {
		if i == 0 {
			h.hear("misbehave: " + r.behaviour)
		}
		if s == stall {
			h.hear("nothing has moved")
			continue
		}
		if i == 0 || r.signals[i-1] != s {
			h.signal(s)
			continue
		}
		// Two signals of a kind that wait for delivery are one to the kernel.
		eventually(gone, func() bool {
			h.signal(s)
			return h.hasEnded()
		})
	}
	result := h.wait()
	w.want(result, r.code, r.texts...)
	w.nobodyIsLeft()
	return result
}

func TestMisbehaviourInACall(t *testing.T) {
	for _, r := range calls {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.settled(r.try(w, filepath.Join(plugins, "misbehave"), "Items", "--count", "60"), items)
		})
	}
}

// alsoPython are the rows of calls that a server of another language might fail otherwise.
var alsoPython = map[string]bool{
	"well": true, "exit-before-handshake": true, "wrong-version": true, "crash-describe": true, "over-limit-describe": true,
	"mute-open-open-timeout": true, "crash-list": true, "close-socket-list": true, "crash-spawn": true, "crash-run": true,
	"mute-run-term-grace": true, "mute-run-kill": true, "answers-twice": true, "answers-unsent": true, "ends-run": true, "unimplemented-run": true, "wordless-run": true,
}

// TestMisbehaviourInACallPython has the same from a server in Python that does without the SDK.
func TestMisbehaviourInACallPython(t *testing.T) {
	python := hosttest.NeedPython(t, root)
	path := "PATH=" + filepath.Dir(python) + string(filepath.ListSeparator) + os.Getenv("PATH")
	folder, err := filepath.Abs(filepath.Join(root, "examples", "misbehave", "raw"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range calls {
		if !alsoPython[r.name()] {
			continue
		}
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.env = append(w.env, path)
			w.settled(r.try(w, folder, "Items", "--count", "60"), items)
		})
	}
}

// TestMisbehaviourOfATaskFile is about a task file in Python, whose workers are forked from the process that has the task.
func TestMisbehaviourOfATaskFile(t *testing.T) {
	hosttest.NeedPython(t, root)
	file := taskFile(t)
	calls := []row{
		{behaviour: "exit-before-handshake", code: 1, texts: []string{"exited with code 7", "leaving before the handshake"}},
		{behaviour: "crash-open", code: 1, texts: []string{"opening task Items", "exited with code 7"}},
		{behaviour: "mute-open", flags: opened, code: 1, texts: []string{"opening task Items: no answer within 400ms"}},
		{behaviour: "stop-open", signals: []syscall.Signal{kill}, code: -1},
		{behaviour: "crash-list", code: 1, texts: []string{"listing the items of Items", "exited with code 7"}},
		{behaviour: "mute-list", flags: []string{"--grace", "300ms"}, signals: []syscall.Signal{term}, code: 130, texts: []string{"interrupted"}},
		{behaviour: "mute-list", signals: []syscall.Signal{kill}, code: -1},
		{behaviour: "stop-list", signals: []syscall.Signal{kill}, code: -1},
		{behaviour: "crash-worker", code: 1, texts: []string{"making a worker of task Items", "exited with code 7"}},
	}
	for _, r := range calls {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.settled(r.try(w, file, "Items", "--count", "60"), items)
		})
	}
	for _, r := range atItem {
		// A task in Python has no panic, and what ends at once in Go does so here.
		if r.behaviour == "panic-at-item" || len(r.signals) == 2 {
			continue
		}
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			r.tryFiles(newWorld(t), file)
		})
	}
}

func taskFile(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(root, "examples", "misbehave", "misbehave.py"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMisbehaviourAtAnItem(t *testing.T) {
	for _, r := range atItem {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			r.tryFiles(newWorld(t), filepath.Join(plugins, "misbehave"))
		})
	}
}

// files is a command that works on the inputs of folder "in", with outputs in folder "out".
func files(plugin string) []string {
	return []string{plugin, "Files", "--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out"}
}

// tryFiles runs a row with a task that has outputs, and then the same command with a plugin that works: it finishes.
func (r row) tryFiles(w *world, plugin string) {
	w.t.Helper()
	w.many("in", items)
	result := r.try(w, files(plugin)...)
	w.settledIn("out", result, items)
	if result.Failed != r.failed {
		w.t.Errorf("%d items failed, want %d", result.Failed, r.failed)
	}
	again := w.run(nil, append([]string{"--progress", "json"}, files(plugin)...)...)
	w.want(again, 0)
	w.settledIn("out", again, items)
	w.noStaging("out")
}
