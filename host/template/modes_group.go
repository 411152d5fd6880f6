package template

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// groupSpecs are the modes whose items are several files, and the mode that merges others.
var groupSpecs = []ModeSpec{
	{Name: "InputByGroup", Role: RoleInput,
		Help: "The files of one folder that share a stem are one item: a.jpg, a.txt and a.json. The item has input_ID for each id. Linked folders are not entered.",
		Fields: []FieldSpec{
			{Name: "files", Type: TypeStringsMap, Required: true,
				Help: "The extensions of each id: {image: [.jpg, .png], caption: .txt}. What is before the extension is the stem. The longest extension that fits a name counts, and of several files for one id the one whose extension comes first."},
			{Name: "required", Type: TypeStrings, Nullable: true,
				Help: "The ids without which a group is no item: it is counted and named. The first id of files that is required is input as well. Others may be null. null: all ids are required."},
		}},
	{Name: "InputByFilenameSubfoldering", Role: RoleInput,
		Help: "Each folder below the input folder that has the files is an item, as OutputByFilenameSubfoldering writes it: input is the folder, and input_ID is each file. Linked folders are not entered.",
		Fields: []FieldSpec{
			{Name: "file_to_read", Type: TypeStringMap, Required: true,
				Help: "The files in the folder, by id: the task gets input_ID for each."},
			{Name: "required", Type: TypeStrings, Nullable: true,
				Help: "The ids without which a folder is no item: it is counted and named. Others may be null. null: all ids are required."},
		}},
	{Name: "InputByMerge", Role: RoleInput,
		Help: "The items of several input modes, one mode after another. An item that comes again is left out if there is an output_mode.",
		Fields: []FieldSpec{
			{Name: "modes", Type: TypeModes, Required: true,
				Help: "The modes, in their order. --mixin input_mode.modes.0.FIELD=VALUE sets a field of the first."},
		}},
}

// hasCustom reports whether a mode that merges others has one that is the plugin's own code. Then the plugin has to run all of it.
func hasCustom(n *Node) bool {
	found := false
	if n.Mode == "InputByMerge" {
		n.walk("", func(_ string, n *Node) { found = found || n.Kind == KindMode && n.Custom })
	}
	return found
}

func (c *compiler) group(m values, in *Input) {
	in.Kind = ByGroup
	c.extensions(m, "files", in, strings.ToLower)
	for _, member := range in.Members {
		in.Exts = append(in.Exts, member.Exts...)
	}
}

// extensions reads the extensions of each id from a field, in the form that normalize gives them.
func (c *compiler) extensions(m values, name string, in *Input, normalize func(string) string) {
	field := m.path + "." + name
	owner := map[string]string{}
	for _, f := range m.node(name).Fields {
		member, where := Member{ID: f.Name}, field+"."+f.Name
		value := normal(f.Value)
		texts := []*Node{value}
		if value.Kind == KindList {
			texts = value.List
		}
		for _, n := range texts {
			ext := normalize(textOf(n))
			other, taken := owner[ext]
			switch {
			case ext == "":
				c.problem(where, value, "is empty: an extension must tell the files of this id from others", "")
			case strings.Contains(ext, "/"):
				c.problem(where, value, fmt.Sprintf("is %q, which has a slash: an extension stays within the file's name", ext), "")
			case taken:
				c.problem(where, value, fmt.Sprintf("is %q, which %s has already: a file belongs to one id", ext, other), "")
			}
			owner[ext] = f.Name
			member.Exts = append(member.Exts, ext)
		}
		if len(texts) == 0 {
			c.problem(where, value, "has no extension", "")
		}
		in.Members = append(in.Members, member)
	}
	c.required(m, field, in)
	in.First = slices.IndexFunc(in.Members, func(m Member) bool { return m.Required })
	if in.First < 0 && len(in.Members) > 0 && !c.broken[top(m.path)] {
		c.problem(m.path+".required", m.node("required"), "names no id, but an item's output is named after a file that it always has",
			"name at least one id, or give null: all")
	}
}

func (c *compiler) folderGroup(m values, in *Input) {
	in.Kind, in.First = ByFolder, -1
	field := m.path + ".file_to_read"
	owner := map[string]string{}
	for _, f := range m.node("file_to_read").Fields {
		name := textOf(normal(f.Value))
		other, taken := owner[path.Clean(name)]
		switch where := field + "." + f.Name; {
		case name == "":
			c.problem(where, f.Value, "is empty: it must name a file", "")
		case !filepath.IsLocal(name) || path.Clean(name) == ".":
			c.problem(where, f.Value, fmt.Sprintf("is %q, which leads out of the item's folder", name), "give the file's name in the folder")
		case taken:
			c.problem(where, f.Value, fmt.Sprintf("is %q, which %s has already", name, other), "")
		}
		owner[path.Clean(name)] = f.Name
		in.Members = append(in.Members, Member{ID: f.Name, Name: name})
	}
	c.required(m, field, in)
}

// required checks the ids of the members, and sets which are required. field is the field with the ids.
func (c *compiler) required(m values, field string, in *Input) {
	var ids []string
	for _, member := range in.Members {
		ids = append(ids, member.ID)
	}
	switch {
	case len(ids) == 0:
		c.problem(field, m.mode.Get(field[len(m.path)+1:]), "names no file", "write it as {ID: …}")
	case slices.Contains(ids, ""):
		c.problem(field, m.mode.Get(field[len(m.path)+1:]), "has an empty id: the task gets each file as input_ID", "")
	}
	if m.node("required") == nil {
		for i := range in.Members {
			in.Members[i].Required = true
		}
		return
	}
	for _, n := range m.list("required") {
		i := slices.Index(ids, textOf(n))
		if i < 0 {
			c.problem(m.path+".required", m.node("required"), fmt.Sprintf("has %q, which is not an id of %s", textOf(n), field),
				orOneOf(problem.Near(textOf(n), ids), ids))
			continue
		}
		in.Members[i].Required = true
	}
}

func (c *compiler) merge(m values, in *Input) {
	in.Kind = Merged
	list := m.list("modes")
	if len(list) == 0 && !c.wrong(m.path+".modes") {
		c.problem(m.path+".modes", m.node("modes"), "is empty: nothing would be listed", "write it as [{mode: NAME, …}, …]")
	}
	for i, n := range list {
		where := fmt.Sprintf("%s.modes.%d", m.path, i)
		spec, n, ok := c.mode(where, RoleInput, normal(n))
		if !ok {
			continue
		}
		fields := c.fields(where, spec, n)
		if c.wrong(where) {
			continue
		}
		one := c.input(fields)
		if one.IsStdin() && slices.ContainsFunc(in.Modes, (*Input).IsStdin) {
			c.problem(where, n, "reads stdin, which a mode before it reads to its end", "")
		}
		if one.Kind == Merged {
			in.Modes = append(in.Modes, one.Modes...)
			continue
		}
		in.Modes = append(in.Modes, one)
	}
}

// top is the top-level field of a path.
func top(path string) string {
	name, _, _ := strings.Cut(path, ".")
	return name
}
