package job

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
)

func TestWarningsOfAListingAreLimited(t *testing.T) {
	var out bytes.Buffer
	w := &listingWarnings{log: hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Info})}
	for i := range problem.Most + 5 {
		w.met(plan.Warning{Path: fmt.Sprintf("folder%d", i), Message: "it cannot be read"})
		w.warn("the task warns")
	}
	w.met(plan.Warning{Message: "of the whole listing"})
	w.met(plan.Warning{Message: "a note", Note: true})
	w.end()
	w.end()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != problem.Most+3 || !strings.HasSuffix(lines[problem.Most+2], fmt.Sprintf("there are more warnings of this kind: count=%d", problem.Most+10)) {
		t.Errorf("%d lines: %s", len(lines), lines[len(lines)-1])
	}
	for _, want := range []string{"of the whole listing", "a note"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not printed", want)
		}
	}
}
