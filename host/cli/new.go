package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/sdk/starter"
)

// sdkModule is the module that a task in Go needs.
const sdkModule = "github.com/kagurazaka/kagurazaka"

// notModules are names that a Python module cannot have: keywords, and what the written files import.
var notModules = strings.Fields("False None True and as assert async await break class continue def del elif else except finally for from global if" +
	" import in is lambda nonlocal not or pass raise return try while with yield argparse kagurazaka pathlib pytest")

var (
	identifier = regexp.MustCompile(`^[A-Za-z_]*[A-Za-z][A-Za-z0-9_]*$`)
	goVersion  = regexp.MustCompile(`^go(\d+\.\d+)`)
)

// newTask is `new NAME.py|NAME/ [--lang python|go] [--replace DIR]`: it writes a task with its test.
func (a *app) newTask() error {
	name := a.line.TakeWord()
	if name == "" {
		return exitcode.Usagef("NAME: is missing; hint: write kagurazaka new upper.py, or kagurazaka new upper/ for a folder")
	}
	if !a.line.Empty() {
		return a.line.Unexpected("new takes a name alone")
	}
	f := &a.grammar.New
	s, err := starterOf(name, f.Lang)
	switch {
	case err != nil:
		return err
	case s.lang == "go":
		s.clone, err = cloneOf(f.Replace)
	case f.Replace != "":
		err = exitcode.Usagef("--replace: is for a task in Go; hint: add --lang go, or leave it out")
	}
	if err != nil {
		return err
	}
	files, err := s.files()
	if err == nil {
		err = s.write(files)
	}
	if err != nil {
		return err
	}
	p := &printer{w: a.streams.Out}
	for _, f := range files {
		p.line("wrote %s", filepath.Join(s.dir, f.name))
	}
	s.printNext(p)
	return p.err
}

// starterTask is a task that new writes.
type starterTask struct {
	lang string
	// dir is the folder of the files, and module the name of the task's file or package.
	dir, module string
	// clone is the folder of sdkModule for a task in Go; empty: not known.
	clone string
}

type starterFile struct{ name, text string }

func starterOf(name, lang string) (*starterTask, error) {
	s := &starterTask{lang: lang}
	base := filepath.Base(filepath.Clean(name))
	switch ext := filepath.Ext(base); {
	case strings.HasSuffix(name, ".py") && lang == "go":
		return nil, exitcode.Usagef("%s: a task in Go is a folder; hint: write kagurazaka new %s/ --lang go", name, strings.TrimSuffix(name, ".py"))
	case strings.HasSuffix(name, ".py"):
		s.dir, base = filepath.Dir(name), strings.TrimSuffix(base, ".py")
	case ext != "" && base != "." && base != "..":
		return nil, exitcode.Usagef("%s: must be a Python file or a folder; hint: write kagurazaka new %s.py, or kagurazaka new %s/ --lang go", name,
			strings.TrimSuffix(base, ext), strings.TrimSuffix(base, ext))
	default:
		folder, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		s.dir, base = filepath.Clean(name), filepath.Base(folder)
	}
	s.module = strings.NewReplacer("-", "_", " ", "_").Replace(base)
	if !identifier.MatchString(s.module) {
		return nil, exitcode.Usagef("%s: %s cannot be the name of a task; hint: begin with a letter, and use letters, digits and _", name, terminal.Quote(base))
	}
	if slices.Contains(notModules, s.module) && lang == "python" {
		return nil, exitcode.Usagef("%s: Python needs the name %s for itself or for what the task imports; hint: choose another one", name, s.module)
	}
	return s, nil
}

