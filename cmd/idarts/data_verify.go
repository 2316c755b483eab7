package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/settings"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/runners"
	"idarts/runners/micro"
)

type verifyCmd struct {
	What string `arg:"" help:"Name of a data set (see: idarts data list), an Arrow table, or a file that data list names."`
	Data string `help:"Folder of the data set." placeholder:"DIR"`
}

// Run prints a line for each check that is passed; the first that is not is the
// error.
func (v *verifyCmd) Run(c console) error {
	ok := func(format string, args ...any) { fmt.Fprintf(c.out, "ok  "+format+"\n", args...) }
	for _, source := range images.Datasets {
		if source.Name == v.What && !images.Inside(v.What) {
			return v.images(c, ok)
		}
	}
	if err := c.without(fmt.Sprintf("%s is no data set that is read from a folder", v.What), "data"); err != nil {
		return err
	}
	if images.Inside(v.What) {
		return v.images(c, ok)
	}
	for _, item := range dataItems {
		if item.Name != v.What {
			continue
		}
		for _, f := range item.Files {
			if f.Embedded != nil {
				return v.embedded(c, ok, f)
			}
		}
		return fmt.Errorf("%q is not in the program, want the name of a file of it; how to get it: %s", item.Name, item.Get)
	}
	return v.file(c, ok)
}

// images reads a data set, which checks it.
func (v *verifyCmd) images(c console, ok func(string, ...any)) error {
	d, err := images.Open(v.What, v.Data)
	if err != nil {
		return missing(err, place{"data", v.Data})
	}
	fmt.Fprintf(c.out, "%s: %d images for the weights, %d for the architecture, %d to test with; %dx%dx%d, %d classes\nsha256 %s\n",
		d.Name, len(d.Train.Indices), len(d.Valid.Indices), len(d.Test.Indices),
		d.Train.Set.H, d.Train.Set.W, d.Train.Set.C, d.Train.Set.Classes, d.SHA256())
	for _, item := range dataItems {
		for _, f := range item.Files {
			if item.Name == v.What && f.Embedded != nil {
				if err := f.check(f.Name, hexSum(f.Embedded)); err != nil {
					return err
				}
				ok("%s in the program has the sha256 of idarts data list", f.Name)
			}
		}
	}
	ok("images, labels and parts")
	return nil
}

// check compares a hash with the file's.
func (f dataFile) check(name, sum string) error {
	if sum != f.SHA256 {
		return fmt.Errorf("%s: sha256 is %s, want %s", name, sum, f.SHA256)
	}
	return nil
}

// embedded verifies a table inside the program.
func (v *verifyCmd) embedded(c console, ok func(string, ...any), f dataFile) error {
	sum := hexSum(f.Embedded)
	fmt.Fprintf(c.out, "%s: %d bytes, in the program\nsha256 %s\n", f.Name, len(f.Embedded), sum)
	if err := f.check(f.Name, sum); err != nil {
		return err
	}
	ok("the sha256 is that of idarts data list")
	file, err := arrowio.Decode(f.Name, f.Embedded)
	if err != nil {
		return err
	}
	return table(c, ok, file.Meta["format"], f.Name, "", f.Embedded)
}

// file verifies a file of any kind that the program knows.
func (v *verifyCmd) file(c console, ok func(string, ...any)) error {
	sum, size, err := hashFile(v.What)
	if errors.Is(err, fs.ErrNotExist) {
		var names []string
		for _, item := range dataItems {
			names = append(names, item.Name)
		}
		return fmt.Errorf("no file and no data set %q, want a file or %s", v.What, settings.Offer(v.What, names))
	}
	if err != nil {
		return err
	}
	item, known, isKnown := knownFile(sum)
	meta, err := arrowio.Meta(v.What)
	if err != nil && !isKnown {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d bytes\nsha256 %s\n", v.What, size, sum)
	if isKnown {
		ok("it is %s of %s", known.Name, item.Name)
	}
	if err := manifest(ok, v.What, sum); err != nil {
		return err
	}
	if err != nil {
		return nil // an original file, which is right when its hash is
	}
	return table(c, ok, meta["format"], v.What, v.What, nil)
}

// manifest compares a table of idarts bench build with the manifest beside it, if
// there is one.
func manifest(ok func(string, ...any), path, sum string) error {
	base := filepath.Base(path)
	name := strings.TrimSuffix(withoutEnding(base, ".arrow"), "-curves") + ".json"
	// Of a [micro.Manifest] the files alone: its recipe has a network of any space,
	// which JSON cannot choose.
	var m struct {
		Files map[string]string `json:"files"`
	}
	err := result.ReadJSON(filepath.Join(filepath.Dir(path), name), &m)
	want, listed := m.Files[base]
	if errors.Is(err, fs.ErrNotExist) || err == nil && !listed {
		return nil
	}
	if err != nil {
		return err
	}
	if sum != want {
		return fmt.Errorf("%q: sha256 is %s, its manifest %q says %s", path, sum, name, want)
	}
	ok("the sha256 is that of its manifest %s", name)
	return nil
}

// table verifies an Arrow table by its own kind: a file, or content inside the program.
func table(c console, ok func(string, ...any), format, name, path string, content []byte) error {
	say := func(lines []string, err error) error {
		ok("schema: %s", format)
		for _, line := range lines {
			ok("%s", line)
		}
		return err
	}
	switch format {
	case nb201.Format:
		t, err := open(nb201.Open, nb201.Decode, name, path, content)
		if err != nil {
			return err
		}
		fmt.Fprint(c.out, t.About())
		return say(t.Verify())
	case nb1b1.Format:
		t, err := open(nb1b1.Open, nb1b1.Decode, name, path, content)
		if err != nil {
			return err
		}
		fmt.Fprint(c.out, t.About())
		return say(t.Verify())
	case dartsspace.Format:
		t, err := dartsspace.Open(path) // "" is the one in the program
		if err != nil {
			return err
		}
		return say([]string{fmt.Sprintf("%d published genotypes", len(t.List()))}, nil)
	case runners.ScoresFormat, runners.ScoresFormat1:
		t, err := runners.ReadScores(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "protocol: %s\n", t.Origin)
		lines, err := t.Verify()
		return say(lines, named(name, err))
	case micro.CurvesFormat:
		rows, err := micro.ReadCurves(path)
		if err != nil {
			return err
		}
		return say(micro.VerifyCurves(rows), nil)
	}
	return fmt.Errorf("%q has format %q, want one of %q", name, format,
		[]string{nb201.Format, nb1b1.Format, dartsspace.Format, runners.ScoresFormat, micro.CurvesFormat})
}

func open[T any](fromFile func(string) (T, error), decode func(string, []byte) (T, error), name, path string, content []byte) (T, error) {
	if path != "" {
		return fromFile(path)
	}
	return decode(name, content)
}

// named adds the name of a file to an error.
func named(name string, err error) error {
	if err != nil {
		err = fmt.Errorf("%q: %w", name, err)
	}
	return err
}

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// hashFile reads a file of any size.
func hashFile(path string) (sum string, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	hash := sha256.New()
	if size, err = io.Copy(hash, file); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}
