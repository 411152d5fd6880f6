package template

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

// noExtension is the extension of the only member of a sample whose input has none: a member needs one to be read.
const noExtension = "bin"

// SampleFolder returns the folder of a sample in a tar archive, "." for its root, and the name of its input. Every input has a place in
// the archive: names that lead up, an absolute path, names that webdataset does not read and those that look like a file in the spool are
// written in another way. Different folders stay different.
func SampleFolder(relDir, fileName string) (folder, name string) {
	if folder = relDir; strings.Contains(fileName, "/") {
		full := Join(relDir, fileName)
		folder, fileName = path.Dir(full), path.Base(full)
	}
	if folder = path.Clean(folder); isPlainFolder(folder) {
		return folder, fileName
	}
	names := strings.Split(strings.ReplaceAll(folder, "%", "%25"), "/")
	for i, n := range names {
		switch {
		case n == "..":
			names[i] = "%2E%2E"
		case i == 0 && n == "":
			names[i] = "%2F"
		case i == 0 && isMeta(n):
			names[i] = "%5F" + n[1:]
		}
		if _, _, _, ok := ParseSpoolName(n); ok {
			// The file of a sample in the spool may have this name.
			names[i] = strings.ReplaceAll(names[i], "~", "%7E")
		}
		// In webdataset's pattern for keys a dot matches no newline.
		names[i] = strings.ReplaceAll(names[i], "\n", "%0A")
	}
	return strings.TrimRight(strings.Join(names, "/"), "/"), fileName
}

// isPlainFolder reports whether a clean folder is written as it is.
func isPlainFolder(folder string) bool {
	if strings.ContainsAny(folder, "%~\n") || strings.HasPrefix(folder, "/") || strings.HasPrefix(folder, "..") {
		return false
	}
	first, _, _ := strings.Cut(folder, "/")
	return !isMeta(first)
}

// isMeta reports whether webdataset passes over members whose path begins with a name.
func isMeta(name string) bool {
	return len(name) >= 2*len(metaMark) && strings.HasPrefix(name, metaMark) && strings.HasSuffix(name, metaMark)
}

// metaMark begins and ends the names of members that webdataset passes over.
const metaMark = "__"

// AppendSampleKey appends the key of the sample of an input: its folder, and its name without the extension. A key ends at the first dot,
// so those of the name are written as %2E.
func AppendSampleKey(dst []byte, folder, name string) []byte {
	if folder != "." {
		dst = append(append(dst, folder...), '/')
	}
	return appendSampleName(dst, name)
}

func appendSampleName(dst []byte, name string) []byte {
	stem, _ := splitExtension(name)
	for i := range len(stem) {
		switch b := stem[i]; b {
		case '.':
			dst = append(dst, "%2E"...)
		case '%':
			dst = append(dst, "%25"...)
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// splitExtension is Python's os.path.splitext for a name, without the extension's dot. Dots at the start of a name begin no extension.
func splitExtension(name string) (stem, ext string) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || strings.Trim(name[:dot], ".") == "" {
		return name, ""
	}
	return name[:dot], name[dot+1:]
}

// memberExt is the extension of a member of an input's sample.
func (o *Output) memberExt(name string, member int) string {
	if len(o.Files) > 0 {
		return o.Files[member].Name
	}
	_, ext := splitExtension(name)
	if ext == "" {
		return noExtension
	}
	if start, ok := strings.CutSuffix(ext, metaMark); ok {
		// With a name that begins with such a mark, webdataset would pass over the member.
		return start + "_%5F"
	}
	return ext
}

// Declares reports whether a file in the spool, as ParseSpoolName splits its name, is a member of this mode's samples.
func (o *Output) Declares(name string, member int, ext string) bool {
	return member < max(1, len(o.Files)) && ext == o.memberExt(name, member)
}

// AppendMemberName appends the name that a member of an input's sample has in its folder of the archive. The first member is 0.
func (o *Output) AppendMemberName(dst []byte, name string, member int) []byte {
	dst = append(appendSampleName(dst, name), '.')
	return append(dst, o.memberExt(name, member)...)
}

// AppendSpoolName appends the name of the file in the spool that becomes a member of an input's sample: INPUT~MEMBER.EXT. Different inputs,
// and different members, have different files.
func (o *Output) AppendSpoolName(dst []byte, name string, member int) []byte {
	dst = append(append(dst, name...), '~')
	dst = append(strconv.AppendInt(dst, int64(member), 10), '.')
	return append(dst, o.memberExt(name, member)...)
}

// SpoolPath is the folder of the spool that has the files of samples, below the output folder.
const SpoolPath = SpoolFolder + "/samples"

// ParseSpoolName splits the name of a file in the spool.
func ParseSpoolName(file string) (name string, member int, ext string, ok bool) {
	for at := len(file); ; {
		if at = strings.LastIndexByte(file[:at], '~'); at < 1 {
			return "", 0, "", false
		}
		number, ext, found := strings.Cut(file[at+1:], ".")
		member, err := strconv.Atoi(number)
		if found && err == nil && member >= 0 && strconv.Itoa(member) == number && ext != "" {
			return file[:at], member, ext, true
		}
	}
}

// archiveName is the form of the names of archives: 16 digits of the hash of their keys.
var archiveName = regexp.MustCompile(`^[0-9a-f]{16}\.tar$`)

// IndexExt is what the name of an archive's index has behind that of the archive.
const IndexExt = ".idx"

// IsArchive reports whether a name has the form of those of the archives that are written.
func IsArchive(name string) bool { return archiveName.MatchString(name) }
