package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/jsontext"
)

// Text returns the value as Python's str() prints it: True, None, 1.0, and a list or map as its literal. It is what an
// argument vector gets.
func (v *Value) Text() string {
	if v == nil {
		return "None"
	}
	if s, ok := v.Scalar.(string); ok && v.Kind == KindScalar {
		return s
	}
	var b strings.Builder
	writePython(&b, v)
	return b.String()
}

func writePython(b *strings.Builder, v *Value) {
	switch v.Kind {
	case KindList:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			writePython(b, item)
		}
		b.WriteByte(']')
	case KindMap:
		b.WriteByte('{')
		for i, e := range v.Entries {
			if i > 0 {
				b.WriteString(", ")
			}
			if e.typed != nil {
				b.WriteString(e.Key)
			} else {
				b.WriteString(pythonString(e.Key))
			}
			b.WriteString(": ")
			writePython(b, e.Value)
		}
		b.WriteByte('}')
	default:
		switch s := v.Scalar.(type) {
		case nil:
			b.WriteString("None")
		case bool:
			b.WriteString(map[bool]string{true: "True", false: "False"}[s])
		case string:
			b.WriteString(pythonString(s))
		case float64:
			b.WriteString(pythonFloat(s))
		case Bytes:
			b.WriteString(pythonBytes(string(s)))
		default:
			fmt.Fprint(b, s)
		}
	}
}

// pythonString is a string's literal in Python's choice of quotes.
func pythonString(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var b strings.Builder
	b.WriteString(quote)
	for _, r := range s {
		switch {
		case string(r) == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString(quote)
	return b.String()
}

// pythonBytes is the literal of bytes in Python's choice of quotes.
func pythonBytes(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b := []byte{'b', quote}
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
		case c < ' ' || c > '~':
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, quote))
}

// pythonFloat is a float as Python prints it: the shortest digits that mean it, with an exponent below 1e-4 and from
// 1e16 on.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
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

// JSON returns the value as one JSON text in the spelling of Python's json.dumps, which is what a map becomes in an
// argument vector. Numbers that JSON has no word for become Python's Infinity and NaN.
func (v *Value) JSON() string {
	var b strings.Builder
	writeJSON(&b, v)
	return b.String()
}

func writeJSON(b *strings.Builder, v *Value) {
	if v == nil {
		b.WriteString("null")
		return
	}
	switch v.Kind {
	case KindList:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case KindMap:
		b.WriteByte('{')
		for i, e := range v.Entries {
			if i > 0 {
				b.WriteString(", ")
			}
			key := e.Key
			if yes, ok := e.typed.(bool); ok {
				key = strconv.FormatBool(yes)
			}
			b.Write(jsontext.AppendASCII(nil, key))
			b.WriteString(": ")
			writeJSON(b, e.Value)
		}
		b.WriteByte('}')
	default:
		writeJSONScalar(b, v.Scalar)
	}
}

func writeJSONScalar(b *strings.Builder, scalar any) {
	switch s := scalar.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(s))
	case json.Number:
		b.WriteString(s.String())
	case float64:
		switch {
		case math.IsNaN(s):
			b.WriteString("NaN")
		case math.IsInf(s, 0):
			b.WriteString(strings.Replace(pythonFloat(s), "inf", "Infinity", 1))
		default:
			b.WriteString(pythonFloat(s))
		}
	case Bytes:
		// json.dumps refuses bytes: an argument gets their literal.
		b.Write(jsontext.AppendASCII(nil, pythonBytes(string(s))))
	case string:
		b.Write(jsontext.AppendASCII(nil, s))
	}
}