// class is the name of the task: my_task becomes MyTask.
func (s *starterTask) class() string {
	var name strings.Builder
	for part := range strings.SplitSeq(s.module, "_") {
		if part != "" {
			name.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return name.String()
}

// files are the task's files. Their names and texts have the task's name in place of example.
func (s *starterTask) files() ([]starterFile, error) {
	entries, err := starter.Files.ReadDir(s.lang)
	if err != nil {
		return nil, err
	}
	var files []starterFile
	if s.lang == "go" {
		files = append(files, starterFile{"go.mod", s.goMod()})
	}
	for _, entry := range entries {
		text, err := starter.Files.ReadFile(path.Join(s.lang, entry.Name()))
		if err != nil {
			return nil, err
		}
		rename := strings.NewReplacer("Example", s.class(), "example", s.module)
		files = append(files, starterFile{rename.Replace(entry.Name()), rename.Replace(string(text))})
	}
	return files, nil
}

func (s *starterTask) goMod() string {
	version := "1.26"
	if found := goVersion.FindStringSubmatch(runtime.Version()); found != nil {
		version = found[1]
	}
	text := fmt.Sprintf("module example.com/%s\n\ngo %s\n", s.module, version)
	if s.clone != "" {
		text += fmt.Sprintf("\n// The SDK is not published yet.\nreplace %s => %s\n", sdkModule, modulePath(s.clone))
	}
	return text
}

// modulePath is a path as go.mod has it.
func modulePath(path string) string {
	if strings.ContainsAny(path, " \t\"'`()[]{},;") {
		return strconv.Quote(path)
	}
	return path
}

// write writes all files or none. It overwrites nothing.
func (s *starterTask) write(files []starterFile) (err error) {
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(s.dir, f.name)); err == nil {
			return exitcode.Usagef("%s: exists already; hint: choose another name, new never overwrites a file", filepath.Join(s.dir, f.name))
		}
	}
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return fmt.Errorf("making the folder of the task: %w", err)
	}
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, f := range files {
		path := filepath.Join(s.dir, f.name)
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			return exitcode.Usagef("%s: exists already; hint: choose another name, new never overwrites a file", path)
		}
		if err == nil {
			written = append(written, path)
			_, err = file.WriteString(f.text)
			err = cmp.Or(err, file.Close())
		}
		if err != nil {
			return fmt.Errorf("writing the task: %w", err)
		}
	}
	return nil
}

// printNext prints the commands that run the task and its test.
func (s *starterTask) printNext(p *printer) {
	in, plugin := "texts", filepath.Join(s.dir, s.module+".py")
	if s.lang == "go" {
		in, plugin = filepath.Join(s.dir, in), "."
	}
	p.line("\nRun it:")
	if s.lang == "go" {
		p.line("  cd %s", terminal.Quote(s.dir))
		if s.clone == "" {
			p.line("  go mod edit -replace %s=CLONE", sdkModule)
		}
		p.line("  go mod tidy")
	}
	if _, err := os.Stat(in); err != nil {
		p.line(`  mkdir texts && echo "hello world" >texts/a.txt`)
	}
	p.line("  %s", terminal.Command([]string{plugin, "texts", "out"}))
	p.line("\nTest it:")
	if s.lang == "go" {
		p.line("  go test .")
		if s.clone == "" {
			p.line("\nThe SDK is not published yet: CLONE is the folder of your clone of its repository.")
		}
		return
	}
	p.line("  python3 -m pytest %s", terminal.Quote(filepath.Join(s.dir, "test_"+s.module+".py")))
	p.line("\nThe test needs kagurazaka and pytest in that Python's environment.")
}

// cloneOf is the clone of sdkModule: the given folder, or the one in which this program or the working folder lies; empty: none.
func cloneOf(given string) (string, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err == nil && !isClone(dir) {
			err = exitcode.Usagef("--replace %s: is not a clone of kagurazaka's repository: it needs a go.mod with module %s", given, sdkModule)
		}
		return dir, err
	}
	exe, _ := os.Executable()
	exe, _ = filepath.EvalSymlinks(exe)
	here, _ := os.Getwd()
	for _, dir := range []string{filepath.Dir(exe), here} {
		for ; filepath.IsAbs(dir); dir = filepath.Dir(dir) {
			if isClone(dir) {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", nil
}

func isClone(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && slices.Contains(strings.Split(string(text), "\n"), "module "+sdkModule)
}
