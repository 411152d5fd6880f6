package template

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Exact is a scalar that JSON has no form for. Its JSON is {"$exact": [TYPE, TEXT]} (docs/protocol.md, "Values").
type Exact struct {
	// Type is "float" or "bytes".
	Type string
	// Text is "nan", "inf" or "-inf" for a float, the base64 text of bytes.
	Text string
}

// ExactKey is the one key of an object that stands for a value which JSON has no form for.
const ExactKey = "$exact"

// ExactBytes is the scalar of some bytes.
func ExactBytes(b string) Exact { return Exact{"bytes", base64.StdEncoding.EncodeToString([]byte(b))} }

// MarshalJSON writes the object.
func (e Exact) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string][2]string{ExactKey: {e.Type, e.Text}})
}

func (e Exact) String() string {
	if e.Type == "float" {
		return e.Text
	}
	return e.Type
}

// exactOf reads the object that stands for an Exact; ok is false for any other.
func exactOf(m map[string]any) (Exact, bool) {
	pair, ok := m[ExactKey].([]any)
	if !ok || len(m) != 1 || len(pair) != 2 {
		return Exact{}, false
	}
	kind, _ := pair[0].(string)
	text, _ := pair[1].(string)
	return Exact{kind, text}, kind == "float" || kind == "bytes"
}

// FromJSON returns the node of a JSON value: nil, bool, string, json.Number, []any or map[string]any.
func FromJSON(v any) *Node {
	if m, ok := v.(map[string]any); ok {
		if e, ok := exactOf(m); ok {
			return Scalar(e)
		}
	}
	return Scalar(v)
}

// KeyText is how a map's key that is not a text is printed: as Python prints it.
func KeyText(keyJSON string) (string, error) {
	switch keyJSON {
	case "true":
		return "True", nil
	case "false":
		return "False", nil
	}
	var number json.Number
	if err := json.Unmarshal([]byte(keyJSON), &number); err != nil {
		return "", fmt.Errorf("%q is not the key of a map: a number, true or false", keyJSON)
	}
	return number.String(), nil
}
