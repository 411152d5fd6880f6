package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/internal/bytesize"
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
	{Name: "OutputByTar", Role: RoleOutput,
		Help: "One sample an item in tar archives in the output folder, as InputByTar and webdataset read them. The key is the input's path without its extension. An archive is named by its keys, and has an index beside it. Needs finish_check_mode.",
		Fields: []FieldSpec{
			{Name: "size", Type: TypeIntOrString, Default: Scalar("1GiB"), Nullable: true,
				Help: "From how many bytes on an archive is closed: a number, or as in 800M, 1GiB. null: whatever its size."},
			{Name: "count", Type: TypeInt, Default: Scalar(json.Number("10000")), Nullable: true,
				Help: "From how many samples on an archive is closed. null: however many. Their paths are kept in memory until then."},
			{Name: "keys", Type: TypeStringMap, Nullable: true,
				Help: "The extension of each member by its id: {image: jpg, mask: seg.png, caption: txt}. The task gets output_ID for each, and the first is output as well. null: one member, output, with the input's extension."},
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

func (c *compiler) outTar(m values, out *Output) {
	out.Kind = InTar
	size, count := m.node("size"), m.node("count")
	if size == nil && count == nil {
		c.problem(m.path+".size", m.mode, "is null, and so is count: no archive would ever be closed", "give at least one of them")
	}
	if size != nil {
		var err error
		if out.Size, err = bytesize.Parse(textOf(size)); err != nil {
			c.problem(m.path+".size", size, fmt.Sprintf("is %s: it %s", show(size), err), "")
		} else if out.Size == 0 {
			c.problem(m.path+".size", size, "is 0: an archive must hold something", "null sets no limit")
		}
	}
	if count != nil {
		if out.Count = int(m.int("count")); out.Count < 1 {
			c.problem(m.path+".count", count, fmt.Sprintf("is %d: an archive must hold at least one sample", out.Count), "null sets no limit")
		}
	}
	keys := m.node("keys")
	if keys == nil {
		return
	}
	owner := map[string]string{}
	for _, f := range keys.Fields {
		ext, where := strings.TrimPrefix(strings.ToLower(textOf(normal(f.Value))), "."), m.path+".keys."+f.Name
		other, taken := owner[ext]
		switch {
		case f.Name == "":
			c.problem(m.path+".keys", keys, "has an empty id: the task gets each member as output_ID", "")
		case ext == "" || strings.HasPrefix(ext, "."):
			c.problem(where, f.Value, "is empty: an extension must tell the members of a sample apart", "")
		case strings.ContainsAny(ext, "/~"):
			c.problem(where, f.Value, fmt.Sprintf("is %q: an extension has neither a slash nor a ~", ext), "")
		case strings.HasSuffix(ext, metaMark):
			c.problem(where, f.Value, fmt.Sprintf("is %q: webdataset passes over members whose names begin and end with %s", ext, metaMark), "")
		case taken:
			c.problem(where, f.Value, fmt.Sprintf("is %q, which %s has already: a sample has one member of an extension", ext, other), "")
		}
		owner[ext] = f.Name
		out.Files = append(out.Files, OutputFile{ID: f.Name, Name: ext})
	}
	if len(keys.Fields) == 0 {
		c.problem(m.path+".keys", keys, "names no member", "write it as {ID: EXTENSION}, or null for one member")
	}
}

// finishTar checks the fields of a finish check that looks for samples.
func (c *compiler) finishTar(m values) {
	if n := m.node("output_field_suffix"); n != nil {
		c.problem(m.path+".output_field_suffix", n, fmt.Sprintf("is %q, but a sample of OutputByTar is finished as a whole", m.text("output_field_suffix")), "set it to null")
	}
	if n := m.node("redo"); n != nil {
		c.problem(m.path+".redo", n, fmt.Sprintf("is %q, but a sample in a tar archive is never written again", m.text("redo")),
			"set it to null, and remove the archives whose samples are to be made again")
	}
}
