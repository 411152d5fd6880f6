package plan

import "unicode/utf8"

const hex = "0123456789abcdef"

// plainByte tells which bytes stand for themselves in a JSON string.
var plainByte = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendJSONString appends s as a JSON string with its quotes. Bytes that are no UTF-8 become lone surrogates, 0xNN as
// \udcNN, as Python's surrogateescape does: file names go through unharmed.
func AppendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends what stands between the quotes.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainByte[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			// One character at a time: converting so few bytes stays on the stack.
			r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'u', 'd', 'c', hex[c>>4], hex[c&15])
			i++
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// appendTriplet appends {"path":…,"rel_dir":…,"file_name":…}.
func appendTriplet(dst []byte, path, relDir, fileName string) []byte {
	dst = append(dst, `{"path":`...)
	dst = AppendJSONString(dst, path)
	dst = append(dst, `,"rel_dir":`...)
	dst = AppendJSONString(dst, relDir)
	dst = append(dst, `,"file_name":`...)
	dst = AppendJSONString(dst, fileName)
	return append(dst, '}')
}
