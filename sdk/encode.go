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

// encoder writes items behind each other. encoding/json writes into it too, so that an item is copied once.
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

// item appends the JSON object that an item is, on one line. After an error there may be a part of it.
func (e *encoder) item(item any) (err error) {
	switch v := item.(type) {
	case RawItem:
		e.dst, err = appendRaw(e.dst, v)
		return err
	case json.RawMessage:
		e.dst, err = appendRaw(e.dst, v)
		return err
	case []byte:
		e.dst, err = appendRaw(e.dst, v)
		return err
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
		return fmt.Errorf("a %T encodes to no JSON object, and an item is one: a struct or a map", item)
	}
	return nil
}

func appendRaw(dst, raw []byte) ([]byte, error) {
	if err := jsontext.ValidObject(raw); err != nil {
		return dst, fmt.Errorf("its JSON text %w", err)
	}
	if bytes.IndexByte(raw, '\n') < 0 {
		return append(dst, raw...), nil
	}
	// A line break between the parts of a text is no part of it.
	compact := bytes.NewBuffer(dst)
	if err := json.Compact(compact, raw); err != nil {
		return dst, fmt.Errorf("its JSON text %w", err)
	}
	return compact.Bytes(), nil
}

// any appends what encoding/json makes of a value.
func (e *encoder) any(v any) error {
	if err := e.json.Encode(v); err != nil {
		return err
	}
	// Encode ends with a line break.
	e.dst = e.dst[:len(e.dst)-1]
	return nil
}

// object is encoding/json's work for the maps that items most often are, with file names of any bytes kept.
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
		if v == nil {
			e.dst = append(e.dst, "null"...)
			return nil
		}
		return e.object(v, depth)
	case []any:
		if v == nil {
			e.dst = append(e.dst, "null"...)
			return nil
		}
		return e.list(v, depth)
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
