package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// Compile turns a resolved template into one that can be run. The root is a node of KindMap with the top-level fields; nil and null
// stand for a task without a template. A mode that a mixin gave as a plain map is recognized by its key "mode", or by its fields if
// they fit only one mode.
//
// It returns all problems at once, in the order of the fields. The Template is nil if one is more than a warning.
func Compile(root *Node) (*Template, []problem.Problem) {
	c := &compiler{t: &Template{}, broken: map[string]bool{}}
	if !root.IsNull() {
		c.root(root)
	}
	if problem.Any(c.problems) {
		return nil, c.problems
	}
	return c.t, c.problems
}

type compiler struct {
	t        *Template
	problems []problem.Problem
	// hard are the fields of the hard shard mode, if it is a built-in one.
	hard values
	// broken are the top-level fields with problems. Fields that depend on them are not checked.
	broken map[string]bool
}

func (c *compiler) problem(path string, n *Node, message, suggestion string) {
	p := problem.Problem{Path: path, Message: message, Suggestion: suggestion}
	if n != nil {
		p.Source = n.Origin
	}
	c.problems = append(c.problems, p)
	c.broken[top(path)] = true
}

// wrong reports whether a field or a part of it has a problem.
func (c *compiler) wrong(path string) bool {
	return slices.ContainsFunc(c.problems, func(p problem.Problem) bool {
		return !p.Warning && (p.Path == path || strings.HasPrefix(p.Path, path+"."))
	})
}

// warn adds a problem that does not keep the template from being run.
func (c *compiler) warn(path string, n *Node, message, suggestion string) {
	p := problem.Problem{Path: path, Message: message, Suggestion: suggestion, Warning: true}
	if n != nil {
		p.Source = n.Origin
	}
	c.problems = append(c.problems, p)
}

func (c *compiler) root(root *Node) {
	root = normal(root)
	if root.Kind != KindMap && root.Kind != KindMode {
		c.problem("", root, "the template is not a map of fields", "")
		return
	}
	names := namesOf(topLevel)
	for _, f := range root.Fields {
		if !slices.Contains(names, f.Name) {
			c.problem(f.Name, f.Value, "is not a field of a template", problem.Near(f.Name, names))
		}
	}
	for _, name := range names {
		c.topLevel(name, normal(root.Get(name)))
	}
	c.folders()
	c.together(root)
}

// topLevel compiles one field. Placeholders are reported first, in custom modes as well.
func (c *compiler) topLevel(role string, n *Node) {
	if n.IsNull() {
		return
	}
	n.walk(role, func(path string, v *Node) {
		if v.Kind == KindPlaceholder {
			hint := "give it with --mixin "
			if v.Origin != "" {
				hint = "give it there, or with --mixin "
			}
			c.problem(path, v, "required template value is not set", hint+path+"=VALUE")
			c.problems[len(c.problems)-1].Open = true
		}
	})
	switch {
	case n.Kind == KindPlaceholder:
		return
	case role == RoleDataloader:
		if n.Kind != KindMap && n.Kind != KindMode {
			c.problem(role, n, "must be a map, not "+show(n), "")
		}
		c.dataloader(n)
		return
	case n.Kind == KindMode && (n.Custom || hasCustom(n)):
		c.t.Custom = append(c.t.Custom, role)
		return
	}
	spec, n, ok := c.mode(role, role, n)
	if !ok {
		return
	}
	m := c.fields(role, spec, n)
	if slices.ContainsFunc(spec.Fields, func(f FieldSpec) bool { return f.Required && f.Type != TypeModes && c.wrong(role+"."+f.Name) }) {
		// The other fields may depend on it.
		return
	}
	switch role {
	case RoleHardShard:
		c.hard = m
		c.hardShard(m)
	case RoleSoftShard:
		c.t.Shard = c.softShard(m)
	case RoleInput:
		c.t.Input = c.input(m)
	case RoleOutput:
		c.output(m)
	case RoleFinishCheck:
		c.finish(m)
	}
}

