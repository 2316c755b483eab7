// Package settings treats a struct of numbers by the names of its JSON form: it
// lists them, sets one from text, and reads them strictly. A path is the names
// from the outside in, "arch.lr". Fields of an embedded struct belong to the outer
// one, as in JSON. Lists have no paths into them.
package settings

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Value is one number, word or list of a struct.
type Value struct {
	Path  string
	Value any
	Doc   string // what it is: the tag doc of its field
}

// Text is the value as [Set] reads it.
func (v Value) Text() string {
	switch x := v.Value.(type) {
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			return string(text)
		}
	case string:
		return x
	}
	text, err := json.Marshal(v.Value)
	if err != nil {
		return fmt.Sprint(v.Value)
	}
	return string(text)
}

// Walk lists what v, a struct, holds, in the order of its fields.
func Walk(v any) []Value {
	var out []Value
	walk(reflect.ValueOf(v), "", func(path, doc string, field reflect.Value) {
		out = append(out, Value{path, field.Interface(), doc})
	})
	return out
}

// Set is v, a struct, with the value at path read from text: "0.1", "true", a name,
// or JSON for a list. An unknown path is an error that offers the nearest ones; a
// number that is not finite is an error.
func Set[T any](v T, path, text string) (T, error) {
	changed := reflect.New(reflect.TypeOf(v)).Elem()
	changed.Set(reflect.ValueOf(v))
	var target reflect.Value
	var paths []string
	walk(changed, "", func(at, _ string, field reflect.Value) {
		paths = append(paths, at)
		if at == path {
			target = field
		}
	})
	if !target.IsValid() {
		return v, fmt.Errorf("settings: no %q, want %s", path, Offer(path, paths))
	}
	if err := parse(target, text); err != nil {
		return v, fmt.Errorf("settings: %s is %q: %w", path, text, err)
	}
	return changed.Interface().(T), nil
}

// walk visits the leaves of a struct.
func walk(v reflect.Value, prefix string, visit func(path, doc string, field reflect.Value)) {
	for _, f := range fields(v.Type()) {
		field := v.FieldByIndex(f.index)
		if isLeaf(field.Type()) {
			visit(prefix+f.name, v.Type().FieldByIndex(f.index).Tag.Get("doc"), field)
		} else {
			walk(field, prefix+f.name+".", visit)
		}
	}
}

// named is a field by the name that it has in JSON.
type named struct {
	name     string
	index    []int
	optional bool // left out when it is zero
}

// fields are those of a struct type that JSON has, embedded ones in their place.
func fields(t reflect.Type) []named {
	var out []named
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for _, nested := range fields(f.Type) {
				nested.index = append([]int{i}, nested.index...)
				out = append(out, nested)
			}
			continue
		case name == "":
			name = f.Name
		}
		out = append(out, named{name, []int{i}, strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")})
	}
	return out
}

func isLeaf(t reflect.Type) bool {
	return t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// parse sets a leaf from text.
func parse(field reflect.Value, text string) error {
	if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch kind := field.Kind(); kind {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		x, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("want true or false")
		}
		field.SetBool(x)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		x, err := strconv.ParseInt(text, 10, field.Type().Bits())
		if err != nil {
			return fmt.Errorf("want a whole number")
		}
		field.SetInt(x)
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("want a number")
		}
		field.SetFloat(x)
	default:
		fresh := reflect.New(field.Type()) // the list that is there belongs to the struct it was copied from
		if err := json.Unmarshal([]byte(text), fresh.Interface()); err != nil {
			return fmt.Errorf("want %s in JSON", field.Type())
		}
		field.Set(fresh.Elem())
	}
	return nil
}
