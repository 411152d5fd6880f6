package sdk

import (
	"errors"
	"maps"
	"slices"
)

// Fields are optional fields of a mode by their names, which the documentation of inputs has.
type Fields map[string]any

// With returns the mode with some of its optional fields set: With(InputByExts(".jpg"), Fields{"recursive": false}).
func With(mode Mode, fields Fields) Mode {
	m, ok := mode.(*builtin)
	if !ok {
		return &builtin{err: errors.New("With sets fields of a mode that a function of this package has made, and of no other")}
	}
	with := &builtin{name: m.name, fields: slices.Clone(m.fields), err: m.err}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		i := slices.IndexFunc(with.fields, func(f modeField) bool { return f.name == name })
		if i < 0 {
			i = len(with.fields)
			with.fields = append(with.fields, modeField{name: name})
		}
		with.fields[i].value = fields[name]
	}
	return with
}

// InputFromList reads paths from a file, one a line; "-" is stdin. rel_dir is relative to the input folder, or to the working folder
// without one. With Fields{"nul": true} each path ends with a NUL, as find -print0 writes them.
func InputFromList(path any) Mode {
	return builtinMode("InputFromList", modeField{"list_path", path})
}
