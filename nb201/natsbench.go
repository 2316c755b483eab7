package nb201

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"idarts/internal/trials"
	"idarts/internal/unpickle"
)

// natsBench is where the official records come from.
var natsBench = trials.Origin{
	Source: "NATS-Bench topology search space (Dong, Liu, Musial, Gabrys, TPAMI 2021, arXiv:2009.00437), files NNNNNN.pickle.pbz2 and meta.pickle.pbz2; " +
		"the sha256 is that of the output of `LC_ALL=C sha256sum *.pickle.pbz2`",
	Licence: "MIT",
	Training: "NAS-Bench-201: C=16, N=5; SGD, Nesterov momentum 0.9, rate 0.1 with a cosine to 0, weight decay 5e-4, batch 256, flip and padded crop; " +
		"200 or 12 epochs, values after the last one",
}

// integrity is how far ori-test may be from the mean of x-valid and x-test, in percent.
const integrity = 1e-4

// ImportNATSBench turns a folder of official NATS-Bench topology records into a
// table. The folder holds meta.pickle.pbz2 with the text of all cells in the
// official order, and a record NNNNNN.pickle.pbz2 for each; records that are not
// there leave their cells without results, as seeds that were not trained do.
//
// Kept are the values after the last epoch, of both schedules, for each seed: for
// split "train" accuracy, loss and the seconds of all epochs together, for the
// others accuracy, loss and the seconds of the evaluation. Curves are not kept.
//
// A training whose recorded parameters or multiply-adds are not those of its cell has
// [Record.OtherNetwork] 1, and is left out of means; see docs/errata.md.
//
// It is an error when for cifar100 or ImageNet16-120 the accuracy on ori-test is
// not the mean of x-valid and x-test, which are its halves. Errors name the file.
// progress, if not nil, is called after each record, from one goroutine at a time.
// Records are decoded on all cores; the table does not depend on their number.
// Memory is that of the table, 14 MB, and a few records for each core. Records that
// hold trained weights (the "full" archive) are refused; take the "simple" one.
func ImportNATSBench(dir, out string, progress func(done, total int)) error {
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("nb201: import: %w", err)
	} else if !info.IsDir() {
		return noFolder(dir)
	}
	if err := trials.CheckTarget(out); err != nil {
		return fmt.Errorf("nb201: import: %w", err)
	}
	if err := deeper(dir); err != nil {
		return err
	}
	order, metaSum, err := readMeta(filepath.Join(dir, metaName))
	if err != nil {
		return err
	}
	found, err := listRecords(dir)
	if err != nil {
		return err
	}
	t := newOfficial(natsBench, order)
	sums, err := t.appendRecords(dir, found, order, progress)
	if err != nil {
		return err
	}
	hash := sha256.New()
	for i, sum := range sums {
		fmt.Fprintf(hash, "%s  %s\n", sum, recordName(found[i]))
	}
	fmt.Fprintf(hash, "%s  %s\n", metaSum, metaName)
	t.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return t.Save(out)
}

const metaName = "meta.pickle.pbz2"

// deeper finds out whether the records are in a folder of the one that was given.
func deeper(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, metaName)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	inside, _ := filepath.Glob(filepath.Join(dir, "*", metaName))
	if len(inside) == 0 {
		return nil
	}
	return fmt.Errorf("nb201: import: folder %q has no %s, its folder %q has one; give that", dir, metaName, filepath.Dir(inside[0]))
}

// listRecords are the numbers of the records in a folder.
func listRecords(dir string) (found []int, err error) {
	for i := range NumCells {
		_, err := os.Stat(filepath.Join(dir, recordName(i)))
		if err == nil {
			found = append(found, i)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("nb201: import record %d: %w", i, err)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("nb201: folder %q has no records, want files such as %q", dir, recordName(0))
	}
	return found, nil
}

// appendRecords reads the records with these numbers on all cores, and tells the
// sha256 of each. The error is of the first by number, whichever came first in time.
func (t *Table) appendRecords(dir string, found []int, order []Cell, progress func(done, total int)) (sums []string, err error) {
	sums = make([]string, len(found))
	errs := make([]error, len(found))
	var mu sync.Mutex // guards t, done and failed
	done, failed := 0, false
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(len(found), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range work {
				path := filepath.Join(dir, recordName(found[i]))
				records, sum, err := readRecord(path, found[i], order[found[i]])
				mu.Lock()
				if err == nil {
					if err = t.Append(records...); err != nil {
						err = fmt.Errorf("nb201: import %q: %w", path, err)
					}
				}
				sums[i], errs[i] = sum, err
				failed = failed || err != nil
				done++
				if progress != nil {
					progress(done, len(found))
				}
				mu.Unlock()
			}
		})
	}
	for i := range found {
		mu.Lock()
		stop := failed
		mu.Unlock()
		if stop {
			break
		}
		work <- i
	}
	close(work)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// noFolder says what to do with a file that is not a folder of records.
