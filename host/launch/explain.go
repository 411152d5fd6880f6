package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Launcher is a way to start nodes.
type Launcher interface {
	// Start starts the nodes. The first signal closes drain.
	Start(ctx context.Context, drain <-chan struct{}) error
	// Print writes down everything that Start would start.
	Print(w io.Writer) error
	// Explain says what Start would start, and asks whether that is possible. The error says that it is not.
	Explain(ctx context.Context, w io.Writer) error
}

// errCannot ends an explanation that has told why nodes cannot be started.
var errCannot = exitcode.With(exitcode.Failed, errors.New("the nodes cannot be started like this; see above"))

// explain writes the run, what would be started, and what is doubtful about it.
func (r Run) explain(w io.Writer, what string, doubts []string) {
	fmt.Fprintf(w, "run %s in %s, reached at %s\n%s\n", r.ID, r.Dir, strings.Join(r.URLs, " "), what)
	for _, d := range doubts {
		fmt.Fprintf(w, "doubt: %s\n", d)
	}
}

// Explain asks sbatch when the nodes would start, and tells of those that are there.
func (s *Slurm) Explain(ctx context.Context, w io.Writer) error {
	if err := s.Check(); err != nil {
		return err
	}
	what := fmt.Sprintf("would start %s by one call of sbatch, an array of jobs called %s", count.Of(s.Nodes, "node"), s.jobName())
	if s.Keep > 0 {
		what += fmt.Sprintf(", and replace those that end before the run so that there are %d", s.Keep)
	}
	s.Run.explain(w, what, append(s.warnings(), s.Run.doubts(ctx)...))
	k := &keeper{Slurm: s}
	k.book = newBook(func(text string, about ...any) {})
	rows, err := k.look(ctx)
	if err != nil {
		fmt.Fprintf(w, "Slurm does not answer: %v\n", err)
		return errCannot
	}
	for _, r := range rows {
		if _, over := ended[r.state]; !over {
			fmt.Fprintf(w, "already there: job %s_%s is %s %s%s\n", r.job, r.index, r.state, r.node, because(r))
		}
	}
	_, said, err := tool{"sbatch", submitPatience}.run(ctx, s.script("test"), append(s.sbatch("test", s.Nodes), "--test-only")...)
	if err != nil {
		fmt.Fprintf(w, "Slurm would refuse: %v\n", err)
		return errCannot
	}
	fmt.Fprintf(w, "Slurm says: %s\n", said)
	return nil
}

func because(r row) string {
	if r.state != "PENDING" {
		return ""
	}
	return "because of " + r.reason
}

// Explain lets the API server say what it would do with the manifest.
func (k *K8s) Explain(ctx context.Context, w io.Writer) error {
	if err := k.Check(); err != nil {
		return err
	}
	k.Run.explain(w, fmt.Sprintf("would make the Secret and the Indexed Job %s: %s of %s, which join at %s", k.Run.name(), count.Of(k.Nodes, "pod"), k.Image, strings.Join(k.urls(), " ")), append(k.warnings(), k.Run.doubts(ctx)...))
	said, err := k.kubectl(ctx, true)
	if err != nil {
		fmt.Fprintf(w, "Kubernetes would refuse: %v\n", err)
		return errCannot
	}
	fmt.Fprintf(w, "Kubernetes says: %s\n", said)
	return nil
}

// said is what a host printed besides the port of its tunnel.
func (h *host) said(stderr string) string {
	const most = 2000
	lines := slices.DeleteFunc(strings.Split(stderr, "\n"), func(line string) bool { return allocated().MatchString(strings.TrimSpace(line)) })
	return terminal.Block(strings.TrimSpace(strings.Join(lines, "\n")), "  ", most)
}

// askPatience is how long a host may take to answer.
const askPatience = 30 * time.Second

// Explain asks each host which kagurazaka it has.
func (s *SSH) Explain(ctx context.Context, w io.Writer) error {
	if err := s.Check(); err != nil {
		return err
	}
	s.Run.explain(w, fmt.Sprintf("would start a node on %s, which reaches the run through a tunnel of ssh", strings.Join(s.Hosts, ", on ")), s.Run.doubts(ctx))
	var failed error
	for _, name := range s.Hosts {
		h := &host{SSH: s, name: name}
		words, err := h.line(name)
		if err != nil {
			return err
		}
		words[len(words)-1] = "exec " + shell([]string{s.Node.Program, "--version"})
		out, stderr, err := tool{words[0], askPatience}.run(ctx, "", words[1:]...)
		var exit *failedError
		switch {
		case err == nil && strings.TrimSpace(out) == "kagurazaka "+s.Run.Version:
			fmt.Fprintf(w, "%s: ready\n", name)
			continue
		case err == nil:
			fmt.Fprintf(w, "%s: %s is %s there, and the run is of version %s; hint: copy this program to that path, or say with --remote-path where one of that version is\n", name, s.Node.Program, terminal.Quote(terminal.Line(strings.TrimSpace(out), maxID)), s.Run.Version)
		case errors.As(err, &exit):
			fmt.Fprintf(w, "%s: %s\n", name, cmp.Or(h.why(exit.code, stderr), fmt.Sprintf("%s --version has ended with exit code %d", s.Node.Program, exit.code)))
			if said := h.said(stderr); said != "" {
				fmt.Fprintf(w, "  %s\n", said)
			}
		default:
			fmt.Fprintf(w, "%s: %v\n", name, err)
		}
		failed = errCannot
	}
	return failed
}
