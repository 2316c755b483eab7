package micro

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"idarts/internal/arrowio"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/result"
	"idarts/internal/trials"
	"idarts/nb201"
)

// Manifest says how a table of a [Benchmark] was made. It lies beside the table,
// whose bytes depend on the protocol and the engine alone.
type Manifest struct {
	Protocol Benchmark         `json:"protocol"`
	Data     map[string]string `json:"data"` // name -> sha256 of the images
	Files    map[string]string `json:"files"`
	Commit   string            `json:"commit"`   // of the program that wrote the table
	Trained  []string          `json:"trained"`  // versions of the programs that trained
	Versions map[string]string `json:"versions"` // of the libraries
	Device   string            `json:"device"`

	Cells     int   `json:"cells"`     // strings with an answer
	Networks  int   `json:"networks"`  // that were trained
	Classes   int   `json:"classes"`   // of the benchmark that have an answer
	Trainings int   `json:"trainings"` // with all seeds
	Rounds    []int `json:"rounds"`    // trainings of each of the [Rounds]
	Diverged  int   `json:"diverged"`  // whose loss was not finite

	// Wall clock of one training on one thread, evaluations included, and processor
	// time, which is there where the system tells it.
	SecondsMean  float64 `json:"seconds_mean"`
	SecondsTotal float64 `json:"seconds_total"`
	CoreSeconds  float64 `json:"core_seconds_total"`
}

// CurvesFormat is what a file of curves calls itself in its metadata.
const CurvesFormat = "idarts micro benchmark curves, version 1"

// fashionLicence is that of the images.
const fashionLicence = "MIT (Fashion-MNIST, Copyright 2017 Zalando SE)"

// Keys are those of m's table: accuracies on the images that fit the
// architecture and on those that nothing was fitted to, both by networks trained
// on the images that fit the weights.
func (m Benchmark) Keys() (valid, test nb201.Key, err error) {
	data, err := m.data()
	if err != nil {
		return valid, test, err
	}
	valid, test = m.keys(data)
	return valid, test, nil
}

func (m Benchmark) keys(data *images.Dataset) (valid, test nb201.Key) {
	valid = nb201.Key{Dataset: data.Name, TrainedOn: data.Name, Split: "x-valid", Epochs: m.Epochs}
	test = valid
	test.Split = "ori-test"
	return valid, test
}

// Table is what rows say of every string: that of its network.
func (m Benchmark) Table(rows []Row) (*nb201.Table, error) {
	data, err := m.data()
	if err != nil {
		return nil, err
	}
	origin, err := m.origin(data)
	if err != nil {
		return nil, err
	}
	table := nb201.NewTable(trials.Origin{
		Source:  "trained by idarts bench build --space " + m.Space + " --protocol " + m.Name,
		Licence: fashionLicence, SHA256: data.SHA256(), Training: origin,
	})
	last := map[nb201.Cell][]Row{}
	for _, r := range rows {
		if r.Epoch == m.Epochs {
			last[r.Cell] = append(last[r.Cell], r)
		}
	}
	valid, test := m.keys(data)
	for _, cell := range nb201.All() {
		for _, r := range last[cell.Network()] {
			err := table.Append(
				nb201.Record{Cell: cell, Key: valid, Seed: int64(r.Seed), Accuracy: r.Valid, Loss: r.ValidLoss, Seconds: math.NaN()},
				nb201.Record{Cell: cell, Key: test, Seed: int64(r.Seed), Accuracy: r.Test, Loss: r.TestLoss, Seconds: math.NaN()})
			if err != nil {
				return nil, err
			}
		}
	}
	return table, nil
}