func noFolder(path string) error {
	take := fmt.Sprintf("want a folder of records such as %q: unpack NATS-tss-v1_0-3ffb9-simple.tar of NATS-Bench", recordName(0))
	switch strings.ToLower(filepath.Ext(path)) {
	case ".pth":
		// The .pth files are one pickle with everything that was measured of all
		// cells. It cannot be decoded in parts.
		return fmt.Errorf("nb201: import %q: the single files of NAS-Bench-201 (NAS-Bench-201-v1_0-e61699.pth, NAS-Bench-201-v1_1-096897.pth) are one pickle each, "+
			"which has to be in memory whole, and are not read; %s, which has the same cells in the same order", path, take)
	case ".tar":
		return fmt.Errorf("nb201: import %q: the archive is not unpacked; %s", path, take)
	}
	return fmt.Errorf("nb201: import %q: it is a file; %s", path, take)
}

func recordName(i int) string { return fmt.Sprintf("%06d.pickle.pbz2", i) }

// readMeta reads the official order and the file's sha256.
func readMeta(path string) (order []Cell, sum string, err error) {
	defer func() {
		if err != nil {
			order, err = nil, fmt.Errorf("nb201: import %q: %w", path, err)
		}
	}()
	raw, packed, err := readPickle(path)
	if err != nil {
		return nil, "", err
	}
	meta, ok := raw.(dict)
	if !ok {
		return nil, "", fmt.Errorf("the file holds %s, want a dict", unpickle.Kind(raw))
	}
	texts, err := get[[]any](meta, "meta_archs")
	if err != nil {
		return nil, "", err
	}
	seen := map[Cell]int{}
	for i, v := range texts {
		text, _ := v.(string)
		c, err := Parse(text)
		if err != nil {
			return nil, "", fmt.Errorf("cell %d: %w", i, err)
		}
		if first, twice := seen[c]; twice {
			return nil, "", fmt.Errorf("cells %d and %d are both %q", first, i, c)
		}
		seen[c] = i
		order = append(order, c)
	}
	if len(order) != NumCells {
		return nil, "", fmt.Errorf("%d cells, want %d", len(order), NumCells)
	}
	return order, hexSum(packed), nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// readRecord reads all measurements of one cell and the file's sha256.
func readRecord(path string, index int, cell Cell) (records []Record, sum string, err error) {
	defer func() {
		if err != nil {
			records, err = nil, fmt.Errorf("nb201: import %q: %w", path, err)
		}
	}()
	raw, packed, err := readPickle(path)
	if err != nil {
		return nil, "", err
	}
	top, ok := raw.(dict)
	if !ok {
		return nil, "", fmt.Errorf("the file holds %s, want a dict", unpickle.Kind(raw))
	}
	for _, schedule := range top.keys {
		name, _ := schedule.(string)
		epochs, err := strconv.Atoi(name)
		if err != nil || epochs <= 0 {
			return nil, "", fmt.Errorf("schedule %v, want a number of epochs such as \"12\" or \"200\"", schedule)
		}
		part, err := get[dict](top, schedule)
		if err != nil {
			return nil, "", err
		}
		rs, err := readSchedule(part, epochs, index, cell)
		if err != nil {
			return nil, "", fmt.Errorf("%d epochs: %w", epochs, err)
		}
		records = append(records, rs...)
	}
	return records, hexSum(packed), nil
}

func readSchedule(part dict, epochs, index int, cell Cell) ([]Record, error) {
	if got, err := get[int64](part, "arch_index"); err != nil {
		return nil, err
	} else if got != int64(index) {
		return nil, fmt.Errorf("record of cell %d, want %d as in the file's name", got, index)
	}
	if got, err := get[string](part, "arch_str"); err != nil {
		return nil, err
	} else if got != cell.String() {
		return nil, fmt.Errorf("record of cell %q, want %q as in the index", got, cell)
	}
	results, err := get[dict](part, "all_results")
	if err != nil {
		return nil, err
	}
	var records []Record
	for _, k := range results.keys {
		run, ok := k.(dictKey)
		if !ok {
			return nil, fmt.Errorf("result %v, want a pair of dataset and seed", k)
		}
		result, err := get[dict](results, k)
		if err != nil {
			return nil, err
		}
		rs, err := readRun(result, cell, run.text, run.number, epochs)
		if err != nil {
			return nil, fmt.Errorf("%s, seed %d: %w", run.text, run.number, err)
		}
		records = append(records, rs...)
	}
	return records, nil
}

// readRun reads the last epoch of one trained network.
func readRun(result dict, cell Cell, trainedOn string, seed int64, epochs int) ([]Record, error) {
	net, err := official(trainedOn)
	if err != nil {
		return nil, err
	}
	dataset, splits := trainedOn, []string{"x-valid", "x-test", "ori-test"}
	switch trainedOn {
	case "cifar10-valid":
		dataset, splits = "cifar10", []string{"x-valid", "ori-test"}
	case "cifar10":
		splits = []string{"ori-test"}
	}
	if got, err := get[int64](result, "epochs"); err != nil {
		return nil, err
	} else if got != int64(epochs) {
		return nil, fmt.Errorf("trained for %d epochs, want %d", got, epochs)
	}
	other := ofOther(result, cell, net)
	var records []Record
	bySplit := map[string]float64{}
	for _, split := range append([]string{"train"}, splits...) {
		r := Record{Cell: cell, Key: Key{dataset, trainedOn, split, epochs, ReleaseNATS}, Seed: seed, OtherNetwork: other}
		if err := r.measure(result); err != nil {
			return nil, err
		}
		if math.IsNaN(r.Accuracy) {
			continue // was not measured
		}
		records = append(records, r)
		bySplit[split] = r.Accuracy
	}
	whole, a := bySplit["ori-test"]
	left, b := bySplit["x-valid"]
	right, c := bySplit["x-test"]
	if a && b && c && !(math.Abs((left+right)/2-whole) <= integrity) {
		return nil, fmt.Errorf("accuracy on ori-test is %v, want %v, the mean of x-valid %v and x-test %v (within %v)", whole, (left+right)/2, left, right, integrity)
	}
	return records, nil
}

// ofOther is 1 for a training whose recorded size is not that of its cell's network, 0 for
// others and where no size is recorded.
func ofOther(result dict, cell Cell, net Net) float64 {
	params, some := result.values["params"].(float64)
	flops, both := result.values["flop"].(float64)
	if some && both && otherNetwork(cell, net, flops, params) {
		return 1
	}
	return 0
}

// measure reads what stands under r's key in a trained network's results: after its
// last epoch, but the seconds of a training are those of all epochs.
func (r *Record) measure(result dict) (err error) {
	last := int64(r.Epochs - 1)
	of, key := "eval", any(fmt.Sprintf("%s@%d", r.Split, last))
	if r.Split == "train" {
		of, key = "train", last
	}
	if r.Accuracy, err = number(result, of+"_acc1es", key); err != nil {
		return err
	}
	if r.Loss, err = number(result, of+"_losses", key); err != nil {
		return err
	}
	if r.Split != "train" {
		r.Seconds, err = number(result, of+"_times", key)
		return err
	}
	for e := range int64(r.Epochs) {
		v, err := number(result, of+"_times", e)
		if err != nil {
			return err
		}
		r.Seconds += v
	}
	return nil
}

// number finds one entry of a list of measurements; NaN when it is not there.
func number(result dict, list string, key any) (float64, error) {
	values, err := get[dict](result, list)
	if err != nil {
		return 0, err
	}
	switch v := values.values[key].(type) {
	case nil:
		return math.NaN(), nil
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	default:
		return 0, fmt.Errorf("%s: entry %v is %s, want a number", list, key, unpickle.Kind(v))
	}
}
