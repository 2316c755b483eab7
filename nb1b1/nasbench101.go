package nb1b1

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"idarts/internal/plainjson"
	"idarts/internal/trials"
)

// nasBench101 is where the official file comes from.
var nasBench101 = trials.Origin{
	Source:  "NAS-Bench-101 (Ying, Klein, Real, Christiansen, Murphy, Hutter, ICML 2019, arXiv:1902.09635)",
	Licence: "Apache-2.0, as google-research/nasbench",
	Training: "NAS-Bench-101: CIFAR-10, stem of 128 channels, 3 stages of 3 cells; RMSProp, rate 0.2 with a cosine to 0, batch 256; " +
		"4, 12, 36 or 108 epochs, 3 repeats, values at the end",
}

// officialFiles are the published files and their SHA-256.
var officialFiles = [...]struct{ name, sha256 string }{
	{"nasbench_full.tfrecord", "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c"},
	{"nasbench_only108.tfrecord", "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1"},
}

// account says which of the published files has this SHA-256, or that none has.
func account(sum string, records, cells int) string {
	var want []string
	for _, f := range officialFiles {
		if f.sha256 == sum {
			return ", file " + f.name
		}
		want = append(want, f.sha256+" of "+f.name)
	}
	return fmt.Sprintf(", a file that is not one of the two published: its sha256 is %s, not %s; it has %d records of %d cells, they have %d cells",
		sum, strings.Join(want, " or "), records, cells, Cells)
}

// ImportNASBench101 turns the official file of NAS-Bench-101 into a table: the
// one with all budgets or the one with 108 epochs alone, whose other budgets stay
// missing.
//
// Kept are the values at the end of each training, with repeats in the order of
// the file. The hash of each record must be that of its cell, and a cell's
// records must agree on it. An error names the file, the record and the byte at
// which it begins. The table's source says whether the file is one of the two
// that were published; one that is cut off between two records is none of them,
// and the source says how many cells it has. It also says how many records are
// there twice, which count as repeats of their cell as the others do.
//
// progress, if not nil, is called now and then with the bytes that have been
// read. The full file, 5 million records, takes about a minute, at most 450 MB
// of memory, and gives a table of 98 MB.
func ImportNASBench101(tfrecord, out string, progress func(done, total int64)) error {
	if err := trials.CheckTarget(out); err != nil {
		return fmt.Errorf("nb1b1: import: %w", err)
	}
	t, err := readNASBench101(tfrecord, progress)
	if err != nil {
		return fmt.Errorf("nb1b1: import %q: %w", tfrecord, err)
	}
	return t.save(out)
}

func readNASBench101(path string, progress func(done, total int64)) (*Table, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no such file, want nasbench_full.tfrecord or nasbench_only108.tfrecord: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		if inside, _ := filepath.Glob(filepath.Join(path, "*.tfrecord")); len(inside) > 0 {
			return nil, fmt.Errorf("it is a folder, want a TFRecord file, such as %q in it", filepath.Base(inside[0]))
		}
		return nil, errors.New("it is a folder, want a TFRecord file")
	}
	sum := sha256.New()
	in := records{r: bufio.NewReaderSize(io.TeeReader(file, sum), 1<<20)}
	im := newImporter()
	const step = 1 << 24 // bytes between two calls of progress
	shown := int64(0)
	for {
		data, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("record %d at byte %d: %w", in.number, in.offset, err)
		}
		if err := im.record(data); err != nil {
			return nil, fmt.Errorf("record %d at byte %d: %w", in.number-1, in.offset-int64(len(data))-16, err)
		}
		if progress != nil && in.offset-shown >= step {
			shown = in.offset
			progress(shown, info.Size())
		}
	}
	if in.number == 0 {
		return nil, errors.New("the file is empty")
	}
	if progress != nil {
		progress(in.offset, info.Size())
	}
	im.table.SHA256 = hex.EncodeToString(sum.Sum(nil))
	im.table.Source += account(im.table.SHA256, in.number, im.table.Len())
	if im.twice > 0 {
		im.table.Source += fmt.Sprintf("; records that are there twice: %d", im.twice)
	}
	if im.rounded > 0 {
		im.table.Source += fmt.Sprintf("; numbers rounded to 24 bits: %d", im.rounded)
	}
	return im.table, nil
}

// importer collects records.
type importer struct {
	table   *Table
	rows    map[Hash]int
	repeats [][len(Budgets)]uint8 // how many there are, by row
	rounded int                   // numbers that float32 does not hold
	twice   int                   // records with the numbers of a repeat before them
	decoded []byte
}

func newImporter() *importer {
	return &importer{table: newTable("new table", nasBench101), rows: map[Hash]int{}}
}

