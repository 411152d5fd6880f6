package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/internal/suggest"
)

// ProjectFile is the name of a project's configuration.
const ProjectFile = "kagurazaka.yaml"

// sectionTasks is the section of a project's file that has an entry for each task, and in it the sections of --cfg.
const sectionTasks = "tasks"

// Project is a kagurazaka.yaml: the configuration of a project's tasks, in place of --cfg.
type Project struct {
	// Path is the file's path, as problems have it.
	Path string

	data     []byte
	root     *Value
	problems []problem.Problem
}

// ReadProject reads the text of a project's file. Its problems are those of Load.
func ReadProject(data []byte, path string) *Project {
	p := &Project{Path: path, data: data}
	if len(data) > maxFile {
		p.complain(path, "", fmt.Sprintf("it is longer than %d MiB", maxFile>>20), "")
		return p
	}
	p.root, p.problems = parseYAML(data, path)
	if p.root != nil && p.root.Kind == KindMap {
		p.check()
	}
	return p
}

func (p *Project) complain(source, path, message, suggestion string) {
	p.problems = append(p.problems, problem.Problem{Source: source, Path: path, Message: message, Suggestion: suggestion})
}

func (p *Project) at(e Entry) string { return fmt.Sprintf("%s:%d", p.Path, e.line) }

// check finds the problems of the file's form, for all tasks.
func (p *Project) check() {
	sections := []string{sectionTask, sectionBackbone, sectionMixin}
	isCfg := func(e Entry) bool { return slices.Contains(sections, e.Key) }
	if p.root.Get(sectionTasks) == nil && slices.ContainsFunc(p.root.Entries, isCfg) {
		// It is a file for --cfg.
		return
	}
	references := p.references()
	for _, e := range p.root.Entries {
		switch {
		case e.Key == sectionTasks, e.anchored, references[e.Key]:
		case isCfg(e):
			p.complain(p.at(e), e.Key, "this section belongs to one task", fmt.Sprintf("write it below %s: NAME:", sectionTasks))
		case suggest.OneTypo(e.Key, []string{sectionTasks}) != "":
			p.complain(p.at(e), e.Key, "this is not a section, and nothing refers to it",
				fmt.Sprintf("did you mean %s? A section of your own needs another name", sectionTasks))
		}
	}
	tasks := p.root.Get(sectionTasks)
	if tasks.IsNull() {
		return
	}
	if tasks.Kind != KindMap {
		p.complain(tasks.Source, sectionTasks, "must be a map from a task's name to its sections, not "+tasks.what(), "")
		return
	}
	for _, task := range tasks.Entries {
		path := sectionTasks + "." + task.Key
		if task.Value.Kind != KindMap {
			if !task.Value.IsNull() && !hasInterpolation(task.Value.text()) {
				p.complain(task.Value.Source, path, "must be a map of the sections task, backbone and mixin, not "+task.Value.what(), "")
			}
			continue
		}
		for _, e := range task.Value.Entries {
			if !slices.Contains(sections, e.Key) {
				p.complain(p.at(e), path+"."+e.Key, "unknown section", problem.Meant(e.Key, "there are", sections))
			}
		}
	}
}

// IsForeign reports whether the file has no tasks and no problem, so that it is not for this program.
func (p *Project) IsForeign() bool { return len(p.problems) == 0 && p.root.Get(sectionTasks) == nil }

// HasSections reports whether the file has the sections of a --cfg at its top.
func (p *Project) HasSections() bool {
	return slices.ContainsFunc([]string{sectionTask, sectionBackbone, sectionMixin}, func(name string) bool { return p.root.Get(name) != nil })
}

// Has reports whether the file has an entry for a task.
func (p *Project) Has(task string) bool { return p.root.Get(sectionTasks).Get(task) != nil }

// forTask is the file as --cfg for one task: the sections of the task's entry stand at the root, beside what else the file has.
func (l *loader) forTask(p *Project, task string) *Value {
	l.problems = append(l.problems, p.problems...)
	if l.unread = problem.Any(p.problems); p.root == nil || p.root.Kind != KindMap {
		return newMap("")
	}
	cfg := p.root.clone()
	tasks := cfg.Get(sectionTasks)
	entry := tasks.Get(task)
	if entry == nil {
		l.nearTask(p, tasks, task)
		return cfg
	}
	r := l.resolver()
	entry, err := r.deref(entry)
	if err != nil {
		r.report(err)
		l.problems = append(l.problems, r.problems...)
		return cfg
	}
	if entry.Kind != KindMap && !entry.IsNull() {
		l.complain(problem.Problem{Source: entry.Source, Path: sectionTasks + "." + task, Message: "must be a map of the sections task, backbone and mixin, not " + entry.what()})
	}
	for _, e := range entry.Entries {
		e.Value = e.Value.clone()
		cfg.set(e)
	}
	return cfg
}

// nearTask warns of an entry that is one typo away from a task without an entry.
func (l *loader) nearTask(p *Project, tasks *Value, task string) {
	if tasks == nil || task == "" {
		return
	}
	for _, e := range tasks.Entries {
		if suggest.OneTypo(e.Key, []string{task}) != "" {
			l.complain(problem.Problem{Source: p.at(e), Path: sectionTasks + "." + e.Key, Warning: true,
				Message: "it is not for " + task, Suggestion: fmt.Sprintf("did you mean %s?", task)})
		}
	}
}

// references are the keys of the root that something in the file seems to refer to: they stand behind { or a dot, and before a dot, [ or }.
func (p *Project) references() map[string]bool {
	keys := map[string]bool{}
	from := -1
	for i, c := range p.data {
		if !strings.ContainsRune("{.[}", rune(c)) {
			continue
		}
		if from >= 0 && c != '{' {
			if key := string(bytes.TrimSpace(p.data[from:i])); p.root.Get(key) != nil {
				keys[key] = true
			}
		}
		if from = -1; c == '{' || c == '.' {
			from = i + 1
		}
	}
	return keys
}
