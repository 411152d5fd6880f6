package template

import "fmt"

// told collects what is told once, at the end of a listing.
type told struct {
	repeated, ownOutside, leadingUp, outputs, special remark
}

// remark is how often something was met, and where first.
type remark struct {
	count uint64
	first string
}

func (r *remark) add(where string) {
	if r.count++; r.count == 1 {
		r.first = where
	}
}

// tell tells what there is to tell of the whole listing.
func (w *walk) tell() {
	t := &w.told
	w.remark(t.repeated, true, "%d items repeat an earlier one, word for word, and are left out; the first: %s")
	w.remark(t.outputs, true, "%d outputs of other inputs lie in the input folder and are left out; the first: %s (--list-outputs takes them for inputs)")
	w.remark(t.special, false, "%d named pipes, sockets or devices match by name and are left out; the first: %s")
	w.remark(t.leadingUp, false, "%d outputs lie outside of the output folder, because rel_dir begins with ..; the first: %s")
	w.remark(t.ownOutside, false, "%d items that the task lists have outputs outside of the output folder; the first: %s")
	if n := w.o.Counters.BadLines.Load(); n > 1 {
		w.warn(Warning{Message: fmt.Sprintf("%d lines are not items, and are left out", n)}, false)
	}
}

func (w *walk) remark(r remark, note bool, format string) {
	if r.count > 0 {
		w.warn(Warning{Message: fmt.Sprintf(format, r.count, r.first), Note: note}, false)
	}
}
