package template

import (
	"slices"
	"strings"
)

// tarSpecs are the modes of tar archives.
var tarSpecs = []ModeSpec{
	{Name: "InputByTar", Role: RoleInput,
		Help: "The samples of tar archives, as webdataset has them: adjacent members whose names are alike up to the first dot are one item. They are read in place, nothing is unpacked. The item has input_ID for each id of keys.",
		Fields: []FieldSpec{
			{Name: "glob", Type: TypeString, Required: true,
				Help: "Which archives below the input folder, as in InputByGlob: *.tar, */*.tar."},
			{Name: "keys", Type: TypeStringsMap, Required: true,
				Help: "The extensions of each id: {image: [jpg, png], mask: seg.png, caption: txt}. An extension is all that follows the first dot of a member's name, in lower case. Of several members for one id the one whose extension comes first counts. Members of other extensions are passed over."},
			{Name: "required", Type: TypeStrings, Nullable: true,
				Help: "The ids without which a sample is no item: it is counted and named. The first id of keys that is required is input as well. Others may be null. null: all ids are required."},
			{Name: "members", Type: TypeString, Nullable: true, Choices: []string{membersAsPaths, membersAsBytes},
				Help: "How the task gets input_ID: paths are files that only memory holds, bytes are the content itself. null: paths."},
		}},
}

// The values of the field members.
const (
	membersAsPaths = "paths"
	membersAsBytes = "bytes"
)

func (c *compiler) tar(m values, in *Input) {
	in.Kind, in.Glob = ByTar, m.text("glob")
	c.extensions(m, "keys", in, func(ext string) string { return strings.TrimPrefix(strings.ToLower(ext), ".") })
	if in.Glob == "" {
		c.problem(m.path+".glob", m.node("glob"), "is empty: it must match the archives", "write *.tar")
	}
	in.Bytes = m.text("members") == membersAsBytes
}

// Globs reports whether a pattern finds the files.
func (m *Input) Globs() bool { return m.Kind == ByGlob || m.Kind == ByTar }

// HasMembers reports whether inputs may be members of archives. A merge keeps those in the lines of a manifest, as --manifest has it.
func (t *Template) HasMembers() bool {
	has := func(m *Input) bool { return m.Kind == ByTar || m.Kind == AnyLines }
	return t != nil && t.Input != nil && (t.Input.Kind == ByTar || slices.ContainsFunc(t.Input.Modes, has))
}

// WantsBytes reports whether the task gets members of archives as bytes.
func (t *Template) WantsBytes() bool {
	wants := func(m *Input) bool { return m.Bytes }
	return t.HasMembers() && (wants(t.Input) || slices.ContainsFunc(t.Input.Modes, wants))
}
