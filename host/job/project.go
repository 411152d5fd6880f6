package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kagurazaka/kagurazaka/host/config"
	"github.com/kagurazaka/kagurazaka/host/regular"
	"github.com/kagurazaka/kagurazaka/host/terminal"
	"github.com/kagurazaka/kagurazaka/host/trust"
)

// project is the kagurazaka.yaml of a plugin.
type project struct {
	// file is nil if there is none, or if it does not count. note says why not.
	file *config.Project
	note string
	warn bool
}

// maxProject bounds the size of a kagurazaka.yaml.
const maxProject = 64 << 20

// Project is the kagurazaka.yaml that counts, with what it has for all tasks; nil: none does.
func (s *Session) Project() *config.Project {
	if s.Flags.Cfg != "" || s.Flags.NoConfig {
		return nil
	}
	if s.project == nil {
		s.project = findProject(s.Found.Path, s.Found.Name == "")
	}
	switch p := s.project; {
	case p.warn:
		s.NoteWarning(p.note)
	default:
		s.Note(p.note)
	}
	return s.project.file
}

// TellProject logs which kagurazaka.yaml the task of a name has.
func (s *Session) TellProject(task string) {
	if p := s.Project(); p != nil && p.Has(task) {
		s.Note("the configuration is " + p.Path)
	}
}

// findProject looks for the kagurazaka.yaml of a plugin: in its own folder, and, with above, up to the nearest folder that is the root of a
// project. It reads one only if no other user can have written it, or can write to a folder on the way to it.
func findProject(plugin string, above bool) *project {
	for _, dir := range projectFolders(plugin, above) {
		path := filepath.Join(dir.path, config.ProjectFile)
		if _, err := os.Lstat(path); err != nil && (dir.why != "" || errors.Is(err, fs.ErrNotExist)) {
			continue
		}
		shown := path
		if work, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(work, path); err == nil && filepath.IsLocal(rel) {
				shown = rel
			}
		}
		why := dir.why
		var data []byte
		if why == "" {
			var err error
			if data, why, err = trust.ReadFile(path, maxProject); err != nil {
				why = regular.Cause(err).Error()
			}
		}
		if why != "" {
			return &project{note: shown + " is not used: " + why + "; hint: --cfg FILE reads a file of any owner, --no-config none", warn: true}
		}
		file := config.ReadProject(data, shown)
		if file.IsForeign() && file.HasSections() {
			return &project{warn: true, note: fmt.Sprintf("%s has no tasks:, and is left alone; hint: write tasks: NAME: above its task:, backbone: and mixin:, where NAME is the task, or read it with --cfg %s",
				shown, terminal.Quote(shown))}
		}
		if file.IsForeign() {
			return &project{note: shown + " has no tasks:, and is left alone"}
		}
		return &project{file: file}
	}
	return &project{}
}

// projectFolder is a folder of a plugin's kagurazaka.yaml. why is the reason why that does not count; empty: it may.
type projectFolder struct{ path, why string }

// projectFolders are the folders of a plugin's kagurazaka.yaml, the nearest first.
func projectFolders(plugin string, above bool) []projectFolder {
	dir := plugin
	if info, err := os.Stat(plugin); err != nil || !info.IsDir() {
		dir = filepath.Dir(plugin)
	}
	own := projectFolder{path: dir}
	var up []projectFolder
	for at := own; above; {
		up = append(up, at)
		for _, marker := range []string{".git", "pyproject.toml"} {
			if _, err := os.Lstat(filepath.Join(at.path, marker)); err == nil {
				return up
			}
		}
		next := filepath.Dir(at.path)
		if next == at.path {
			break
		}
		if at.why == "" {
			_, at.why = trust.Above(at.path)
		}
		at.path = next
	}
	return []projectFolder{own}
}
