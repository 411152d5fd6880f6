package job

import (
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/kagurazaka/kagurazaka/host/plan"
	"github.com/kagurazaka/kagurazaka/host/problem"
)

// listingWarnings prints the first warnings of a listing and counts the others. Several goroutines may use it.
type listingWarnings struct {
	log   hclog.Logger
	mu    sync.Mutex
	count int
}

// warn takes a warning about one item or place.
func (l *listingWarnings) warn(text string, details ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count++; l.count <= problem.Most {
		l.log.Warn(text, details...)
	}
}

// met takes a warning of the host's own listing. One about the listing as a whole is always printed.
func (l *listingWarnings) met(w plan.Warning) {
	var details []any
	if w.Path != "" {
		details = append(details, "path", w.Path)
	}
	if w.Err != nil {
		details = append(details, "error", w.Err)
	}
	switch {
	case w.Note:
		l.log.Info(w.Message, details...)
	case w.Path == "":
		l.log.Warn(w.Message, details...)
	default:
		l.warn(w.Message, details...)
	}
}

// end logs how many warnings were not printed.
func (l *listingWarnings) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	warnMore(l.log, l.count-problem.Most)
	l.count = 0
}

func warnMore(log hclog.Logger, more int) {
	if more > 0 {
		log.Warn("there are more warnings of this kind", "count", more)
	}
}

// Warn prints the first warnings of a listing that had count of them.
func Warn(log hclog.Logger, first []plan.Warning, count int) {
	warnings := &listingWarnings{log: log}
	for _, w := range first {
		warnings.met(w)
	}
	warnMore(log, count-len(first))
}