// entry is a record of the file, the JSON array
//
//	[hash, epochs, digits of the matrix row by row, operations joined by ",", metrics]
//
// whose metrics are a protocol buffer in base64.
type entry struct {
	hash        string
	epochs      int
	digits, ops string
	metrics     string
}

func parseEntry(data []byte) (e entry, err error) {
	var parts []json.RawMessage
	if err := plainjson.Unmarshal(data, &parts); err != nil {
		return e, fmt.Errorf("its data is no list in JSON: %w", err)
	}
	entries := []struct {
		what string
		to   any
	}{{"hash", &e.hash}, {"epochs", &e.epochs}, {"matrix", &e.digits}, {"operations", &e.ops}, {"metrics", &e.metrics}}
	if len(parts) != len(entries) {
		return e, fmt.Errorf("its array has %d entries, want %d: hash, epochs, matrix, operations, metrics", len(parts), len(entries))
	}
	for i, part := range entries {
		if err := plainjson.Unmarshal(parts[i], part.to); err != nil {
			return e, fmt.Errorf("its %s: %w", part.what, err)
		}
	}
	return e, nil
}

// record adds one record.
func (im *importer) record(data []byte) error {
	e, err := parseEntry(data)
	if err != nil {
		return err
	}
	hash, err := parseHash(e.hash)
	if err != nil {
		return err
	}
	budget := slices.Index(Budgets[:], e.epochs)
	if budget < 0 {
		return fmt.Errorf("cell %s was trained for %d epochs, want one of %d", hash, e.epochs, Budgets)
	}
	c, err := parseModule(e.digits, e.ops)
	if err != nil {
		return fmt.Errorf("cell %s: %w", hash, err)
	}
	m, err := im.metrics(e.metrics)
	if err != nil {
		return fmt.Errorf("cell %s, %d epochs: %w", hash, e.epochs, err)
	}
	row, err := im.row(hash, c, m)
	if err != nil {
		return err
	}
	repeat := &im.repeats[row][budget]
	if *repeat == Repeats {
		return fmt.Errorf("cell %s has more than %d repeats of %d epochs", hash, Repeats, e.epochs)
	}
	for before := range int(*repeat) {
		same := true
		for i, v := range m.end {
			same = same && im.table.columns[budget][before][i].Is(row, float64(v))
		}
		if same {
			im.twice++
			break
		}
	}
	im.table.set(row, budget, int(*repeat), m.end)
	*repeat++
	return nil
}

// row finds or makes the row of the cell of a record, which must be the cell of the
// records before it.
func (im *importer) row(hash Hash, c Cell, m metrics) (int, error) {
	row, known := im.rows[hash]
	if !known || im.table.modules[row] != c.code() { // else its hash has been compared before
		if got := c.Hash(); got != hash {
			return 0, fmt.Errorf("cell %q has hash %s in the file, but its matrix and operations have %s", c, hash, got)
		}
	}
	if !known {
		row = im.table.add(c, hash, m.parameters)
		im.rows[hash] = row
		im.repeats = append(im.repeats, [len(Budgets)]uint8{})
	}
	if got := im.table.parameters[row]; got != m.parameters {
		return 0, fmt.Errorf("cell %s has %d trainable parameters, but %d in a record before", hash, m.parameters, got)
	}
	return row, nil
}

// brief is text from the file that an error quotes.
func brief(s string) string {
	const most = 200
	if len(s) > most {
		return fmt.Sprintf("%q and %d bytes more", s[:most], len(s)-most)
	}
	return strconv.Quote(s)
}

func parseHash(s string) (h Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("its hash is %s, want %d digits 0 to 9, a to f", brief(s), 2*len(h))
	}
	return Hash(b), nil
}

// parseModule makes a cell from the file's "0110..." and "input,...,output". All
// its vertices must be on paths from the input to the output.
func parseModule(digits, ops string) (Cell, error) {
	names := strings.Split(ops, ",")
	n := len(names)
	if n > MaxVertices {
		return Cell{}, fmt.Errorf("it has %d operations, want at most %d", n, MaxVertices)
	}
	if len(digits) != n*n || strings.Trim(digits, "01") != "" {
		return Cell{}, fmt.Errorf("its matrix is %s, want %d digits 0 or 1 for %d operations", brief(digits), n*n, n)
	}
	matrix := make([][]int, n)
	for from := range matrix {
		for _, d := range []byte(digits[from*n : (from+1)*n]) {
			matrix[from] = append(matrix[from], int(d-'0'))
		}
	}
	c, err := NewCell(matrix, names)
	if err != nil {
		return Cell{}, err
	}
	if pruned := c.Pruned(); pruned != c {
		return Cell{}, fmt.Errorf("cell %q has vertices on no path from the input to the output, want %q", c, pruned)
	}
	return c, nil
}

