package backbones

import "bytes"

// Ends appends the ends of a JSON block's lines in its payload to dst; other blocks have none. bytes.SplitSeq would take 1 ns more an item.
func (b Block) Ends(dst []int) []int {
	if b.Encoding != JSONLines {
		return dst
	}
	for from := 0; from <= len(b.Payload); {
		to := len(b.Payload)
		if i := bytes.IndexByte(b.Payload[from:], '\n'); i >= 0 {
			to = from + i
		}
		dst = append(dst, to)
		from = to + 1
	}
	return dst
}

// Piece is the block of the items from position from up to to. ends are what Ends returns.
func (b Block) Piece(from, to int, ends []int) Block {
	if from == 0 && to == b.Count {
		return b
	}
	part := b
	part.First, part.Count = b.First+uint64(from), to-from
	switch b.Encoding {
	case JSONLines:
		start := 0
		if from > 0 {
			start = ends[from-1] + 1
		}
		part.Payload, part.Marshal = b.Payload[start:ends[to-1]], nil
	case Opaque:
		part.Skip += from
		if len(b.ContentKeys) == b.Count {
			part.ContentKeys = b.ContentKeys[from:to]
		}
		if len(b.Keys) == b.Count {
			part.Keys = b.Keys[from:to]
		}
	}
	if b.Refused != nil {
		part.Refused = b.Refused[from:to]
	}
	return part
}
