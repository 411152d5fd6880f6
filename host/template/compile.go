package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
)

// Compile turns a resolved template into one that can be run. The root is a node of KindMap whose fields are the
// top-level ones; nil and null stand for a task without a template. A mode that a mixin gave as a plain map is found
// by its key "mode", or by its fields where they leave no doubt.
//
// All problems are returned at once, in the order of the fields; the Template is nil when there are any.
func Compile(root *Node) (*Template, []problem.Problem) {
	c := &compiler{t: &Template{}, broken: map[string]bool{}}
	if !root.IsNull() {
		c.root(root)
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.t, nil
}

type compiler struct {
	t        *Template
	problems []problem.Problem
	// hard are the fields of the hard shard mode, if it is a built-in one.
	hard values
	// broken are the top-level fields with problems: what depends on them is not judged.
	broken map[string]bool
}

func (c *compiler) problem(path string, n *Node, message, suggestion string) {
	p := problem.Problem{Path: path, Message: message, Suggestion: suggestion}
	if n != nil {
		p.Source = n.Origin
	}
	c.problems = append(c.problems, p)
	top, _, _ := strings.Cut(path, ".")
	c.broken[top] = true
}

func (c *compiler) root(root *Node) {
	root = normal(root)
	if root.Kind != KindMap && root.Kind != KindMode {
		c.problem("", root, "the template is not a map of fields", "")
		return
	}
	names := make([]string, 0, len(topLevel))
	for _, f := range topLevel {
		names = append(names, f.Name)
	}
	for _, f := range root.Fields {
		if !slices.Contains(names, f.Name) {
			c.problem(f.Name, f.Value, "is not a field of a template", problem.Near(f.Name, names))
		}
	}
	for _, f := range topLevel {
		c.topLevel(f.Name, root.Get(f.Name))
	}
	c.folders()
	c.together(root)
}

// topLevel compiles one field. Placeholders are the first thing to say of it, in custom modes as well.
func (c *compiler) topLevel(role string, n *Node) {
	if n.IsNull() {
		return
	}
	n = normal(n)
	open := false
	n.walk(role, func(path string, v *Node) {
		if v.Kind == KindPlaceholder {
			open = true
			hint := "give it with --mixin "
			if v.Origin != "" {
				hint = "give it there, or with --mixin "
			}
			c.problem(path, v, "required template value is not set", hint+path+"=VALUE")
			c.problems[len(c.problems)-1].Open = true
		}
	})
	if n.Kind == KindPlaceholder {
		return
	}
	if role == RoleDataloader {
		if n.Kind != KindMap && n.Kind != KindMode {
			c.problem(role, n, "must be a map, not "+show(n), "")
		}
		return
	}
	if n.Kind == KindMode && n.Custom {
		c.t.Custom = append(c.t.Custom, role)
		return
	}
	spec, n, ok := c.mode(role, role, n)
	if !ok {
		return
	}
	m := c.fields(role, spec, n, open)
	if c.broken[role] {
		return
	}
	switch role {
	case RoleHardShard:
		c.hard = m
		c.hardShard(m)
	case RoleSoftShard:
		c.t.Shard = c.softShard(m)
	case RoleInput:
		c.input(m)
	case RoleOutput:
		c.output(m)
	case RoleFinishCheck:
		c.finish(m)
	}
}

// together checks what several fields must agree on. What the plugin's own modes need and give is theirs to say; but a check
// without outputs never works.
func (c *compiler) together(root *Node) {
	if check := root.Get(RoleFinishCheck); !check.IsNull() && root.Get(RoleOutput).IsNull() {
		c.problem(RoleFinishCheck, check, "looks for outputs, but there is no output_mode", "set output_mode, or finish_check_mode to null")
	}
	if len(c.t.Custom) > 0 || !root.Get(RoleHardShard).IsNull() {
		return
	}
	var needs string
	switch {
	case c.t.Output != nil:
		needs = RoleOutput
	case c.t.Input.needsFolder():
		needs = RoleInput
	default:
		return
	}
	c.problem(RoleHardShard, root, "is missing, and "+needs+" needs its folders",
		"give NoHardShard with input_path and output_path")
}

// folders checks the folders of a built-in hard shard mode against what uses them: a folder that nothing of the template uses
// may be anything.
func (c *compiler) folders() {
	m := c.hard
	if m.of == nil || c.broken[RoleHardShard] {
		return
	}
	needed := func(by string, names []string) {
		for _, name := range names {
			if m.node(name) == nil {
				c.problem(m.path+"."+name, m.mode.Get(name), "is null, and "+by+" needs it",
					fmt.Sprintf("give it with --mixin %s.%s=VALUE", m.path, name))
			}
		}
	}
	inputs, outputs := []string{"input_path"}, []string{"output_path"}
	if m.spec.Name != "NoHardShard" {
		inputs, outputs = []string{"base_input_path", "input_name"}, []string{"base_output_path", "output_name"}
	}
	if c.t.Output != nil {
		needed(RoleOutput, outputs)
	}
	if !c.t.Input.needsFolder() {
		return
	}
	needed(RoleInput, inputs)
	// A pattern is joined to it, which works with nothing, too.
	if n := m.node("input_path"); n != nil && c.t.InputPath == "" && c.t.Input.Kind != ByGlob {
		c.problem(m.path+".input_path", n, "is empty", "write . for the working folder")
	}
}

// needsFolder reports whether the mode lists the input folder.
func (m *Input) needsFolder() bool {
	return m != nil && m.Kind != TripletLines && m.Kind != AnyLines && (m.Kind != ByGlob || !strings.HasPrefix(m.Glob, "/"))
}

// mode finds the spec of a node that must be a built-in mode of the role.
func (c *compiler) mode(path, role string, n *Node) (ModeSpec, *Node, bool) {
	names := ModesOfRole(role)
	switch n.Kind {
	case KindMode:
		spec, ok := SpecOf(n.Mode)
		if !ok {
			c.problem(path, n, fmt.Sprintf("has the mode %s, which does not exist", n.Mode), orOneOf(problem.Near(n.Mode, names), names))
			return spec, n, false
		}
		if spec.Role != role {
			c.problem(path, n, fmt.Sprintf("cannot be %s, which is for %s", n.Mode, spec.Role), orOneOf("", names))
			return spec, n, false
		}
		return spec, n, true
	case KindMap:
		return c.guessMode(path, names, n)
	default:
		c.problem(path, n, "must be a mode, not "+show(n), orOneOf("", names))
		return ModeSpec{}, n, false
	}
}

// guessMode finds out which mode a plain map stands for.
func (c *compiler) guessMode(path string, names []string, n *Node) (ModeSpec, *Node, bool) {
	if named := n.Get("mode"); named != nil {
		as := *n
		as.Kind, as.Fields = KindMode, slices.Clone(n.Fields)
		as.Fields = slices.DeleteFunc(as.Fields, func(f Field) bool { return f.Name == "mode" })
		as.Mode, _ = named.Scalar.(string)
		role, _, _ := strings.Cut(path, ".")
		return c.mode(path, role, &as)
	}
	if len(names) == 1 {
		spec, _ := SpecOf(names[0])
		return spec, n, true
	}
	var fit []ModeSpec
	for _, name := range names {
		if spec, _ := SpecOf(name); fits(spec, n) {
			fit = append(fit, spec)
		}
	}
	// Both soft shards have the same fields; the one by index is the default.
	if len(fit) == 1 || len(fit) > 1 && fit[0].Role == RoleSoftShard {
		return fit[0], n, true
	}
	c.problem(path, n, "does not say which mode it is", fmt.Sprintf("add mode: %s", strings.Join(names, " | ")))
	return ModeSpec{}, n, false
}

// fits reports whether the map has all fields that the mode requires, and no other ones.
func fits(spec ModeSpec, n *Node) bool {
	for _, f := range n.Fields {
		if _, ok := spec.Field(f.Name); !ok {
			return false
		}
	}
	for _, f := range spec.Fields {
		if f.Required && n.Get(f.Name) == nil {
			return false
		}
	}
	return true
}

func (c *compiler) hardShard(m values) {
	c.t.OutputKnown = true
	if m.spec.Name == "NoHardShard" {
		c.t.InputPath, c.t.OutputPath = m.text("input_path"), m.text("output_path")
		c.t.InputFrom = m.from("input_path", "FOLDER")
		return
	}
	idx := m.text("shard_idx")
	c.t.InputPath = Join(m.text("base_input_path"), idx, m.text("input_name"))
	c.t.InputFrom = m.from("base_input_path", "FOLDER") + ", below which shard_idx and input_name lead here"
	c.t.OutputPath = Join(m.text("base_output_path"), idx, m.text("output_name"))
}

// from says what gives a path, and how another is given.
func (v values) from(field, what string) string {
	n, field := v.of[field], v.path+"."+field
	switch {
	case n == nil || n.Origin == "":
		return fmt.Sprintf("the task's own %s: --mixin %s=%s gives another", field, field, what)
	case strings.HasSuffix(n.Origin, " "+field):
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
	where := m.path + ".shard_idx"
	for _, i := range m.ints("shard_idx") {
		switch {
		case i < 0 || i >= num:
			c.problem(where, m.node("shard_idx"), fmt.Sprintf("is %d, but shards count from 0 to %d", i, num-1), "")
		case slices.Contains(s.Idx, uint64(i)):
			c.problem(where, m.node("shard_idx"), fmt.Sprintf("names %d twice", i), "")
		default:
			s.Idx = append(s.Idx, uint64(i))
		}
	}
	if len(m.ints("shard_idx")) == 0 {
		c.problem(where, m.node("shard_idx"), "names no shard, so nothing would be done", "give a number or a list of them")
	}
	slices.Sort(s.Idx)
	s.Sub = c.subshard(m)
	return s
}

func (c *compiler) subshard(m values) *Shard {
	n := m.node("subshard")
	if n.IsNull() {
		return nil
	}
	path := m.path + ".subshard"
	spec := m.spec
	if n = normal(n); n.Kind != KindMap || n.Get("mode") != nil {
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
	sub := c.fields(path, spec, n, false)
	if len(c.problems) > before {
		return nil
	}
	return c.softShard(sub)
}

func (c *compiler) input(m values) {
	in := &Input{Glob: m.text("glob_pattern"), JSONL: m.text("jsonl_path")}
	switch m.spec.Name {
	case "InputByExts":
		in.Kind = ByExts
		in.Exts = m.strings("exts")
	case "InputByGlob":
		in.Kind = ByGlob
	case "InputBySubDirectory":
		in.Kind, in.Level = BySubDirectory, int(m.int("sub_directory_level"))
		if in.Level < 0 {
			c.problem(m.path+".sub_directory_level", m.node("sub_directory_level"), fmt.Sprintf("is %d: depths count from 0", in.Level), "")
		}
	case "InputFromFileTripletJsonl":
		in.Kind = TripletLines
	case "InputFromWhateverJsonl":
		in.Kind = AnyLines
	}
	if lines := m.node("jsonl_path"); lines != nil {
		in.From = m.from("jsonl_path", "FILE")
		if in.JSONL == "" {
			c.problem(m.path+".jsonl_path", lines, "is empty", "")
		}
	}
	c.t.Input = in
}

func (c *compiler) output(m values) {
	out := &Output{Ext: m.text("ext")}
	switch m.spec.Name {
	case "OutputByReplacingExt":
		out.Kind = ReplacingExt
	case "OutputByFilenameSubfoldering":
		out.Kind = Subfoldering
		out.Files = m.files("file_to_write")
		for _, f := range out.Files {
			if f.Name == "" {
				c.problem(m.path+".file_to_write."+f.ID, m.node("file_to_write"), "is empty: it must name a file", "")
			}
		}
	}
	if strings.Contains(out.Ext, "/") {
		c.problem(m.path+".ext", m.node("ext"), fmt.Sprintf("is %q, which has a slash: an extension stays within the file's name", out.Ext), "")
	}
	c.t.Output = out
}

func (c *compiler) finish(m values) {
	f := &Finish{File: WholeOutput}
	c.t.Finish = f
	n := m.node("output_field_suffix")
	if n.IsNull() || c.broken[RoleOutput] || c.t.Output == nil {
		return
	}
	suffix := m.text("output_field_suffix")
	path := m.path + ".output_field_suffix"
	if c.t.Output.Kind != Subfoldering {
		c.problem(path, n, fmt.Sprintf("is %q, but the output is one file", suffix), "set it to null")
		return
	}
	var ids []string
	for i, file := range c.t.Output.Files {
		if file.ID == suffix {
			f.File = i
			return
		}
		ids = append(ids, file.ID)
	}
	c.problem(path, n, fmt.Sprintf("is %q, which names no file of output_mode.file_to_write", suffix), orOneOf(problem.Near(suffix, ids), ids))
}

// orOneOf is the suggestion, or all that could stand there where there is none.
func orOneOf(suggestion string, options []string) string {
	if suggestion != "" || len(options) == 0 {
		return suggestion
	}
	return "it can be " + strings.Join(options, ", ")
}