// together checks what several fields must agree on. The plugin's own modes may need and give anything, but a check
// without outputs never works.
func (c *compiler) together(root *Node) {
	if check := root.Get(RoleFinishCheck); !check.IsNull() && root.Get(RoleOutput).IsNull() {
		c.problem(RoleFinishCheck, check, "looks for outputs, but there is no output_mode", "set output_mode, or finish_check_mode to null")
	}
	if len(c.t.Custom) > 0 || !root.Get(RoleHardShard).IsNull() {
		return
	}
	needs := RoleOutput
	if c.t.Output == nil {
		needs = RoleInput
	}
	if c.t.Output != nil || c.t.Input.NeedsFolder() {
		c.problem(RoleHardShard, root, "is missing, and "+needs+" needs its folders", "give NoHardShard with input_path and output_path")
	}
}

// folders checks the folders of a built-in hard shard mode that the template uses. Others may be anything.
func (c *compiler) folders() {
	m := c.hard
	if m.of == nil || c.broken[RoleHardShard] {
		return
	}
	needed := func(by string, names ...string) {
		for _, name := range names {
			if m.node(name) == nil {
				c.problem(m.path+"."+name, m.mode.Get(name), "is null, and "+by+" needs it",
					fmt.Sprintf("give it with --mixin %s.%s=VALUE", m.path, name))
			}
		}
	}
	plain := m.spec.Name == "NoHardShard"
	switch {
	case c.t.Output == nil:
	case plain:
		needed(RoleOutput, "output_path")
	default:
		needed(RoleOutput, "base_output_path", "output_name")
	}
	switch {
	case !c.t.Input.NeedsFolder():
	case plain:
		needed(RoleInput, "input_path")
		// A pattern is joined to it, and works with an empty one, too.
		if n := m.node("input_path"); n != nil && c.t.InputPath == "" && c.t.Input.listsFolders() {
			c.problem(m.path+".input_path", n, "is empty", "write . for the working folder")
		}
	default:
		needed(RoleInput, "base_input_path", "input_name")
	}
}

// NeedsFolder reports whether the mode lists the input folder.
func (m *Input) NeedsFolder() bool {
	switch {
	case m == nil:
		return false
	case m.Kind == Merged:
		return slices.ContainsFunc(m.Modes, (*Input).NeedsFolder)
	}
	return !m.hasLines() && (!m.Globs() || !strings.HasPrefix(m.Glob, "/"))
}

// listsFolders reports whether the mode lists the input folder by its path, and not by a pattern that is joined to it.
func (m *Input) listsFolders() bool {
	if m.Kind == Merged {
		return slices.ContainsFunc(m.Modes, (*Input).listsFolders)
	}
	return !m.Globs() && m.NeedsFolder()
}

// mode finds the spec of a node that must be a built-in mode of the role.
func (c *compiler) mode(path, role string, n *Node) (ModeSpec, *Node, bool) {
	names := ModesOfRole(role)
	switch n.Kind {
	case KindMode:
		spec, ok := SpecOf(n.Mode)
		switch {
		case !ok:
			c.problem(path, n, fmt.Sprintf("%s, not %s", problem.OneOf(names), n.Mode), problem.Near(n.Mode, names))
		case spec.Role != role:
			c.problem(path, n, fmt.Sprintf("%s, not %s, which is for %s", problem.OneOf(names), n.Mode, spec.Role), "")
		}
		return spec, n, spec.Role == role
	case KindMap:
		return c.guessMode(path, role, n)
	default:
		c.problem(path, n, "must be a mode, not "+show(n), orOneOf("", names))
		return ModeSpec{}, n, false
	}
}

// guessMode finds the mode that a plain map stands for.
func (c *compiler) guessMode(path, role string, n *Node) (ModeSpec, *Node, bool) {
	if named := n.Get("mode"); named != nil {
		mode := *n
		mode.Kind = KindMode
		mode.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f Field) bool { return f.Name == "mode" })
		mode.Mode, _ = named.Scalar.(string)
		return c.mode(path, role, &mode)
	}
	specs := SpecsOfRole(role)
	if len(specs) == 1 {
		return specs[0], n, true
	}
	fit := slices.DeleteFunc(specs, func(spec ModeSpec) bool { return !fits(spec, n) })
	// Both soft shards have the same fields, and the one by index is the default.
	if len(fit) == 1 || len(fit) > 1 && role == RoleSoftShard {
		return fit[0], n, true
	}
	c.problem(path, n, "does not say which mode it is", fmt.Sprintf("add mode: %s", strings.Join(ModesOfRole(role), " | ")))
	return ModeSpec{}, n, false
}

