package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/shard"
	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/host/terminal"
)

// ShardFlags divide a run.
type ShardFlags struct {
	Shard string `name:"shard" placeholder:"I/N|auto" help:"Take the I-th of N parts of the items, I from 0; a soft_shard of the template is divided once more. auto: as Slurm, MPI or a Kubernetes Indexed Job tells this process; auto/N says how many parts there are where that is not told."`
}

// part is the part of the items that --shard takes.
type part struct{ index, count int }

func (p part) String() string { return fmt.Sprintf("%d/%d", p.index, p.count) }

// part reads the flag; nil: it is not given. The warning may be empty.
func (s *Session) part() (_ *part, warning string, _ error) {
	text := s.Flags.Shard
	if text == "" {
		return nil, "", nil
	}
	const want = "must be I/N, such as 0/4, or auto, or auto/N"
	first, second, divided := strings.Cut(text, "/")
	count := 0
	if divided {
		var err error
		if count, err = strconv.Atoi(second); err != nil || count < 1 || second[0] == '+' {
			return nil, "", errors.New(want)
		}
	}
	if first == "auto" {
		choice, err := shard.Auto(os.Getenv, count)
		if err != nil {
			return nil, "", err
		}
		p := &part{choice.Index, choice.Count}
		s.Note(fmt.Sprintf("--shard %s takes part %s, by %s", text, p, choice.From))
		return p, choice.Warning, nil
	}
	index, err := strconv.Atoi(first)
	switch {
	case err != nil || !divided || first[0] == '+':
		return nil, "", errors.New(want)
	case index < 0 || index >= count:
		return nil, "", fmt.Errorf("the parts count from 0 to %d", count-1)
	}
	return &part{index, count}, "", nil
}

// shard divides a spec by --shard: in the template where the task has one that the host knows, otherwise behind the listing.
func (s *Session) shard(spec *Spec) []problem.Problem {
	p, warning, err := s.part()
	where := "--shard " + terminal.Quote(s.Flags.Shard)
	var problems []problem.Problem
	switch {
	case err != nil:
		return []problem.Problem{{Source: where, Message: err.Error()}}
	case p == nil:
		return nil
	case warning != "":
		problems = append(problems, problem.Problem{Source: where, Message: warning, Warning: true})
	}
	if spec.Template == nil || !shardNode(spec.Template, *p, "--shard "+s.Flags.Shard) {
		spec.Shard = &template.Shard{Num: uint64(p.count), Idx: []uint64{uint64(p.index)}}
	}
	if spec.makesBatches() {
		problems = append(problems, problem.Problem{
			Source:     where,
			Message:    fmt.Sprintf("the loader of %s makes its batches itself, so the host cannot divide its items", spec.Task.Name),
			Suggestion: "divide the inputs, for example with kagurazaka shard --layout hard",
		})
	}
	return problems
}

// shardNode writes a part into the soft_shard of a template: in its place where it is whole, otherwise within its innermost subshard, which
// divides in the same way. It reports false for one that is the plugin's own code.
func shardNode(root *template.Node, p part, origin string) bool {
	number := func(n int) *template.Node {
		return &template.Node{Kind: template.KindScalar, Scalar: json.Number(strconv.Itoa(n)), Origin: origin}
	}
	mine := &template.Node{Kind: template.KindMode, Mode: "SoftShard", Origin: origin, Fields: []template.Field{
		{Name: "shard_idx", Value: number(p.index)}, {Name: "shard_num", Value: number(p.count)}, {Name: "subshard", Value: template.Scalar(nil)},
	}}
	at := root.Get(template.RoleSoftShard)
	if at.IsNull() || at.Kind == template.KindPlaceholder {
		root.Set(template.RoleSoftShard, mine)
		return true
	}
	for inner := at; ; inner = inner.Get("subshard") {
		if inner.Custom || inner.Kind != template.KindMode && inner.Kind != template.KindMap {
			// The latter is a problem that the compilation of the template reports.
			return !inner.Custom
		}
		if named := inner.Get("mode"); named != nil {
			mine.Mode, _ = named.Scalar.(string)
		} else if inner.Kind == template.KindMode {
			mine.Mode = inner.Mode
		}
		if inner.Get("subshard").IsNull() {
			if inner == at && whole(inner) {
				root.Set(template.RoleSoftShard, mine)
			} else {
				inner.Set("subshard", mine)
			}
			return true
		}
	}
}

// whole reports whether a soft shard is one of one.
func whole(n *template.Node) bool {
	num := n.Get("shard_num")
	return num != nil && fmt.Sprint(num.Scalar) == "1"
}
