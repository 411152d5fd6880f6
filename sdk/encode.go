package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// encoder appends items to dst. encoding/json writes into it too, so each item is copied once.
type encoder struct {
	dst  []byte
	json *json.Encoder
}

func newEncoder() *encoder {
	e := &encoder{}
	e.json = json.NewEncoder(e)
	e.json.SetEscapeHTML(false)
	return e
}

func (e *encoder) Write(p []byte) (int, error) {
	e.dst = append(e.dst, p...)
	return len(p), nil
}

// item appends an item as a JSON object on one line. After an error, dst may end with a part of it.
func (e *encoder) item(item any) error {
	switch v := item.(type) {
	case RawItem:
		return e.raw(v)
	case *RawItem:
		if v == nil {
			return errors.New("it is a nil pointer, and an item is an object")
		}
		return e.raw(*v)
	case json.RawMessage:
		return e.raw(v)
	case []byte:
		return e.raw(v)
	case map[string]any:
		if v == nil {
			return errors.New("it is a nil map, and an item is an object")
		}
		return e.object(v, 0)
	case nil:
		return errors.New("it is nil, and an item is an object")
	}
	from := len(e.dst)
	if err := e.any(item); err != nil {
		return err
	}
	if e.dst[from] != '{' {
		return fmt.Errorf("a %T is not a JSON object: an item must be a struct or a map", item)
	}
	return nil
}

func (e *encoder) raw(raw []byte) error {
	if err := jsontext.ValidObject(raw); err != nil {
		return fmt.Errorf("its JSON text %w", err)
	}
	if bytes.IndexByte(raw, '\n') < 0 {
		e.dst = append(e.dst, raw...)
		return nil
	}
	compact := bytes.NewBuffer(e.dst)
	if err := json.Compact(compact, raw); err != nil {
		return fmt.Errorf("its JSON text %w", err)
	}
	e.dst = compact.Bytes()
	return nil
}

// any appends a value as encoding/json writes it.
func (e *encoder) any(v any) error {
	if err := e.json.Encode(v); err != nil {
		return err
	}
	// Encode ends with a line break.
	e.dst = e.dst[:len(e.dst)-1]
	return nil
}

// object is faster than encoding/json for the usual maps, and keeps file names that are not UTF-8.
func (e *encoder) object(m map[string]any, depth int) error {
	if depth > jsontext.MaxDepth {
		return fmt.Errorf("it %w", jsontext.ErrTooDeep)
	}
	var few [16]string
	keys := few[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	e.dst = append(e.dst, '{')
	for i, k := range keys {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		e.dst = append(jsontext.AppendString(e.dst, k), ':')
		if err := e.value(m[k], depth+1); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	e.dst = append(e.dst, '}')
	return nil
}

func (e *encoder) value(v any, depth int) error {
	switch v := v.(type) {
	case nil:
		e.dst = append(e.dst, "null"...)
	case string:
		e.dst = jsontext.AppendString(e.dst, v)
	case bool:
		e.dst = strconv.AppendBool(e.dst, v)
	case int:
		e.dst = strconv.AppendInt(e.dst, int64(v), 10)
	case int64:
		e.dst = strconv.AppendInt(e.dst, v, 10)
	case FileTriplet:
		e.dst = v.appendJSON(e.dst)
	case map[string]any:
		if v != nil {
			return e.object(v, depth)
		}
		e.dst = append(e.dst, "null"...)
	case []any:
		if v != nil {
			return e.list(v, depth)
		}
		e.dst = append(e.dst, "null"...)
	default:
		return e.any(v)
	}
	return nil
}

func (e *encoder) list(list []any, depth int) error {
	if depth > jsontext.MaxDepth {
		return fmt.Errorf("it %w", jsontext.ErrTooDeep)
	}
	e.dst = append(e.dst, '[')
	for i, v := range list {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		if err := e.value(v, depth+1); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	e.dst = append(e.dst, ']')
	return nil
}
