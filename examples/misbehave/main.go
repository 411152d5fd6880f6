// Misbehave is a plugin that does one thing wrong, for tests of the host. The variable KAGURAZAKA_MISBEHAVE names it:
//
//	before and at the handshake   exit-before-handshake, print-before-handshake, close-before-handshake (its stdout), hang-before-handshake, wrong-cookie,
//	                              wrong-version, exit-after-handshake, core-handshake, tcp-handshake, tls-handshake
//	in a call                     crash-CALL, mute-CALL, stop-CALL, where CALL is describe, open, list, run or spawn;
//	                              over-limit-describe, wrong-describe, over-limit (in List), over-limit-run, close-socket-list,
//	                              close-socket (in Run), wrong-block, answers-twice, answers-unknown, answers-too-many,
//	                              answers-unsent, answers-both, answers-never (but its heartbeat page is finished), answers-batch,
//	                              answers-unwritten (more than are done), answers-closed (a close_error in place of an answer),
//	                              answers-and-closes (both at once), answers-at-end (once more), cut-page (its heartbeat page), ends-run,
//	                              unimplemented-run, wordless-run (a gRPC status without text), lie-spawn (of a worker that is
//	                              not there)
//	when the task is closed       fail-close, panic-close, crash-close, hang-close, in a worker; fail-close-list
//	at an item                    error-at-item, panic-at-item, kill-self-at-item, kill-host-at-item, exit-at-item, hang-at-item, stop-self,
//	                              leak-at-item, reserve-at-item, wait-at-item, half-output, other-output, no-output, other-name,
//	                              done-and-die, flood-stdout, flood-stderr, fork-children, orphan-at-item
//	at every item                 leak; slow takes a millisecond; slow-until-go takes 50 ms until there is a file "go"; flaky fails a part of the
//	                              items at their first attempts
//
// KAGURAZAKA_MISBEHAVE_ITEM is the number of the item, 0 by default: the field "i" of task Items, the digits in the
// input's name of task Files. KAGURAZAKA_MISBEHAVE_STATE is a folder, where flaky counts attempts, the file "go" is looked
// for (by wait-at-item, too, before it writes), and done-and-die puts its output. KAGURAZAKA_MISBEHAVE_LOG is a file, to which
// task Files appends the name of each input that it begins. Without a behaviour both tasks work as they should.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/examples/misbehave/early"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	"github.com/kagurazaka/kagurazaka/sdk"
)

// Items lists its own items.
type Items struct {
	Count int `default:"100" help:"Number of items."`

	stage sdk.Stage
}

// Open may crash.
func (t *Items) Open(_ context.Context, env sdk.Env) error {
	t.stage = env.Stage
	crash("crash-open")
	return nil
}

// Close may misbehave.
func (t *Items) Close() error {
	if t.stage == sdk.StageRun {
		return closeTask()
	}
	if early.Behaviour == "fail-close-list" {
		return errors.New("misbehave: the list cannot be closed")
	}
	return nil
}

// List may crash in the middle.
func (t *Items) List(_ context.Context, yield func(any) error) error {
	for i := range t.Count {
		if i == t.Count/2 {
			crash("crash-list")
		}
		if err := yield(map[string]any{"i": i}); err != nil {
			return err
		}
	}
	return nil
}

// Process misbehaves at its item.
func (t *Items) Process(_ context.Context, item sdk.Item) error {
	var v struct {
		I int `json:"i"`
	}
	if err := item.Decode(&v); err != nil {
		return err
	}
	return act(v.I)
}

// Files has a template.
type Files struct{}

// Open may crash.
func (t *Files) Open(context.Context, sdk.Env) error { crash("crash-open"); return nil }

// Process writes the output in two halves, and misbehaves between them at its item.
func (t *Files) Process(_ context.Context, item sdk.Item) error {
	name, path := item.Input().FileName, item.Output().Path
	n := number(name)
	if err := note(name); err != nil {
		return err
	}
	if isAt(n, "wait-at-item") {
		waitForGo()
	}
	text, err := os.ReadFile(item.Input().Path)
	if err != nil {
		return err
	}
	if isAt(n, "no-output") {
		return nil
	}
	if isAt(n, "other-name") {
		// Some libraries append their own extension.
		path += ".npy"
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	if _, err := fmt.Fprintf(out, "the first half of %s, ", name); err != nil {
		return err
	}
	if err := act(n); err != nil {
		return err
	}
	if isAt(n, "other-output") {
		// The previous item's output is in the same folder.
		other := fmt.Sprintf("f%05d.txt", n-1)
		text := fmt.Sprintf("the first half of %s, by %s\n", other, name)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), other+".out"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "the second half of %s: %s\n", name, text)
	return err
}

// note appends an input's name to the log of what was begun. Several machines write there.
func note(name string) error {
	path := os.Getenv("KAGURAZAKA_MISBEHAVE_LOG")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = fmt.Fprintf(f, "%s %d\n", name, os.Getpid())
	return err
}

// number returns the digits in a name as a number, or -1.
func number(name string) int {
	digits := strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' }), "")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

func crash(behaviour string) {
	if early.Behaviour == behaviour {
		early.Say()
		os.Exit(7)
	}
}

func main() {
	switch early.Behaviour {
	case "wrong-cookie":
		_ = os.Setenv(wire.CookieKey, "another cookie")
	case "crash-open", "crash-list", "crash-close":
		// These are in user code, which the SDK calls.
	default:
		if isRaw(early.Behaviour) {
			serveRaw()
		}
	}
	sdk.Serve(
		sdk.Task[Items]{Summary: "Makes items and does nothing with them, or something wrong"},
		sdk.Task[Files]{
			Summary: "Writes a file for every text file, or half of it",
			Template: &sdk.Template{
				HardShard:   sdk.NoHardShard(sdk.Placeholder, sdk.Placeholder),
				Input:       sdk.InputByExts(".txt"),
				Output:      sdk.OutputByApendingExt(".out"),
				FinishCheck: sdk.FinishCheckByOutputFileExistence(),
			},
		})
}

var rawBehaviours = regexp.MustCompile(
	`^(wrong-(version|block|describe)|(crash|mute|stop|exits|warns|deaf|answers|lie|ends|unimplemented|wordless)-|` +
		`over-limit|close-socket|cut-page)`)

// isRaw reports whether the behaviour is impossible with the SDK.
func isRaw(behaviour string) bool {
	return behaviour != "stop-self" && rawBehaviours.MatchString(behaviour)
}
