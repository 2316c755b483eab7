// Package plainjson reads JSON whose errors are for people. What encoding/json says
// names Go's types; here a whole number belongs where a text stands, under the
// key where that is.
//
// Start at [Unmarshal]; [Words] translates an error that another decoder gave.
package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Unmarshal is json.Unmarshal with errors in plain words.
func Unmarshal(content []byte, v any) error { return Words(json.Unmarshal(content, v)) }

// Strict is [Unmarshal] that refuses keys which v does not have.
func Strict(content []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return Words(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more text behind its end, at byte %d", d.InputOffset())
	}
	return nil
}

// Words is err without Go's types. Errors of other packages are left as they are.
func Words(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("nothing is there, want JSON")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case errors.As(err, &syntax):
		if strings.HasPrefix(syntax.Error(), "unexpected end") {
			return errors.New("it ends too early")
		}
		return fmt.Errorf("no JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &kind):
		text := fmt.Sprintf("%s where %s belongs", found(kind.Value), belongs(kind.Type))
		if kind.Field != "" {
			text = fmt.Sprintf("%q has %s, before byte %d", kind.Field, text, kind.Offset)
		}
		return errors.New(text)
	}
	if text, ours := strings.CutPrefix(err.Error(), "json: "); ours {
		if name, unknown := strings.CutPrefix(text, "unknown field "); unknown {
			text = "there is no key " + name
		}
		return errors.New(text)
	}
	return err
}

// found is what stands in JSON.
func found(value string) string {
	switch kind, number, _ := strings.Cut(value, " "); kind {
	case "string":
		return "a text"
	case "array":
		return "a list"
	case "object":
		return "an object {...}"
	case "bool":
		return "true or false"
	case "number":
		if number == "" {
			return "a number"
		}
		return value
	}
	return value
}

// belongs is what JSON must have for a type.
func belongs(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Pointer:
		return belongs(t.Elem())
	}
	return "an object {...}"
}

// Int is a whole number, which may be written as 1.0 or 1e0.
type Int int

// UnmarshalJSON reads a number without a fraction.
func (n *Int) UnmarshalJSON(text []byte) error {
	const exact = 1 << 53 // beyond it not all whole numbers have a value
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > exact {
		return fmt.Errorf("%s where a whole number belongs", clip(text))
	}
	*n = Int(v)
	return nil
}

// clip is the head of a text that may be long.
func clip(text []byte) string {
	if len(text) > 40 {
		return string(text[:40]) + "..."
	}
	return string(text)
}
