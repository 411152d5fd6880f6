package sdk

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kagurazaka/kagurazaka/internal/count"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// grammar is kong's model of a task's arguments. target points to the task.
type grammar struct {
	kong   *kong.Kong
	target any
}

// newGrammar makes an empty task and its model.
func newGrammar(d *definition) (*grammar, error) {
	target := d.make()
	k, err := kong.New(target,
		kong.Name(d.name),
		kong.NoDefaultHelp(),
		kong.Exit(func(int) {}),
		kong.TypeMapper(reflect.TypeFor[json.RawMessage](), jsonMapper{}),
		kong.NamedMapper("json", jsonMapper{}),
	)
	if err != nil {
		return nil, fmt.Errorf("the arguments of task %s: %w", d.name, err)
	}
	if len(k.Model.Children) > 0 {
		return nil, fmt.Errorf("the arguments of task %s: a task cannot have commands", d.name)
	}
	return &grammar{k, target}, nil
}

// jsonMapper reads one JSON text into a field of any type with the tag type:"json".
type jsonMapper struct{}

func (jsonMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("JSON")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(token.String()), target.Addr().Interface()); err != nil {
		return fmt.Errorf("%q is not valid JSON for this argument: %w", token.String(), err)
	}
	return nil
}

func (g *grammar) flags() []*kong.Flag { return g.kong.Model.Flags }

func (g *grammar) positionals() []*kong.Positional { return g.kong.Model.Positional }

// spellings returns the forms of a flag, longest first, and the form of its negation, if it has one.
func spellings(f *kong.Flag) (flags []string, negation string) {
	flags = append(flags, "--"+f.Name)
	for _, a := range f.Aliases {
		if len([]rune(a)) == 1 {
			flags = append(flags, "-"+a)
		} else {
			flags = append(flags, "--"+a)
		}
	}
	if f.Short != 0 {
		flags = append(flags, "-"+string(f.Short))
	}
	slices.SortStableFunc(flags, func(a, b string) int { return len(b) - len(a) })
	switch n := f.Tag.Negatable; n {
	case "":
	case "_":
		negation = "--no-" + f.Name
	default:
		negation = "--" + n
	}
	return flags, negation
}

// find returns the flag with that form. Underscores in long ones may stand for hyphens.
func (g *grammar) find(name string) (f *kong.Flag, canonical string) {
	for _, try := range []string{name, strings.ReplaceAll(name, "_", "-")} {
		for _, f := range g.flags() {
			flags, negation := spellings(f)
			if slices.Contains(flags, try) || try == negation && negation != "" {
				return f, try
			}
		}
		if !strings.HasPrefix(name, "--") {
			break
		}
	}
	return nil, name
}

// valueless flags take a value only after an equals sign.
func valueless(v *kong.Value) bool { return v.IsBool() || v.IsCounter() }

// greedy flags take all values that follow. In a task with positional arguments that would be ambiguous.
func (g *grammar) greedy(v *kong.Value) bool { return v.IsCumulative() && len(g.positionals()) == 0 }

// parse fills the task from its arguments. It reports all problems at once.
func (g *grammar) parse(args []string) (any, *pb.Error) {
	p := &argReader{g: g, given: map[*kong.Value]bool{}}
	p.read(args)
	p.missing()
	if len(p.problems) == 0 {
		// kong fills the struct, calls the task's hooks and checks groups of flags.
		if len(p.tail) > 0 {
			p.canonical = append(append(p.canonical, "--"), p.tail...)
		}
		if _, err := g.kong.Parse(p.canonical); err != nil {
			p.problem("", err.Error(), "")
		}
	}
	if len(p.problems) > 0 {
		return nil, configError(p.problems)
	}
	return g.target, nil
}

func configError(problems []*pb.ConfigProblem) *pb.Error {
	var lines []string
	for _, p := range problems {
		line := strings.TrimPrefix(p.GetWhere()+": "+p.GetMessage(), ": ")
		if p.GetSuggestion() != "" {
			line += " (did you mean " + p.GetSuggestion() + "?)"
		}
		lines = append(lines, line)
	}
	return &pb.Error{
		Message: strings.Join(lines, "\n"), Fault: pb.Fault_FAULT_USER,
		Detail: &pb.Error_Config{Config: &pb.ConfigError{Problems: problems}},
	}
}

// argReader reads an argument vector once, collects every problem, and writes the unambiguous form for kong: each value
// after an equals sign, and a flag once for each of its values.
type argReader struct {
	g         *grammar
	canonical []string
	// tail is the positional values, which come last.
	tail     []string
	problems []*pb.ConfigProblem
	given    map[*kong.Value]bool
	position int
}

func (p *argReader) problem(where, message, suggestion string) {
	p.problems = append(p.problems, &pb.ConfigProblem{
		Where: text(where), Message: text(message), Suggestion: text(suggestion),
	})
}

func (p *argReader) read(args []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			for _, a := range args {
				p.positional(a)
			}
			return
		case strings.HasPrefix(arg, "-") && arg != "-" && !p.isNumber(arg):
			args = p.flag(arg, args)
		default:
			p.positional(arg)
		}
	}
}

// isNumber reports whether arg is a negative number. It is a value then, unless the task has a flag such as -1.
func (p *argReader) isNumber(arg string) bool {
	if len(arg) < 2 || arg[0] != '-' || arg[1] != '.' && (arg[1] < '0' || arg[1] > '9') {
		return false
	}
	f, _ := p.g.find(arg[:2])
	return f == nil
}

