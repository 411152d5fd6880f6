package plan

import (
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/count"
)

// remarks collects the messages for the end of a listing.
type remarks struct {
	repeated, ownOutside, leadingUp, outputs, special, incomplete, surplus, farPaths, unmade remark
	// samples counts those of tar archives. members are the names of members in archives without any.
	samples uint64
	members remark
}

// remark counts events of one kind, and has the first of them.
type remark struct {
	count uint64
	first string
	// next are those after the first that a message names, too.
	next []string
}

// named is the number of events that a message names if it names several.
const named = 3

func (r *remark) add(where string) {
	if r.count++; r.count == 1 {
		r.first = where
	}
}

// addNamed is add for events of which the message names several.
func (r *remark) addNamed(where string) {
	if r.add(where); 1 < r.count && r.count <= named {
		r.next = append(r.next, where)
	}
}

// report warns of the whole listing, at its end.
func (w *walk) report() {
	r := &w.remarks
	w.remark(r.repeated, true, "item repeats an earlier one, word for word, and is left out", "items repeat an earlier one, word for word, and are left out", "")
	w.remark(r.outputs, true, "output of another input lies in the input folder and is left out", "outputs of other inputs lie in the input folder and are left out",
		" (--list-outputs takes them for inputs)")
	w.remark(r.special, false, "named pipe, socket or device matches by name and is left out", "named pipes, sockets or devices match by name and are left out", "")
	w.remark(r.leadingUp, false, "output lies outside of the output folder, because rel_dir begins with ..", "outputs lie outside of the output folder, because rel_dir begins with ..", "")
	w.remark(r.farPaths, true, "input of the list lies outside of the input folder, so its output has its whole path below the output folder",
		"inputs of the list lie outside of the input folder, so their outputs have their whole paths below the output folder", "")
	w.remark(r.ownOutside, false, "item that the task lists has an output outside of the output folder", "items that the task lists have outputs outside of the output folder", "")
	w.remark(r.unmade, false, "output is made again, because no ledger tells what made it", "outputs are made again, because no ledger tells what made them", "")
	w.remark(r.incomplete, false, "incomplete group of files is left out", "incomplete groups of files are left out", "")
	w.remark(r.surplus, true, "file is left out, because its item has another file for the same id", "files are left out, because their items have other files for the same ids", "")
	if r.members.count > 0 && r.samples == 0 {
		w.remark(r.members, false, "archive has no member with an extension of keys", "archives have no member with an extension of keys", "")
	}
	if n := w.o.counters.BadLines.Load(); n > 1 {
		w.warn(Warning{Message: count.Of(n, "line is not an item, and is left out", "lines are not items, and are left out")}, false)
	}
}

func (w *walk) remark(r remark, note bool, one, many, hint string) {
	if r.count > 0 {
		first := ": "
		if r.count > 1 {
			first = "; the first: "
		}
		where := strings.Join(append([]string{r.first}, r.next...), ", ")
		w.warn(Warning{Message: count.Of(r.count, one, many) + first + where + hint, Note: note}, false)
	}
}
