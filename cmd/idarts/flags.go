package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"idarts/internal/images"
	"idarts/runners/protocol"
)

// givenFlags are the names of the flags on the command line. One that is empty is an
// error, as a variable of the shell that is not set makes it, and so is one that is
// there twice where only the last would count. So are empty arguments.
func givenFlags(call *kong.Context) (map[string]bool, error) {
	given := map[string]bool{}
	for _, step := range call.Path {
		value := step.Positional
		if step.Flag != nil {
			value = step.Flag.Value
			if given[value.Name] && !value.IsCumulative() {
				return nil, fmt.Errorf("--%s is there twice, want it once", value.Name)
			}
			given[value.Name] = true
		}
		if value == nil {
			continue
		}
		if isEmpty(value.Target) {
			return nil, fmt.Errorf("%s is empty", value.ShortSummary())
		}
	}
	return given, nil
}

// isEmpty says whether a flag's value is an empty text, or a list of none or with one.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.TrimSpace(v.String()) == ""
	case reflect.Slice:
		for i := range v.Len() {
			if isEmpty(v.Index(i)) {
				return true
			}
		}
		return v.Len() == 0
	}
	return false
}

// wantedNumber is what kong says of a number that is none.
var wantedNumber = regexp.MustCompile(`expected a valid \d+ bit u?int but got (.*)$`)

// flagError is a parser's error in words of use to its reader. No value of a flag
// begins with a minus but the name of a file, so others are not suggested.
func flagError(model *kong.Application, err error) error {
	name, rest, _ := strings.Cut(err.Error(), ": ")
	if _, suggestion, ok := strings.Cut(rest, "; perhaps try "); ok && !takesPath(model, name) {
		_, value, _ := strings.Cut(suggestion, "=")
		return fmt.Errorf("%s: %s is no value of it", name, strings.TrimSuffix(value, "?"))
	}
	if text := wantedNumber.ReplaceAllString(err.Error(), "want a whole number, got $1"); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// takesPath says whether the value of a flag is the name of a file or a folder.
func takesPath(model *kong.Application, flag string) bool {
	for _, command := range model.Leaves(false) {
		for _, f := range command.Flags {
			if "--"+f.Name == flag && (f.PlaceHolder == "FILE" || f.PlaceHolder == "DIR") {
				return true
			}
		}
	}
	return false
}

// without is the error for flags that were given and have no effect, with the reason;
// nil where none was.
func (c console) without(why string, flags ...string) error {
	for _, name := range flags {
		if c.given[name] {
			return fmt.Errorf("--%s has no effect: %s", name, why)
		}
	}
	return nil
}

// inputsOf refuses --data and --table where no protocol reads them.
func (c console) inputsOf(protocols ...protocol.Protocol) error {
	data, table := false, false
	var names []string
	for _, p := range protocols {
		data = data || !images.Inside(p.Dataset)
		table = table || p.Score.Table && p.Score.BuiltIn == ""
		names = append(names, p.Name+" of "+p.Space)
	}
	if !data {
		if err := c.without(fmt.Sprintf("the images of protocol %s are in the program", strings.Join(names, ", ")), "data"); err != nil {
			return err
		}
	}
	if !table {
		return c.without(fmt.Sprintf("protocol %s scores by no table from outside the program", strings.Join(names, ", ")), "table")
	}
	return nil
}

// place is where a flag says that something is.
type place struct{ flag, path string }

// missing adds to an error about a file that is not there which flag says where it is:
// the first whose path is that file or a folder of it.
func missing(err error, places ...place) error {
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) {
		return err
	}
	for _, p := range places {
		below, outside := filepath.Rel(p.path, path.Path)
		if outside == nil && below != ".." && !strings.HasPrefix(below, ".."+string(filepath.Separator)) {
			return fmt.Errorf("%w; --%s says where it is", err, p.flag)
		}
	}
	return err
}

// withoutEnding is path without an ending, in capital letters or small ones.
func withoutEnding(path, ending string) string {
	if at := len(path) - len(ending); at >= 0 && strings.EqualFold(path[at:], ending) {
		return path[:at]
	}
	return path
}
