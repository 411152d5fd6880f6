package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/kagurazaka/kagurazaka/sdk/internal/jsontext"
)

// appendItem appends the JSON object that an item is, on one line.
func appendItem(dst []byte, item any) ([]byte, error) {
	switch v := item.(type) {
	case RawItem:
		return appendRaw(dst, v)
	case json.RawMessage:
		return appendRaw(dst, v)
	case []byte:
		return appendRaw(dst, v)
	case map[string]any:
		return appendMap(dst, v, 0)
	case nil:
		return dst, errors.New("it is nil, and an item is an object")
	}
	from := len(dst)
	dst, err := appendAny(dst, item)
	if err != nil {
		return dst, err
	}
	if dst[from] != '{' {
		return dst, fmt.Errorf("a %T encodes to no JSON object, and an item is one: a struct or a map", item)
	}
	return dst, nil
}

func appendRaw(dst, raw []byte) ([]byte, error) {
	if err := jsontext.ValidObject(raw); err != nil {
		return dst, fmt.Errorf("its JSON text: %w", err)
	}
	if bytes.IndexByte(raw, '\n') < 0 {
		return append(dst, raw...), nil
	}
	// A line break between the parts of a text is no part of it.
	compact := bytes.NewBuffer(dst)
	if err := json.Compact(compact, raw); err != nil {
		return dst, fmt.Errorf("its JSON text: %w", err)
	}
	return compact.Bytes(), nil
}

// encoder is an encoder with its buffer, both kept for the next item.
type encoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}}

// appendAny appends what encoding/json makes of a value.
func appendAny(dst []byte, v any) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.buf.Reset()
	if err := e.enc.Encode(v); err != nil {
		return dst, err
	}
	// Encode ends with a line break.
	return append(dst, e.buf.Bytes()[:e.buf.Len()-1]...), nil
}

// appendMap is encoding/json's work for the maps that items most often are, with file names of any bytes kept.
func appendMap(dst []byte, m map[string]any, depth int) ([]byte, error) {
	if m == nil {
		if depth == 0 {
			return dst, errors.New("it is a nil map, and an item is an object")
		}
		return append(dst, "null"...), nil
	}
	if depth > jsontext.MaxDepth {
		return dst, fmt.Errorf("it is nested more than %d deep", jsontext.MaxDepth)
	}
	var few [16]string
	keys := few[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, k), ':')
		var err error
		if dst, err = appendValue(dst, m[k], depth+1); err != nil {
			return dst, fmt.Errorf("%s: %w", k, err)
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return jsontext.AppendString(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if math.Abs(v) < 1e15 && v == math.Trunc(v) && (v != 0 || !math.Signbit(v)) {
			return strconv.AppendInt(dst, int64(v), 10), nil
		}
		return appendAny(dst, v)
	case FileTriplet:
		return v.appendJSON(dst), nil
	case map[string]any:
		return appendMap(dst, v, depth)
	case []any:
		if v == nil {
			return append(dst, "null"...), nil
		}
		if depth > jsontext.MaxDepth {
			return dst, fmt.Errorf("it is nested more than %d deep", jsontext.MaxDepth)
		}
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendValue(dst, e, depth+1); err != nil {
				return dst, fmt.Errorf("element %d: %w", i, err)
			}
		}
		return append(dst, ']'), nil
	default:
		return appendAny(dst, v)
	}
}
