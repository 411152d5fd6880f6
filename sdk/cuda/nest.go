package cuda

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Leaf is an array in a tree: Tensor for one item, Packed for a batch.
type Leaf interface{ Tensor | Packed }

// Nest returns the arrays of a tree of structs, maps, slices and pointers, and names each by its path: Truth.Boxes, Frames.0. Parts of a path are
// the names of struct fields, or those of their tags (name:"boxes"), the keys of maps, which must be strings, and the indexes of slices.
// Pointers that are nil are left out. All items of a batch must have the same names.
//
//	fields.Tensors, err = cuda.Nest[cuda.Tensor](sample)
func Nest[A Leaf](tree any) ([]A, error) {
	n := nester[A]{}
	n.walk(reflect.ValueOf(tree), "")
	return n.leaves, errors.Join(n.wrong...)
}

type nester[A Leaf] struct {
	leaves []A
	wrong  []error
}

func (n *nester[A]) fail(path, format string, args ...any) {
	n.wrong = append(n.wrong, fmt.Errorf("%s: %s", cmp.Or(path, "the tree"), fmt.Sprintf(format, args...)))
}

func (n *nester[A]) walk(v reflect.Value, path string) {
	if !v.IsValid() {
		n.fail(path, "is nil; %s", wanted[A]())
		return
	}
	if leaf, ok := v.Interface().(A); ok {
		n.leaves = append(n.leaves, renamed(leaf, path))
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			n.walk(v.Elem(), path)
		}
	case reflect.Struct:
		for i, name := range fieldsOf(v.Type()) {
			n.inner(v.Field(i), path, name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			n.inner(v.Index(i), path, strconv.Itoa(i))
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			n.fail(path, "has the type %s; the keys of a map must be strings", v.Type())
			return
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			n.inner(v.MapIndex(key), path, key.String())
		}
	default:
		n.fail(path, "has the type %s; %s", v.Type(), wanted[A]())
	}
}

func (n *nester[A]) inner(v reflect.Value, path, name string) {
	if name == "" || strings.Contains(name, ".") {
		n.fail(path, "the name %q must not be empty, or have a dot in it", name)
		return
	}
	n.walk(v, joined(path, name))
}

// wanted says what a tree must be of.
func wanted[A Leaf]() string {
	return fmt.Sprintf("it must be a cuda.%s, or a struct, map, slice or pointer of those", reflect.TypeFor[A]().Name())
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldsOf are the names of a struct's exported fields, by their index.
func fieldsOf(t reflect.Type) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !yield(i, cmp.Or(f.Tag.Get("name"), f.Name)) {
				return
			}
		}
	}
}

func renamed[A Leaf](leaf A, name string) A {
	switch p := any(&leaf).(type) {
	case *Tensor:
		p.Name = name
	case *Packed:
		p.Name = name
	}
	return leaf
}

func nameOf[A Leaf](leaf A) string {
	switch v := any(leaf).(type) {
	case Tensor:
		return v.Name
	case Packed:
		return v.Name
	}
	return ""
}

// Unnest fills the tree that a pointer leads to from arrays by their names, as Nest has given them: in Infer from Batch.Tensors with leaves of
// type Packed, in Finish from Output.Tensors with leaves of type Tensor. It makes slices, maps and what pointers lead to as they are needed. A leaf
// without an array is an error; arrays without a leaf are left out.
//
//	err = cuda.Unnest(batch.Tensors, &sample)
func Unnest[A Leaf](arrays []A, tree any) error {
	v := reflect.ValueOf(tree)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("cuda.Unnest needs a pointer to a tree, not %T", tree)
	}
	u := unnester[A]{arrays: map[string]A{}}
	for _, a := range arrays {
		u.arrays[nameOf(a)] = a
	}
	u.fill(v.Elem(), "")
	return errors.Join(u.wrong...)
}

type unnester[A Leaf] struct {
	arrays map[string]A
	wrong  []error
}

// children are the names behind a path, sorted.
func (u *unnester[A]) children(path string) []string {
	var names []string
	for name := range u.arrays {
		if rest, ok := strings.CutPrefix(name, joined(path, "")); ok {
			first, _, _ := strings.Cut(rest, ".")
			names = append(names, first)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (u *unnester[A]) has(path string) bool {
	_, leaf := u.arrays[path]
	return leaf || len(u.children(path)) > 0
}

func (u *unnester[A]) fail(path, format string, args ...any) {
	u.wrong = append(u.wrong, fmt.Errorf("%s: %s", cmp.Or(path, "the tree"), fmt.Sprintf(format, args...)))
}

func (u *unnester[A]) fill(v reflect.Value, path string) {
	if v.Type() == reflect.TypeFor[A]() {
		array, ok := u.arrays[path]
		if !ok {
			u.fail(path, "there is no array of this name; there are %s", cmp.Or(strings.Join(u.names(), ", "), "none"))
			return
		}
		v.Set(reflect.ValueOf(array))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if u.has(path) {
			v.Set(reflect.New(v.Type().Elem()))
			u.fill(v.Elem(), path)
		}
	case reflect.Struct:
		for i, name := range fieldsOf(v.Type()) {
			u.fill(v.Field(i), joined(path, name))
		}
	case reflect.Array:
		for i := range v.Len() {
			u.fill(v.Index(i), joined(path, strconv.Itoa(i)))
		}
	case reflect.Slice:
		made := reflect.MakeSlice(v.Type(), 0, 0)
		for i := 0; u.has(joined(path, strconv.Itoa(i))); i++ {
			made = reflect.Append(made, reflect.Zero(v.Type().Elem()))
			u.fill(made.Index(i), joined(path, strconv.Itoa(i)))
		}
		v.Set(made)
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			u.fail(path, "has the type %s; the keys of a map must be strings", v.Type())
			return
		}
		made := reflect.MakeMap(v.Type())
		for _, name := range u.children(path) {
			value := reflect.New(v.Type().Elem()).Elem()
			u.fill(value, joined(path, name))
			made.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
		}
		v.Set(made)
	default:
		u.fail(path, "has the type %s; %s", v.Type(), wanted[A]())
	}
}

func (u *unnester[A]) names() (names []string) {
	for name := range u.arrays {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
