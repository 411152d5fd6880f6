package config

import (
	"fmt"

	"github.com/kagurazaka/kagurazaka/host/problem"
	"github.com/kagurazaka/kagurazaka/host/template"
)

// into merges the map src into the map dst: maps within maps are merged, anything else is replaced. A map from a dotlist's path
// addresses the elements of a list. src stays as it is. Interpolations are not resolved yet, except one that a map is merged into.
func (l *loader) into(dst, src *Value) {
	for _, e := range src.Entries {
		old := dst.Get(e.Key)
		if old != nil {
			if e.Value.isMissing() {
				continue
			}
			if e.Value.Kind == KindMap && l.mergeChild(dst, e.Key, old, e.Value) {
				continue
			}
		}
		e.Value = e.Value.clone()
		dst.set(e)
	}
}

// mergeChild merges a map into the value under the key, and reports whether that was possible.
func (l *loader) mergeChild(dst *Value, key string, old, src *Value) bool {
	if hasInterpolation(old.text()) {
		target, err := l.resolver().deref(old)
		if err != nil || target.Kind == KindScalar {
			return false
		}
		old = target.clone()
		dst.set(Entry{Key: key, Value: old})
	}
	// soft_shard=SoftShardByHash soft_shard.shard_num=8: a mode's name, and then its fields.
	if _, isMode := template.SpecOf(old.text()); isMode {
		named := newMap(old.Source)
		named.set(Entry{Key: modeKey, Value: old.clone()})
		dst.set(Entry{Key: key, Value: named})
		old = named
	}
	switch {
	case old.Kind == KindMap:
		l.into(old, src)
		old.dotted = old.dotted && src.dotted
		return true
	case old.Kind == KindList && src.dotted:
		l.elements(old, src)
		return true
	}
	return false
}

// elements merges a dotlist's map into the elements of a list that it addresses.
func (l *loader) elements(list, src *Value) {
	for _, e := range src.Entries {
		i, p := elementIndex(e, len(list.Items), list)
		if p != nil {
			l.complain(*p)
			continue
		}
		switch old := list.Items[i]; {
		case e.Value.Kind == KindMap && old.Kind == KindMap:
			l.into(old, e.Value)
		case e.Value.dotted && old.Kind == KindList:
			l.elements(old, e.Value)
		default:
			list.setItem(i, e.Value.clone())
		}
	}
}

// elementIndex is the index that a dotlist's name means in a list of n. list is nil for a list of the template.
func elementIndex(e Entry, n int, list *Value) (int, *problem.Problem) {
	if i, ok := listIndex(e.Key, n); ok {
		return i, nil
	}
	where := ""
	if list != nil && list.Source != "" {
		where = " (" + list.Source + ")"
	}
	return 0, &problem.Problem{Source: e.Value.Source, Message: fmt.Sprintf("%s is not an element of a list of %d%s", e.Key, n, where),
		Suggestion: "elements count from 0; to make the list longer, give all of it: [a, b, c]"}
}
