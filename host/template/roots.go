package template

import (
	"fmt"
	"slices"
	"strings"
)

// HasMagic reports whether a text is a pattern: it has one of *, ? and [.
func HasMagic(text string) bool { return strings.ContainsAny(text, "*?[") }

// roots sets the folders of the inputs that a list gives.
func (c *compiler) roots(m values, field string) {
	n := m.node(field)
	if n == nil || n.Kind != KindList {
		return
	}
	if len(n.List) == 0 {
		c.problem(m.path+"."+field, n, "is empty", "name at least one folder, or give null")
	}
	for i, e := range n.List {
		root, where := textOf(e), fmt.Sprintf("%s.%s.%d", m.path, field, i)
		if root == "" {
			c.problem(where, n, "is empty", "write . for the working folder")
		}
		if slices.Contains(strings.Split(root, "/"), anyFolders) {
			c.warn(where, n, "has ** in it, which is the same as * here: it stands for one folder", "InputByGlob with recursive: true finds files at any depth")
		}
		c.t.InputPaths = append(c.t.InputPaths, root)
	}
	if len(c.t.InputPaths) > 0 {
		c.t.InputPath = c.t.InputPaths[0]
	}
}
