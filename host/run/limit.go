package run

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Limit is how many items may fail before a run is ended early. The zero Limit allows any number.
type Limit struct {
	text    string
	count   int64
	percent float64
}

// enough is how many items must have an outcome before a percentage counts: one of two items says nothing.
const enough = 100

// ParseLimit reads N or P%. An empty text is the zero Limit.
func ParseLimit(text string) (Limit, error) {
	wrong := errors.New("must be a number of items, 0 or more, or a percentage such as 5%")
	if text == "" {
		return Limit{}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || !(p > 0 && p <= 100) {
			return Limit{}, wrong
		}
		return Limit{text: text, percent: p}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return Limit{}, wrong
	}
	return Limit{text: text, count: n}, nil
}

var errEndedEarly = errors.New("the run was ended early")

// check returns an error if failed of settled items exceed the limit.
func (l Limit) check(failed, settled int64) error {
	switch {
	case l.text == "":
		return nil
	case l.percent > 0 && (settled < enough || float64(failed)*100 <= l.percent*float64(settled)):
		return nil
	case l.percent == 0 && failed <= l.count:
		return nil
	}
	return fmt.Errorf("%d of %s failed, more than --max-failures %s allows: %w", failed, count.Of(settled, "item"), l.text, errEndedEarly)
}
