package settings

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Decode reads v, a pointer to a struct, from JSON. A name that the struct does not
// have is an error, and so is one of the struct that the JSON lacks, unless it has
// the option omitempty: then it is zero.
func Decode(data []byte, v any) error {
	if err := check(data, reflect.TypeOf(v).Elem(), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return nil
}

// check compares the names in the JSON of an object with those of a struct.
func check(data []byte, t reflect.Type, prefix string) error {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(data, &have); err != nil {
		return fmt.Errorf("settings: %s%w", label(prefix), err)
	}
	var names []string
	for _, f := range fields(t) {
		names = append(names, prefix+f.name)
		raw, ok := have[f.name]
		if !ok && !f.optional {
			return fmt.Errorf("settings: %q is missing", prefix+f.name)
		}
		delete(have, f.name)
		if nested := t.FieldByIndex(f.index).Type; ok && !isLeaf(nested) {
			if err := check(raw, nested, prefix+f.name+"."); err != nil {
				return err
			}
		}
	}
	for name := range have {
		return fmt.Errorf("settings: no %q, want %s", prefix+name, Offer(prefix+name, names))
	}
	return nil
}

func label(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1] + ": "
}