// fits reports whether the map has all fields that the mode requires, and no others. An empty map says nothing.
func fits(spec ModeSpec, n *Node) bool {
	return len(n.Fields) > 0 && !slices.ContainsFunc(spec.Fields, func(f FieldSpec) bool { return f.Required && n.Get(f.Name) == nil }) &&
		!slices.ContainsFunc(n.Fields, func(f Field) bool { _, ok := spec.Field(f.Name); return !ok })
}

func (c *compiler) hardShard(m values) {
	c.t.OutputKnown = true
	if m.spec.Name == "NoHardShard" {
		c.t.InputPath, c.t.OutputPath = m.text("input_path"), m.text("output_path")
		c.roots(m, "input_path")
		c.t.InputFrom = m.from("input_path", "FOLDER")
		return
	}
	idx := m.text("shard_idx")
	c.t.InputPath = Join(m.text("base_input_path"), idx, m.text("input_name"))
	c.t.InputFrom = m.from("base_input_path", "FOLDER") + ", below which shard_idx and input_name lead here"
	c.t.OutputPath = Join(m.text("base_output_path"), idx, m.text("output_name"))
}

// from names the source of a path, for messages, and how to give another.
func (v values) from(field, what string) string {
	n, field := v.of[field], v.path+"."+field
	switch {
	case n == nil || n.Origin == "":
		return fmt.Sprintf("the task's own %s: --mixin %s=%s gives another", field, field, what)
	case strings.HasPrefix(n.Origin, "--mixin ") && problem.Names(n.Origin, field):
		return "given by --mixin " + field
	case strings.HasPrefix(n.Origin, "--") && !strings.Contains(n.Origin, " "):
		return "given by " + n.Origin
	}
	return fmt.Sprintf("%s, given by %s", field, n.Origin)
}

func (c *compiler) softShard(m values) *Shard {
	s := &Shard{ByHash: m.spec.Name == "SoftShardByHash"}
	num := m.int("shard_num")
	if num < 1 {
		c.problem(m.path+".shard_num", m.node("shard_num"), fmt.Sprintf("is %d: there must be at least one shard", num), "")
		return nil
	}
	s.Num = uint64(num)
	where, list := m.path+".shard_idx", m.list("shard_idx")
	for _, n := range list {
		i, _ := intOf(n)
		switch {
		case i < 0 || i >= num:
			c.problem(where, m.node("shard_idx"), fmt.Sprintf("is %d, but shards count from 0 to %d", i, num-1), "")
		case slices.Contains(s.Idx, uint64(i)):
			c.problem(where, m.node("shard_idx"), fmt.Sprintf("names %d twice", i), "")
		default:
			s.Idx = append(s.Idx, uint64(i))
		}
	}
	if len(list) == 0 {
		c.problem(where, m.node("shard_idx"), "names no shard, so nothing would be done", "give a number or a list of them")
	}
	slices.Sort(s.Idx)
	s.Sub = c.subshard(m)
	return s
}

func (c *compiler) subshard(m values) *Shard {
	n := m.node("subshard")
	if n == nil {
		return nil
	}
	path, spec := m.path+".subshard", m.spec
	if n.Kind != KindMap || n.Get("mode") != nil {
		var ok bool
		if spec, n, ok = c.mode(path, RoleSoftShard, n); !ok {
			return nil
		}
	}
	if spec.Name != m.spec.Name {
		c.problem(path, n, fmt.Sprintf("is a %s inside a %s", spec.Name, m.spec.Name), "divide both in the same way")
		return nil
	}
	before := len(c.problems)
	sub := c.fields(path, spec, n)
	if len(c.problems) > before {
		return nil
	}
	return c.softShard(sub)
}