// Write makes the table of a finished build, its curves and its manifest in dir
// and returns their paths.
func (m Benchmark) Write(dir string, sum Summary) (paths []string, err error) {
	data, err := m.data()
	if err != nil {
		return nil, err
	}
	origin, err := m.origin(data)
	if err != nil {
		return nil, err
	}
	table, err := m.Table(sum.Rows)
	if err != nil {
		return nil, err
	}
	base := filepath.Join(dir, m.Space+"-"+m.Name)
	paths = []string{base + ".arrow", base + "-curves.arrow", base + ".json"}
	if err := table.Save(paths[0]); err != nil {
		return nil, err
	}
	p := m.plan()
	var curves []Row
	for _, r := range sum.Rows {
		if m.curve(p, r.Cell, int(r.Seed)) {
			curves = append(curves, r)
		}
	}
	slices.SortFunc(curves, Row.compare)
	err = arrowio.Write(paths[1], arrowio.Table{
		Meta:    map[string]string{provenance.MetaFormat: CurvesFormat, provenance.MetaSpace: m.Space, provenance.MetaDataset: data.Name, provenance.MetaOrigin: origin},
		Columns: columnsOf(curves, "train_loss", "valid", "test"),
	}, arrowio.Zstd)
	if err != nil {
		return nil, err
	}
	manifest := Manifest{
		Protocol: m, Data: map[string]string{data.Name: data.SHA256()}, Files: map[string]string{},
		Commit: provenance.Commit(), Trained: sum.Versions, Versions: provenance.Versions(), Device: provenance.Machine(1),
		Cells: len(table.Cells()), Trainings: sum.Trainings, CoreSeconds: sum.CoreSeconds,
	}
	for _, path := range paths[:2] {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("micro: %w", err)
		}
		hash := sha256.Sum256(content)
		manifest.Files[filepath.Base(path)] = hex.EncodeToString(hash[:])
	}
	sizes := m.Sizes()
	manifest.Rounds = sizes[:]
	classes := map[nb201.Cell]bool{}
	for _, cell := range table.Cells() {
		classes[cell.Canonical()] = true
	}
	networks := map[nb201.Cell]bool{}
	for _, r := range sum.Rows {
		networks[r.Cell] = true
		if r.TrainLoss != r.TrainLoss {
			manifest.Diverged++
		}
		if r.Seconds == r.Seconds {
			manifest.SecondsTotal += r.Seconds
		}
	}
	manifest.Classes, manifest.Networks = len(classes), len(networks)
	manifest.SecondsMean = manifest.SecondsTotal / float64(sum.Trainings)
	return paths, result.WriteJSON(paths[2], manifest)
}

// compare orders rows by cell, seed and epoch.
func (r Row) compare(other Row) int {
	return cmp.Or(cmp.Compare(r.Cell.Index(), other.Cell.Index()), cmp.Compare(r.Seed, other.Seed), cmp.Compare(r.Epoch, other.Epoch))
}

// ReadCurves reads the curves that [Benchmark.Write] wrote, ascending by cell,
// seed and epoch. ValidLoss, TestLoss and Seconds are 0. Each epoch is there once, and
// accuracies are percentages.
func ReadCurves(path string) ([]Row, error) {
	file, err := arrowio.Read(path)
	if err != nil {
		return nil, err
	}
	if got := file.Meta[provenance.MetaFormat]; got != CurvesFormat {
		return nil, fmt.Errorf("micro: %q has format %q, want %q", path, got, CurvesFormat)
	}
	rows, err := rowsOf(file, "train_loss", "valid", "test")
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(rows); i++ {
		if rows[i-1].compare(rows[i]) >= 0 {
			return nil, fmt.Errorf("micro: %q row %d: cell %q, seed %d, epoch %d is not behind the row before it", path, i, rows[i].Cell, rows[i].Seed, rows[i].Epoch)
		}
	}
	return rows, nil
}

// VerifyCurves says what was found in curves, whose numbers [ReadCurves] has checked.
func VerifyCurves(rows []Row) (lines []string) {
	return []string{fmt.Sprintf("%d epochs of trainings, accuracies of 0 to 100 %%", len(rows))}
}