func (p *argReader) isValue(arg string) bool {
	return arg == "-" || !strings.HasPrefix(arg, "-") || p.isNumber(arg)
}

// flag reads one flag and its values, and returns what follows.
func (p *argReader) flag(arg string, rest []string) []string {
	name, value, inline := strings.Cut(arg, "=")
	f, canonical := p.g.find(name)
	if f == nil && !strings.HasPrefix(arg, "--") && len(arg) > 2 {
		// -s5, or -abc for three flags without values.
		if short, _ := p.g.find(arg[:2]); short != nil {
			if !valueless(short.Value) {
				p.value(short, "--"+short.Name, strings.TrimPrefix(arg[2:], "="))
				return rest
			}
			p.occurred(short, "--"+short.Name)
			return p.flag("-"+arg[2:], rest)
		}
	}
	if f == nil {
		p.problem(name, "this task has no such argument", p.g.suggest(name))
		if !inline && len(p.g.positionals()) == 0 {
			// The values of an unknown argument need no further message.
			for len(rest) > 0 && p.isValue(rest[0]) {
				rest = rest[1:]
			}
		}
		return rest
	}
	long := "--" + f.Name
	if _, negation := spellings(f); canonical == negation && negation != "" {
		long = negation
	}
	switch {
	case inline:
		p.value(f, long, value)
	case valueless(f.Value):
		if f.IsBool() && len(p.g.positionals()) == 0 && len(rest) > 0 && isBoolWord(rest[0]) {
			p.value(f, long, strings.ToLower(rest[0]))
			return rest[1:]
		}
		p.occurred(f, long)
	case len(rest) == 0 || !p.isValue(rest[0]):
		p.problem(name, "a value is missing", "")
		p.given[f.Value] = true
	default:
		p.value(f, long, rest[0])
		rest = rest[1:]
		for p.g.greedy(f.Value) && len(rest) > 0 && p.isValue(rest[0]) {
			p.value(f, long, rest[0])
			rest = rest[1:]
		}
	}
	return rest
}

func isBoolWord(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

func (p *argReader) occurred(f *kong.Flag, long string) {
	p.given[f.Value] = true
	p.canonical = append(p.canonical, long)
}

func (p *argReader) value(f *kong.Flag, long, value string) {
	p.given[f.Value] = true
	if f.IsBool() && isBoolWord(value) {
		value = strings.ToLower(value)
	}
	p.check(f.Value, long, value)
	p.canonical = append(p.canonical, long+"="+value)
}

func (p *argReader) positional(arg string) {
	all := p.g.positionals()
	if p.position >= len(all) {
		most := "no arguments"
		if len(all) > 0 {
			most = "only " + count.Of(len(all), "argument")
		}
		p.problem(arg, "this task takes "+most+" without a name", "")
		return
	}
	v := all[p.position]
	p.given[v] = true
	p.check(v, "<"+v.Name+">", arg)
	if !v.IsCumulative() {
		p.position++
	}
	p.tail = append(p.tail, arg)
}

// check parses one value into a temporary variable, so that one wrong value does not hide the next.
func (p *argReader) check(v *kong.Value, where, value string) {
	target := reflect.New(v.Target.Type()).Elem()
	if err := decode(v, value, target); err != nil {
		p.problem(where, trimName(err.Error(), v), "")
		return
	}
	if v.Enum == "" {
		return
	}
	choices := v.EnumSlice()
	for _, got := range scalars(target) {
		if !slices.Contains(choices, got) {
			p.problem(where, fmt.Sprintf("must be one of %s, not %q", strings.Join(choices, ", "), got), suggest.Closest(got, choices))
		}
	}
}

// decode parses one value as kong does, and leaves the model as it is.
func decode(v *kong.Value, value string, target reflect.Value) error {
	set := v.Set
	defer func() { v.Set = set }()
	if target.Kind() == reflect.Map && target.IsNil() {
		target.Set(reflect.MakeMap(target.Type()))
	}
	return v.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value}), target)
}

// trimName removes the argument's name, which the caller's message has already.
func trimName(message string, v *kong.Value) string {
	return strings.TrimPrefix(message, v.ShortSummary()+": ")
}

// scalars prints a value, or each element of a list, as enum tags write it.
func scalars(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		var all []string
		for i := range v.Len() {
			all = append(all, scalars(v.Index(i))...)
		}
		return all
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return scalars(v.Elem())
	default:
		return []string{fmt.Sprint(v.Interface())}
	}
}

// missing reports the required arguments that are not given.
func (p *argReader) missing() {
	check := func(v *kong.Value, name string) {
		set := func(env string) bool { _, ok := os.LookupEnv(env); return ok }
		if !v.Required || p.given[v] || slices.ContainsFunc(v.Tag.Envs, set) {
			return
		}
		message := "is required"
		if v.Help != "" {
			message += ": " + strings.TrimRight(v.Help, ".")
		}
		p.problem(name, message, "")
	}
	for _, f := range p.g.flags() {
		check(f.Value, "--"+f.Name)
	}
	for _, v := range p.g.positionals() {
		check(v, "<"+v.Name+">")
	}
}

// suggest returns the flag that the user probably meant, "" if none is similar.
func (g *grammar) suggest(name string) string {
	var all []string
	for _, f := range g.flags() {
		if f.Hidden {
			continue
		}
		flags, negation := spellings(f)
		all = append(all, flags...)
		if negation != "" {
			all = append(all, negation)
		}
	}
	return suggest.Closest(name, all)
}