// metrics are what is kept of a record's protocol buffer.
type metrics struct {
	parameters int64
	end        [len(measures{})]float32
}

// Fields of the messages ModelMetrics and EvaluationData. Source:
// google-research/nasbench, lib/model_metrics.proto.
const (
	fieldEvaluation, fieldParameters                            = 1, 2
	fieldEpoch, fieldSeconds, fieldTrain, fieldValid, fieldTest = 1, 2, 3, 4, 5
)

// metrics reads the protocol buffer of one training: evaluations at the start,
// halfway and at the end.
func (im *importer) metrics(packed string) (m metrics, err error) {
	if im.decoded, err = base64.StdEncoding.AppendDecode(im.decoded[:0], []byte(packed)); err != nil {
		return m, fmt.Errorf("its metrics are not base64: %w", err)
	}
	m.parameters = -1
	var evaluations [3]evaluation
	n := 0
	err = fields(im.decoded, func(number protowire.Number, kind protowire.Type, b []byte) (length int, err error) {
		switch {
		case number == fieldEvaluation && kind == protowire.BytesType:
			var message []byte
			if message, length = protowire.ConsumeBytes(b); length < 0 {
				return length, nil
			}
			e, err := parseEvaluation(message)
			if err != nil {
				return 0, fmt.Errorf("evaluation %d: %w", n, err)
			}
			if n < len(evaluations) {
				evaluations[n] = e
			}
			n++
			return length, nil
		case number == fieldParameters && kind == protowire.VarintType:
			v, length := protowire.ConsumeVarint(b)
			if v > math.MaxInt32 {
				return 0, fmt.Errorf("%d trainable parameters, want at most %d", v, math.MaxInt32)
			}
			m.parameters = int64(v)
			return length, nil
		}
		return protowire.ConsumeFieldValue(number, kind, b), nil
	})
	switch {
	case err != nil:
		return m, fmt.Errorf("its metrics are not the protocol buffer of a training: %w", err)
	case m.parameters < 0:
		return m, errors.New("its metrics have no number of trainable parameters")
	case n != len(evaluations):
		return m, fmt.Errorf("its metrics have %d evaluations, want %d: at the start, halfway and at the end", n, len(evaluations))
	}
	for i := 1; i < len(evaluations); i++ {
		if evaluations[i].epoch < evaluations[i-1].epoch { // false when one of them is not known
			return m, fmt.Errorf("its evaluation %d is of epoch %v, want it behind epoch %v", i, evaluations[i].epoch, evaluations[i-1].epoch)
		}
	}
	for i, v := range evaluations[2].values {
		limit := 1.0
		if i == seconds {
			limit = math.MaxFloat32
		}
		if !math.IsNaN(v) && !(v >= 0 && v <= limit) {
			return m, fmt.Errorf("its %s at the end is %v, want 0 to %.3g", measureName(i), v, limit)
		}
		m.end[i] = float32(v)
		if float64(m.end[i]) != v && !math.IsNaN(v) {
			im.rounded++
		}
	}
	return m, nil
}

// evaluation is one EvaluationData; NaN where a field is not there.
type evaluation struct {
	epoch  float64
	values [len(measures{})]float64
}

func parseEvaluation(b []byte) (evaluation, error) {
	nan := math.NaN()
	e := evaluation{nan, [...]float64{nan, nan, nan, nan}}
	err := fields(b, func(number protowire.Number, kind protowire.Type, b []byte) (int, error) {
		var to *float64
		switch number {
		case fieldEpoch:
			to = &e.epoch
		case fieldSeconds:
			to = &e.values[seconds]
		case fieldTrain, fieldValid, fieldTest:
			to = &e.values[number-fieldTrain] // in the order of Splits
		}
		if to == nil || kind != protowire.Fixed64Type {
			return protowire.ConsumeFieldValue(number, kind, b), nil
		}
		v, length := protowire.ConsumeFixed64(b)
		*to = math.Float64frombits(v)
		return length, nil
	})
	return e, err
}

// fields calls f for each field of a message with what begins at its value. f
// gives the value's length, negative as protowire has it for a value that is wrong.
func fields(b []byte, f func(number protowire.Number, kind protowire.Type, b []byte) (int, error)) error {
	for total := len(b); len(b) > 0; {
		at := total - len(b)
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("byte %d is no field: %w", at, protowire.ParseError(n))
		}
		b = b[n:]
		n, err := f(number, kind, b)
		if err == nil && n < 0 {
			err = protowire.ParseError(n)
		}
		if err != nil {
			return fmt.Errorf("field %d at byte %d: %w", number, at, err)
		}
		b = b[n:]
	}
	return nil
}
