package dartsspace

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/longtest"
	"idarts/internal/wordtest"
	"idarts/testdata"
)

func TestPublished(t *testing.T) {
	p := table(t)
	all := p.List()
	if len(all) != 42 || len(published) != 42 {
		t.Fatalf("%d entries and %d rows in reported.go, want 42", len(all), len(published))
	}
	reports, numbers := 0, 0
	for i, e := range all {
		if published[i].name != e.Name {
			t.Errorf("entry %d is %q, want %q as in reported.go", i, e.Name, published[i].name)
		}
		if err := e.Genotype.Check(); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if e.Method == "" || e.Repository == "" || e.Path == "" || e.Line <= 0 {
			t.Errorf("%s lacks a method or where it stands: %+v", e.Name, e)
		}
		if len(e.Reports) == 0 && e.Note == "" {
			t.Errorf("%s has no report and no note that says why", e.Name)
		}
		reports += len(e.Reports)
		for _, r := range e.Reports {
			if r.Dataset != cifar && r.Dataset != imagenet || r.About == "" || r.Source == "" {
				t.Errorf("%s: report %+v lacks a data set, what it is about, or its source", e.Name, r)
			}
			if math.IsNaN(r.Error) != (r.About == aboutSize) || r.Error < 2 || r.Error > 30 {
				t.Errorf("%s: error %v about %q", e.Name, r.Error, r.About)
			}
			if math.IsNaN(r.Spread) != (r.SpreadKind == "") {
				t.Errorf("%s: spread %v of kind %q", e.Name, r.Spread, r.SpreadKind)
			}
			if !math.IsNaN(r.Error) {
				numbers++
			}
		}
	}
	// Errors of these are known from memory alone; see the notes on methods.
	for _, name := range []string{"ISTA_twostage", "ISTA_onestage", "ISTA_ImageNet", "shapley_nas_imagenet"} {
		if e, err := p.Query(name); err != nil || len(e.Reports) != 0 {
			t.Errorf("%s has reports %v, %v; want none", name, e.Reports, err)
		}
	}
	t.Logf("%d entries, %d reports, %d errors", len(all), reports, numbers)
}

func TestQuery(t *testing.T) {
	p := table(t)
	e, err := p.Query("DARTS_V2")
	if err != nil {
		t.Fatal(err)
	}
	if e.Genotype.String() != darts2 || e.Repository != "quark0/darts" || e.Path != "cnn/genotypes.py" || e.Line != 75 ||
		e.ParamsCIFAR != 3349342 || e.ParamsImageNet != 4718752 || e.Method != "DARTS, second order" {
		t.Errorf("DARTS_V2 is %+v", e)
	}
	want := Report{cifar, aboutOne, 2.76, 0.09, "range of the average of 10 trainings, with high probability", 10, "", "", srcDARTS}
	if !slices.Contains(e.Reports, want) {
		t.Errorf("reports %+v, want %+v among them", e.Reports, want)
	}
	if _, err := p.Query("DARTS_V3"); err == nil || !strings.Contains(err.Error(), `has no genotype "DARTS_V3", want one of ["DARTS_V1" "DARTS_V2"`) {
		t.Errorf("error = %v", err)
	}
	// SNAS_mild as SNAS's own repository writes it; the table has Fair-DARTS's copy.
	mild := parse(t, "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 1), "+
		"('skip_connect', 0), ('skip_connect', 1), ('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=range(2, 6), "+
		"reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 1), ('skip_connect', 2), "+
		"('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('dil_conv_5x5', 2)], reduce_concat=range(2, 6))")
	if found := p.Find(mild); len(found) != 1 || found[0].Name != "SNAS" || found[0].Genotype.String() == mild.String() {
		t.Errorf("SNAS_mild is %v", found)
	}
	if found := p.Find(parse(t, goldenGenotype)); len(found) != 0 {
		t.Errorf("an architecture that nobody published is %v", found)
	}
	for _, e := range p.List() {
		for _, g := range []Genotype{e.Genotype, e.Genotype.Canonical()} {
			if found := p.Find(g); len(found) != 1 || found[0].Name != e.Name {
				t.Errorf("%s is found as %v", e.Name, found)
			}
		}
	}
}

