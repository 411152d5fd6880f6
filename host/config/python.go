package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/template"
	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// notation writes the keys and scalars of a value in one language.
type notation struct {
	key    func(b []byte, e Entry) []byte
	scalar func(b []byte, scalar any) []byte
}

var (
	pythonNotation = notation{appendPythonKey, appendPythonScalar}
	jsonNotation   = notation{appendJSONKey, appendJSONScalar}
)

func (n notation) append(b []byte, v *Value) []byte {
	switch v.Kind {
	case KindList:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = n.append(b, item)
		}
		return append(b, ']')
	case KindMap:
		b = append(b, '{')
		for i, e := range v.Entries {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(n.key(b, e), ": "...)
			b = n.append(b, e.Value)
		}
		return append(b, '}')
	}
	return n.scalar(b, v.Scalar)
}

// Text returns the value as Python's str() prints it, for argument vectors: True, None, 1.0, a list or map as its literal.
func (v *Value) Text() string {
	if s, ok := v.Scalar.(string); ok && v.Kind == KindScalar {
		return s
	}
	return string(pythonNotation.append(nil, v))
}

func appendPythonKey(b []byte, e Entry) []byte {
	if e.typed != nil {
		return append(b, e.Key...)
	}
	return appendPythonScalar(b, e.Key)
}

func appendPythonScalar(b []byte, scalar any) []byte {
	switch s := scalar.(type) {
	case nil:
		return append(b, "None"...)
	case bool:
		if s {
			return append(b, "True"...)
		}
		return append(b, "False"...)
	case string:
		return append(b, quoted(string([]rune(s)), false)...)
	case float64:
		return append(b, pythonFloat(s)...)
	case Bytes:
		return append(b, pythonBytes(s)...)
	}
	return fmt.Append(b, scalar)
}

// pythonBytes returns the literal of bytes.
func pythonBytes(s Bytes) string { return "b" + quoted(string(s), true) }

// quoted returns a text within the quotes that Python chooses. ascii escapes every byte beyond ASCII.
func quoted(s string, ascii bool) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b := []byte{quote}
	for _, c := range []byte(s) {
		switch {
		case c == quote || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || c == 0x7f || ascii && c > 0x7f:
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, quote))
}

// pythonFloat returns a float as Python prints it: the shortest digits, with an exponent below 1e-4 and from 1e16.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64), "+"))
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// JSON returns the value as one JSON text in the spelling of Python's json.dumps. A map in an argument vector becomes this.
// Numbers that JSON cannot express become Python's Infinity and NaN.
func (v *Value) JSON() string { return string(jsonNotation.append(nil, v)) }

func appendJSONKey(b []byte, e Entry) []byte {
	if yes, ok := e.typed.(bool); ok {
		return jsontext.AppendASCII(b, strconv.FormatBool(yes))
	}
	return jsontext.AppendASCII(b, e.Key)
}

func appendJSONScalar(b []byte, scalar any) []byte {
	switch s := scalar.(type) {
	case bool:
		return strconv.AppendBool(b, s)
	case json.Number:
		return append(b, s...)
	case float64:
		if math.IsNaN(s) {
			return append(b, "NaN"...)
		}
		return append(b, strings.Replace(pythonFloat(s), "inf", "Infinity", 1)...)
	case Bytes:
		// json.dumps refuses bytes. An argument gets their literal.
		return jsontext.AppendASCII(b, pythonBytes(s))
	case string:
		return jsontext.AppendASCII(b, s)
	case template.Exact:
		text, _ := s.MarshalJSON() // two strings always have JSON
		return append(b, text...)
	}
	return append(b, "null"...)
}
