package config

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/lazily"
)

// The plain scalars of YAML 1.1, as PyYAML with OmegaConf's float rule reads them, and so kagurazaka 0.1.1.
var (
	yamlInt = lazily.Regexp(`^[-+]?(?:0b_*[01][01_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*(?::[0-5]?[0-9])*)$`)
	// A fraction may have underscores. Digits before an exponent may have them only without a fraction.
	yamlFloat = lazily.Regexp(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*|` +
		`[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|` +
		`\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|` +
		`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|` +
		`[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
)

// plainScalar returns the value of a plain (unquoted) YAML scalar: nil, bool, json.Number, float64 or the string itself.
func plainScalar(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE":
		return true
	case "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE":
		return false
	}
	switch {
	case !strings.ContainsRune("+-.0123456789", rune(s[0])):
	case yamlInt().MatchString(s):
		if n, ok := yamlInteger(s); ok {
			return n
		}
	case yamlFloat().MatchString(s):
		return yamlReal(s)
	}
	return s
}

// yamlInteger reads an integer that matches yamlInt.
func yamlInteger(s string) (json.Number, bool) {
	s = strings.ReplaceAll(s, "_", "")
	n, ok := new(big.Int), true
	if !strings.Contains(s, ":") {
		_, ok = n.SetString(s, 0)
		return json.Number(n.String()), ok
	}
	for part := range strings.SplitSeq(strings.TrimLeft(s, "+-"), ":") {
		digit, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return "", false
		}
		n.Mul(n, big.NewInt(60)).Add(n, big.NewInt(digit))
	}
	if s[0] == '-' {
		n.Neg(n)
	}
	return json.Number(n.String()), ok
}

// yamlReal reads a number that matches yamlFloat. One out of range is infinite or 0, as in Python.
func yamlReal(s string) float64 {
	s = strings.ReplaceAll(s, "_", "")
	if strings.Contains(s, ":") {
		sign := 1.0
		if s[0] == '-' {
			sign = -1
		}
		var sum float64
		for part := range strings.SplitSeq(strings.TrimLeft(s, "+-"), ":") {
			digits, _ := strconv.ParseFloat(part, 64)
			sum = sum*60 + digits
		}
		return sign * sum
	}
	if strings.ContainsAny(s, "nN") { // .inf and .nan: Go has no point there, and no sign before nan
		s = strings.Replace(s, ".", "", 1)
		if strings.HasSuffix(strings.ToLower(s), "nan") {
			return math.NaN()
		}
	}
	f, _ := strconv.ParseFloat(s, 64)
	return f
}
