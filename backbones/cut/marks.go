package cut

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/internal/count"
)

// Marks returns an outcome (backbones.OutcomeDone and so on) for each of n positions; nil: all are done. unwritten is the number of
// items that were done without an output. An error describes what is wrong with the answer to request ("chunk 3"), as the end of a
// sentence about the worker.
func Marks(request string, n int, skipped []backbones.Range, failures []backbones.ItemFailure, unwritten int) ([]byte, error) {
	marks, err := outcomes(request, n, skipped, failures)
	if err != nil {
		return nil, err
	}
	done := n - len(failures)
	for _, span := range skipped {
		done -= span.Count
	}
	if unwritten > done {
		return nil, fmt.Errorf("it reported %s of %s as done without an output, but only %d are done", count.Of(unwritten, "item"), request, done)
	}
	return marks, nil
}

func outcomes(request string, n int, skipped []backbones.Range, failures []backbones.ItemFailure) ([]byte, error) {
	if len(skipped) == 0 && len(failures) == 0 {
		return nil, nil
	}
	marks := make([]byte, n)
	set := func(i int, v byte) error {
		if i < 0 || i >= n {
			return fmt.Errorf("it answered for item %d of %s, which has %d", i, request, n)
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
