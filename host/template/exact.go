package template

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Exact is a scalar without a form in JSON. Its JSON is {"$exact": [TYPE, TEXT]} (docs/protocol.md, "Values").
type Exact struct {
	// Type is "float" or "bytes".
	Type string
	// Text is "nan", "inf" or "-inf" for a float, the base64 text of bytes.
	Text string
}

// ExactKey is the only key of an object that stands for an Exact.
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

// FromJSON returns the node of a JSON value: nil, bool, string, json.Number, []any or map[string]any.
func FromJSON(v any) *Node {
	m, _ := v.(map[string]any)
	pair, _ := m[ExactKey].([]any)
	if len(m) == 1 && len(pair) == 2 {
		kind, _ := pair[0].(string)
		text, _ := pair[1].(string)
		if kind == "float" || kind == "bytes" {
			return Scalar(Exact{kind, text})
		}
	}
	return Scalar(v)
}

// KeyText returns the printed form, as in Python, of a map's key that is a number or a boolean.
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
