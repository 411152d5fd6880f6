package argv

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/job"
	"github.com/kagurazaka/kagurazaka/host/ledger"
)

// optional are the flags with an optional value: the next word is the value only if it names a run, so that the plugin may follow.
var optional = map[string]bool{"resume": true, "retry-failed": true}

var runID = regexp.MustCompile(`^\d{8}-\d{1,9}(-[0-9a-f]{0,6})?$`)

// isRunWord reports whether a word names a run: it looks like an id, or is the folder of one.
func isRunWord(word string) bool {
	return word == "last" || runID.MatchString(word) || !strings.HasPrefix(word, "-") && ledger.IsRun(word)
}

// RunMeant is the suggestion for a message that quotes a word after --resume that does not look like a run; empty: it quotes none.
func (l *Line) RunMeant(message string) string {
	for i, text := range l.Args[:max(len(l.Args)-1, 0)] {
		word := l.Args[i+1]
		name, _, hasValue := flagOf(text)
		if hasValue || !optional[strings.TrimPrefix(name, own)] || isRunWord(word) || !strings.Contains(message, strconv.Quote(word)) {
			continue
		}
		root, err := ledger.Root()
		if err != nil {
			return ""
		}
		run, err := ledger.Find(root, word)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("did you mean %s=%s?", text, run.Info.ID)
	}
	return ""
}

// NamesRun reports whether a word is a flag behind which a run may be named.
func NamesRun(word string) bool { return optional[strings.TrimPrefix(job.Canonical(word), own)] }
