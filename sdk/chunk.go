package sdk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// countItems counts the items of a chunk or batch. It fails if they are too many.
func countItems(parts []*pb.Part) (int, error) {
	n := 0
	for _, p := range parts {
		if n += partCount(p); n > wire.MaxChunkItems {
			return 0, fmt.Errorf("has more than %d items", wire.MaxChunkItems)
		}
	}
	return n, nil
}

func partCount(p *pb.Part) int {
	if r := p.GetRange(); r != nil {
		return int(r.GetCount())
	}
	n := max(int(p.GetBlock().GetCount())-int(p.GetSkip()), 0)
	if take := int(p.GetTake()); take > 0 {
		return min(n, take)
	}
	return n
}

// itemReader reads the items of a chunk or batch one by one.
type itemReader struct {
	parts []*pb.Part // after the current one
	part  *pb.Part
	rest  []byte // of the current part's payload
	left  int    // items of the current part
}

// itemsError is an item that the host announced but did not send, or sent in an encoding that this SDK does not read.
type itemsError struct{ error }

// next returns the next item's text, which shares the message's memory. There must be one: see countItems.
func (r *itemReader) next() ([]byte, error) {
	for r.left == 0 {
		r.part, r.parts = r.parts[0], r.parts[1:]
		r.left = partCount(r.part)
		r.rest = r.part.GetBlock().GetPayload()
		for range r.part.GetSkip() {
			_, r.rest = cutLine(r.rest)
		}
	}
	r.left--
	if r.part.GetBlock().GetEncoding() != pb.Encoding_ENCODING_JSON_LINES {
		return nil, &itemsError{errors.New("the host sent items in an encoding that plugins in Go do not read: they read JSON lines")}
	}
	if len(r.rest) == 0 {
		return nil, &itemsError{errors.New("the host sent fewer items than it announced")}
	}
	var line []byte
	line, r.rest = cutLine(r.rest)
	return line, nil
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	// The capacity ends with the line: appending to it leaves the next one alone.
	return b[:i:i], b[i+1:]
}

// appendIndex adds an index to ranges in ascending order.
func appendIndex(ranges []*pb.IndexRange, index int) []*pb.IndexRange {
	if n := len(ranges); n > 0 {
		if last := ranges[n-1]; last.GetFirst()+uint64(last.GetCount()) == uint64(index) {
			last.Count++
			return ranges
		}
	}
	return append(ranges, &pb.IndexRange{First: uint64(index), Count: 1})
}