// genotypesJSON holds three genotypes in the form of the notes' file.
func genotypesJSON(t *testing.T) string {
	t.Helper()
	var list []map[string]any
	for _, name := range []string{"DARTS_V2", "FairDARTS_g", "ISTA_onestage"} {
		e, err := table(t).Query(name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := json.Marshal(e.Genotype)
		if err != nil {
			t.Fatal(err)
		}
		entry := map[string]any{"name": e.Name, "repo": e.Repository, "path": e.Path, "line": e.Line, "params_cifar": e.ParamsCIFAR, "params_imagenet": nil}
		if err := json.Unmarshal(content, &entry); err != nil {
			t.Fatal(err)
		}
		list = append(list, entry)
	}
	content, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestBuildPublished(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "genotypes.json"), filepath.Join(dir, "out.arrow")
	text := genotypesJSON(t)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := func() []byte {
		t.Helper()
		if err := BuildPublished(in, out); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	write(text)
	first := build()
	if !bytes.Equal(first, build()) {
		t.Error("the same input gives other bytes")
	}
	p, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.List() {
		want, err := table(t).Query(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !sameEntry(e, want) {
			t.Errorf("read %+v, want %+v", e, want)
		}
	}
	if len(p.List()) != 3 {
		t.Errorf("%d entries, want 3", len(p.List()))
	}

	for _, tt := range []struct{ name, old, new, want string }{
		{"another count of parameters", `"params_cifar":3349342`, `"params_cifar":3349343`, `genotype "DARTS_V2": 3349343 parameters with C=36, want 3349342 as the network has`},
		{"an unknown name", `"DARTS_V2"`, `"DARTS_V3"`, `entry 1: nothing is known of a genotype "DARTS_V3"; give it a row in darts_space/reported.go`},
		{"a name twice", `"DARTS_V2"`, `"FairDARTS_g"`, `entry 2: genotype "FairDARTS_g" is there already`},
		{"an unknown operation", `["dil_conv_3x3",2]`, `["dil_conv_7x7",2]`, `genotype "DARTS_V2": dartsspace: genotype: normal: entry 8 of 8, ("dil_conv_7x7", 2): unknown operation`},
		{"no list", `[{`, `{`, `want a list of genotypes`},
	} {
		changed := strings.Replace(text, tt.old, tt.new, 1)
		if changed == text {
			t.Fatalf("%s: nothing to replace in %s", tt.name, text)
		}
		write(changed)
		err := BuildPublished(in, out)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), in) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
	if err := BuildPublished(in+"x", out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error = %v", err)
	}
	if content, err := os.ReadFile(out); err != nil || !bytes.Equal(content, first) {
		t.Error("a failed build changed its output")
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none.arrow")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v, want one of a file that does not exist", err)
	}
	file, err := arrowio.Decode("embedded", testdata.DartsGenotypes)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*arrowio.Table)
		want   string
	}{
		{"another format", func(a *arrowio.Table) { a.Meta = nil }, `has format "", want "idarts darts genotypes, version 1"`},
		{"a column is missing", func(a *arrowio.Table) { a.Columns = a.Columns[1:] }, `"name"`},
		{"a genotype that is none", func(a *arrowio.Table) {
			c, _ := a.Find("genotype")
			c.Values = slices.Repeat([]string{"x"}, a.Rows)
		}, `row 0: dartsspace: genotype: at byte 0`},
	} {
		changed := *file
		changed.Columns = slices.Clone(file.Columns)
		tt.change(&changed)
		path := filepath.Join(t.TempDir(), "t.arrow")
		if err := arrowio.Write(path, changed, arrowio.Plain); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Every proper prefix of a table is an error that names it.
func TestTruncatedTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.arrow")
	step := longtest.Of(13, 5, 1)
	for n := 0; n < len(testdata.DartsGenotypes); n += step {
		if err := os.WriteFile(path, testdata.DartsGenotypes[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), `cut.arrow" is `) {
			t.Fatalf("first %d of %d bytes: error = %v", n, len(testdata.DartsGenotypes), err)
		}
	}
	t.Logf("%d truncations", len(testdata.DartsGenotypes)/step)
}

// FuzzDecode: any bytes are a table of genotypes in the space or an error of one
// line that names the file.
func FuzzDecode(f *testing.F) {
	f.Add(testdata.DartsGenotypes)
	file, err := arrowio.Decode("embedded", testdata.DartsGenotypes)
	if err != nil {
		f.Fatal(err)
	}
	plain, err := arrowio.Encode(*file, arrowio.Plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := arrowio.Decode("f.arrow", content)
		var p *Published
		if err == nil {
			p, err = decode(file)
		}
		if err != nil {
			if !strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, e := range p.List() {
			if err := e.Genotype.Check(); err != nil {
				t.Errorf("%q: %v", e.Name, err)
			}
		}
	})
}

func TestEmbeddedTableIsTheOneInTheReadme(t *testing.T) {
	sum := sha256.Sum256(testdata.DartsGenotypes)
	readme, err := os.ReadFile("../testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("testdata/README.md does not name the hash %x of darts-genotypes.arrow", sum)
	}
}

// The embedded table is what BuildPublished makes of the notes' file, byte for byte.
func TestEmbeddedTableIsRebuilt(t *testing.T) {
	const notes = "../../shared/spec/genotypes.json"
	if _, err := os.Stat(notes); err != nil {
		t.Skipf("%s is not there; the embedded table is not compared with it", notes)
	}
	out := filepath.Join(t.TempDir(), "out.arrow")
	if err := BuildPublished(notes, out); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, testdata.DartsGenotypes) {
		t.Error("testdata/darts-genotypes.arrow is not what idarts data build genotypes makes of the notes")
	}
	var list []struct {
		Name     string `json:"name"`
		CIFAR    *int   `json:"params_cifar"`
		ImageNet *int   `json:"params_imagenet"`
	}
	raw, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	counts := 0
	for i, e := range table(t).List() {
		for _, c := range []struct {
			given *int
			ours  int
		}{{list[i].CIFAR, e.ParamsCIFAR}, {list[i].ImageNet, e.ParamsImageNet}} {
			if c.given == nil {
				continue
			}
			counts++
			if list[i].Name != e.Name || *c.given != c.ours {
				t.Errorf("%s has %d parameters, the notes' %s %d", e.Name, c.ours, list[i].Name, *c.given)
			}
		}
	}
	t.Logf("%d counts of the notes", counts)
}

// sameEntry compares with NaN equal to itself.
func sameEntry(a, b Entry) bool {
	plain := func(e Entry) Entry {
		e.Reports = slices.Clone(e.Reports)
		for i := range e.Reports {
			for _, v := range []*float64{&e.Reports[i].Error, &e.Reports[i].Spread} {
				if math.IsNaN(*v) {
					*v = -1
				}
			}
		}
		return e
	}
	return reflect.DeepEqual(plain(a), plain(b))
}