func (c *compiler) input(m values) *Input {
	in := &Input{Glob: m.text("glob_pattern")}
	switch m.spec.Name {
	case "InputByExts":
		in.Kind = ByExts
		for _, e := range m.list("exts") {
			in.Exts = append(in.Exts, textOf(e))
		}
		in.Filter = c.filter(m)
	case "InputByGlob":
		in.Kind, in.Recursive = ByGlob, boolOf(m.node("recursive"))
		c.deep(m, in)
	case "InputBySubDirectory":
		in.Kind, in.Level = BySubDirectory, int(m.int("sub_directory_level"))
		if in.Level < 0 {
			c.problem(m.path+".sub_directory_level", m.node("sub_directory_level"), fmt.Sprintf("is %d: depths count from 0", in.Level), "")
		}
	case "InputFromFileTripletJsonl":
		in.Kind = TripletLines
	case "InputFromWhateverJsonl":
		in.Kind = AnyLines
	case "InputByGroup":
		c.group(m, in)
	case "InputByFilenameSubfoldering":
		c.folderGroup(m, in)
	case "InputByTar":
		c.tar(m, in)
	case "InputByMerge":
		c.merge(m, in)
	case "InputFromList":
		in.Kind, in.NUL = PathLines, boolOf(m.node("nul"))
	}
	for _, field := range []string{"jsonl_path", "list_path"} {
		lines := m.node(field)
		if lines == nil {
			continue
		}
		in.JSONL, in.From = m.text(field), m.from(field, "FILE")
		if in.JSONL == "" {
			c.problem(m.path+"."+field, lines, "is empty", "")
		}
	}
	return in
}

func (c *compiler) output(m values) {
	out := &Output{Ext: m.text("ext")}
	switch m.spec.Name {
	case "OutputByReplacingExt":
		out.Kind = ReplacingExt
	case "OutputByTar":
		c.outTar(m, out)
	case "OutputByFilenameSubfoldering":
		out.Kind = Subfoldering
		for _, f := range m.node("file_to_write").Fields {
			file := OutputFile{ID: f.Name, Name: textOf(f.Value)}
			out.Files = append(out.Files, file)
			if file.Name == "" {
				c.problem(m.path+".file_to_write."+file.ID, m.node("file_to_write"), "is empty: it must name a file", "")
			}
		}
	}
	if strings.Contains(out.Ext, "/") {
		c.problem(m.path+".ext", m.node("ext"), fmt.Sprintf("is %q, which has a slash: an extension stays within the file's name", out.Ext), "")
	}
	c.t.Output = out
}

func (c *compiler) finish(m values) {
	c.t.Finish = &Finish{File: WholeOutput, Newer: m.text("redo") == RedoNewer, Changed: m.text("redo") == RedoChanged}
	n := m.node("output_field_suffix")
	if c.broken[RoleOutput] || c.t.Output == nil {
		return
	}
	suffix := m.text("output_field_suffix")
	path := m.path + ".output_field_suffix"
	if c.t.Output.Kind == InTar {
		c.finishTar(m)
		return
	}
	if n == nil {
		return
	}
	if c.t.Output.Kind != Subfoldering {
		c.problem(path, n, fmt.Sprintf("is %q, but the output is one file", suffix), "set it to null")
		return
	}
	var ids []string
	for _, file := range c.t.Output.Files {
		ids = append(ids, file.ID)
	}
	if c.t.Finish.File = slices.Index(ids, suffix); c.t.Finish.File < 0 {
		c.problem(path, n, fmt.Sprintf("%s, which are the files of output_mode.file_to_write, not %q", problem.OneOf(ids), suffix), problem.Near(suffix, ids))
	}
}

// orOneOf returns all options, after the suggestion if there is one.
func orOneOf(suggestion string, options []string) string {
	if len(options) == 0 {
		return suggestion
	}
	all := "t can be " + strings.Join(options, ", ")
	if suggestion == "" {
		return "i" + all
	}
	return suggestion + " I" + all
}
