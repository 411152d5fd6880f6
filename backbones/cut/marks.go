package cut

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
)

// Marks returns an outcome (backbones.OutcomeDone and so on) for each of count positions; nil: all are done. An error describes what
// is wrong with the answer to request ("chunk 3"), as the end of a sentence about the worker.
func Marks(request string, count int, skipped []backbones.Range, failures []backbones.ItemFailure) ([]byte, error) {
	if len(skipped) == 0 && len(failures) == 0 {
		return nil, nil
	}
	marks := make([]byte, count)
	set := func(i int, v byte) error {
		if i < 0 || i >= count {
			return fmt.Errorf("it answered for item %d of %s, which has %d", i, request, count)
		}
		if marks[i] != 0 {
			return fmt.Errorf("it answered twice for item %d of %s", i, request)
		}
		marks[i] = v
		return nil
	}
	for _, span := range skipped {
		for i := span.First; i < span.First+span.Count; i++ {
			if err := set(i, backbones.OutcomeSkipped); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range failures {
		if err := set(f.Index, backbones.OutcomeFailed); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// Runs visits the runs of consecutive positions with the mark v. marks nil: all are done.
func Runs(count int, marks []byte, v byte, visit func(first, count int)) {
	if marks == nil {
		if v == backbones.OutcomeDone && count > 0 {
			visit(0, count)
		}
		return
	}
	for i := 0; i < count; {
		j := i + 1
		for j < count && marks[j] == marks[i] {
			j++
		}
		if marks[i] == v {
			visit(i, j-i)
		}
		i = j
	}
}

// Done is the number of done items among count, for an answer that Marks accepts.
func Done(count int, skipped []backbones.Range, failures []backbones.ItemFailure) int {
	for _, span := range skipped {
		count -= span.Count
	}
	return count - len(failures)
}
