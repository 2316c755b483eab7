package nb1b1

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"idarts/internal/trials"
	"idarts/internal/wordtest"
)

// frame is a TFRecord of data, after TensorFlow's description of the format.
func frame(data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out = binary.LittleEndian.AppendUint32(out, maskedSum(out))
	out = append(out, data...)
	return binary.LittleEndian.AppendUint32(out, maskedSum(data))
}

// A record as TensorFlow writes it, the head of an event file.
func TestRecordOfTensorFlow(t *testing.T) {
	const record = "\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\"\t\x00\x00\xc0%\xddu\xd5A\x1a\rbrain.Event:1\xec\xf32\x8d"
	in := records{r: bufio.NewReader(strings.NewReader(record))}
	data, err := in.next()
	if err != nil || !strings.HasSuffix(string(data), "brain.Event:1") || len(data) != 24 || !bytes.Equal(frame(data), []byte(record)) {
		t.Errorf("data = %q, %v", data, err)
	}
	if _, err := in.next(); err != io.EOF {
		t.Errorf("behind the last record: error = %v", err)
	}
}

// training is what a record says, as its writer takes it.
type training struct {
	cell       Cell
	hash       string // "": the cell's own
	epochs     int
	parameters uint64
	end        [4]float64 // train, valid, test, seconds
}

// metricsOf is the protocol buffer of a training, with an unknown field of each kind.
func metricsOf(tr training) []byte {
	evaluation := func(at float64, values [4]float64) []byte {
		var b []byte
		for i, v := range []float64{at * float64(tr.epochs), values[3], values[0], values[1], values[2]} {
			b = protowire.AppendTag(b, protowire.Number(i+1), protowire.Fixed64Type)
			b = protowire.AppendFixed64(b, math.Float64bits(v))
		}
		b = protowire.AppendTag(b, 6, protowire.BytesType)
		return protowire.AppendString(b, "model.ckpt")
	}
	var b []byte
	for i, e := range [][]byte{evaluation(0, [4]float64{0.1, 0.1, 0.1, 0}), evaluation(0.5, [4]float64{0.5, 0.5, 0.5, 1}), evaluation(1, tr.end)} {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, e)
		if i == 1 {
			b = protowire.AppendTag(b, 2, protowire.VarintType)
			b = protowire.AppendVarint(b, tr.parameters)
		}
	}
	b = protowire.AppendTag(b, 3, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(12.5))
}

// payload is the JSON array of a training.
func payload(tr training) string {
	hash := tr.hash
	if hash == "" {
		hash = tr.cell.Hash().String()
	}
	digits := strings.NewReplacer("[", "", "]", "", " ", "").Replace(fmt.Sprint(tr.cell.Matrix()))
	return fmt.Sprintf("[%q, %d, %q, %q, %q]", hash, tr.epochs, digits, strings.Join(tr.cell.OpNames(), ","), base64.StdEncoding.EncodeToString(metricsOf(tr)))
}

// trainings are three cells: the first with two repeats of 108 epochs, as the
// official file has them, and one of 4; the second as two isomorphic cells.
func trainings(t testing.TB) []training {
	first, inception := cell(t, firstText), cell(t, inceptionText)
	other := cell(t, knownHashes[2].text)
	return []training{
		{first, "", 108, 8555530, [4]float64{1, 0.9264155626296997, 0.9206063151359558, 1768.7849527994792}},
		{inception, "", 4, 2694282, [4]float64{0.75, 0.5, 0.25, 40}},
		{other, "", 108, 2694282, [4]float64{1, 0.9376001358032227, 0.9311898946762085, 1155.85302734375}},
		{first, "", 108, 8555530, [4]float64{1, 0.9241786599159241, 0.9211738705635071, 1769.125}},
		{inception, "", 4, 2694282, [4]float64{0.5, 0.75, 0.5, 60}},
		{cell(t, "output(0)"), "", 12, 227274, [4]float64{0.125, 0.125, 0.125, 3}},
	}
}

func tfrecord(t testing.TB) []byte {
	var out []byte
	for _, tr := range trainings(t) {
		out = append(out, frame([]byte(payload(tr)))...)
	}
	return out
}

// importFile imports content and gives the table.
func importFile(t testing.TB, content []byte) (*Table, error) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "bench.tfrecord"), filepath.Join(dir, "out.arrow")
	if err := os.WriteFile(in, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ImportNASBench101(in, out, nil); err != nil {
		if _, statErr := os.Stat(out); !errors.Is(statErr, fs.ErrNotExist) {
			t.Errorf("an import that failed has left %q", out)
		}
		return nil, err
	}
	return Open(out)
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "bench.tfrecord"), filepath.Join(dir, "out.arrow")
	content := tfrecord(t)
	if err := os.WriteFile(in, content, 0o644); err != nil {
		t.Fatal(err)
	}
	var calls []string
	if err := ImportNASBench101(in, out, func(done, total int64) { calls = append(calls, fmt.Sprint(done, " of ", total)) }); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, ", "), fmt.Sprint(len(content), " of ", len(content)); got != want {
		t.Errorf("progress: %s, want %s", got, want)
	}
	table, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if table.Len() != 3 || !strings.HasSuffix(table.Source, "; it has 6 records of 3 cells, they have 423624 cells; numbers rounded to 24 bits: 1") || len(table.SHA256) != 64 || table.Licence == "" {
		t.Errorf("%d cells, origin %+v", table.Len(), table.Origin)
	}
	query := func(text string, epochs int, split string) trials.Answer {
		t.Helper()
		a, err := table.Query(cell(t, text), Key{epochs, split}, trials.All)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	// To the last digit: the benchmark's numbers are float32.
	if a := query(inceptionText, 108, "valid"); a.Accuracy != 100*0.9376001358032227 || len(a.Trials) != 1 || a.Seconds != 1155.85302734375 {
		t.Errorf("inception = %+v", a)
	}
	if a := query(inceptionText, 108, "test"); a.Accuracy != 100*0.9311898946762085 {
		t.Errorf("inception = %+v", a)
	}
	a := query(firstText, 108, "test")
	if len(a.Trials) != 2 || a.Trials[0].Accuracy != 100*0.9206063151359558 || math.Abs(a.Trials[1].Accuracy-92.11738705635071) > 1e-5 || a.Trials[1].Seed != 1 {
		t.Errorf("repeats are not in the order of the file: %+v", a)
	}
	// 25 and 50
	if a := query(inceptionText, 4, "test"); a.Accuracy != 37.5 || a.Seconds != 50 || math.Abs(a.Std-25/math.Sqrt2) > 1e-12 {
		t.Errorf("4 epochs = %+v", a)
	}
	if _, err := table.Query(cell(t, firstText), Key{4, "test"}, trials.All); err == nil {
		t.Error("a cell has a budget that it was not trained under")
	}
	if _, err := table.Query(cell(t, firstText), Key{36, "test"}, trials.All); err == nil || !strings.Contains(err.Error(), "has nothing for test, 36 epochs") {
		t.Errorf("a budget that nobody has: error = %v", err)
	}
	if n, err := table.Parameters(cell(t, firstText)); err != nil || n != 8555530 {
		t.Errorf("%d parameters, %v", n, err)
	}
	for i := range table.Len() {
		if c, err := table.Cell(i); err != nil || c.Hash() != table.Hash(i) {
			t.Errorf("cell %d is %v with hash %v, %v", i, c, table.Hash(i), err)
		}
	}
}

// A table tells which of the published files it was made from, and what speaks
// against a file that is none of them.
func TestAccount(t *testing.T) {
	for _, tt := range []struct{ sum, want string }{
		{"3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c", ", file nasbench_full.tfrecord"},
		{"4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1", ", file nasbench_only108.tfrecord"},
	} {
		if got := account(tt.sum, 1, 1); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.sum, got, tt.want)
		}
	}
	whole := tfrecord(t)
	last := frame([]byte(payload(trainings(t)[5])))
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"cut off between two records", whole[:len(whole)-len(last)], "a file that is not one of the two published: its sha256 is %s, not 3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c of nasbench_full.tfrecord or 4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1 of nasbench_only108.tfrecord; it has 5 records of "},
		{"a record twice", append(bytes.Clone(whole), last...), "; it has 7 records of 3 cells, they have 423624 cells; records that are there twice: 1; "},
	} {
		table, err := importFile(t, tt.content)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.ReplaceAll(tt.want, "%s", table.SHA256); !strings.Contains(table.Source, want) {
			t.Errorf("%s: source %q, want %q", tt.name, table.Source, want)
		}
	}
}

func TestFindByHash(t *testing.T) {
	table, err := importFile(t, tfrecord(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range table.Len() {
		h, err := ParseHash(table.Hash(i).String())
		if err != nil || h != table.Hash(i) {
			t.Errorf("hash %s is read as %s, %v", table.Hash(i), h, err)
		}
		want, _ := table.Cell(i)
		if got, err := table.Find(h); err != nil || got != want {
			t.Errorf("%s is cell %v, %v, want %v", h, got, err, want)
		}
	}
	if _, err := table.Find(Hash{7}); err == nil || !strings.Contains(err.Error(), "has no cell with hash 0700000000000000") {
		t.Errorf("error = %v", err)
	}
	if upper, err := ParseHash("28CFC7874F6D200472E1A9DCD8650AA0"); err != nil || upper.String() != "28cfc7874f6d200472e1a9dcd8650aa0" {
		t.Errorf("capital letters are read as %v, %v", upper, err)
	}
	if _, err := ParseHash("28cfc7874f6d200472e1a9dcd8650aa"); err == nil || !strings.Contains(err.Error(), "want 32 digits 0 to 9, a to f") {
		t.Errorf("error = %v", err)
	}
}

// A file cut off within a record is an error that names file, record and byte. One
// cut off between two records cannot be told from a shorter file: it has fewer
// trainings.
func TestTruncatedFile(t *testing.T) {
	content := tfrecord(t)
	start := map[int]int{0: 0} // number of the record that begins at a byte
	at := 0
	for i, tr := range trainings(t) {
		at += len(frame([]byte(payload(tr))))
		start[at] = i + 1
	}
	if at != len(content) {
		t.Fatal("bad bookkeeping")
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "cut.tfrecord")
	record, begin := 0, 0
	for n := range content {
		if err := os.WriteFile(in, content[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readNASBench101(in, nil)
		if number, whole := start[n]; whole {
			record, begin = number, n
			if n > 0 && err != nil || n == 0 && (err == nil || err.Error() != "the file is empty") {
				t.Fatalf("first %d bytes, %d records: error = %v", n, number, err)
			}
			continue
		}
		want := fmt.Sprintf("record %d at byte %d: the file is truncated: it has ", record, begin)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("first %d bytes: error = %v, want %q", n, err, want)
		}
	}
	err := ImportNASBench101(in, filepath.Join(dir, "out.arrow"), nil)
	if err == nil || !strings.Contains(err.Error(), `cut.tfrecord": record 5 at byte `) {
		t.Errorf("error = %v", err)
	}
	t.Logf("%d truncations", len(content))
}

// Each flipped bit of a file is found by a checksum.
func TestFlippedBits(t *testing.T) {
	content := tfrecord(t)
	for i := range content {
		bad := bytes.Clone(content)
		bad[i] ^= 1 << (i % 8)
		in := records{r: bufio.NewReader(bytes.NewReader(bad))}
		var err error
		for err == nil {
			_, err = in.next()
		}
		if err == io.EOF || !strings.Contains(err.Error(), "checksum is") {
			t.Fatalf("bit %d of byte %d: error = %v", i%8, i, err)
		}
	}
	_, err := importFile(t, append([]byte{content[0] ^ 1}, content[1:]...))
	if err == nil || !strings.Contains(err.Error(), `bench.tfrecord": record 0 at byte 0: the length's checksum is `) || !strings.Contains(err.Error(), "; is it a TFRecord file?") {
		t.Errorf("error = %v", err)
	}
	t.Logf("%d flipped bits", len(content))
}

func TestWrongRecords(t *testing.T) {
	good := trainings(t)
	change := func(f func(*training)) string {
		tr := good[0]
		f(&tr)
		return payload(tr)
	}
	replaced := func(old, new string) string { return strings.Replace(payload(good[0]), old, new, 1) }
	metrics := func(b []byte) string {
		return replaced(base64.StdEncoding.EncodeToString(metricsOf(good[0])), base64.StdEncoding.EncodeToString(b))
	}
	const digits = `"0100110001000000010010000010000001000000010000000"`
	const ops = "input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,output"
	for _, tt := range []struct{ name, payload, want string }{
		{"no JSON", "hello", "its data is no list in JSON: no JSON at byte 1: invalid character 'h'"},
		{"an object", `{"hash": 1}`, "its data is no list in JSON: an object {...}"},
		{"an entry too few", `["a", 108, "01", "x"]`, "its array has 4 entries, want 5: hash, epochs, matrix, operations, metrics"},
		{"a number where text is wanted", replaced(digits, "7"), "its matrix: a number where a text belongs"},
		{"half an epoch", replaced("108", "108.5"), "its epochs: number 108.5 where a whole number belongs"},
		{"another hash", change(func(tr *training) { tr.hash = knownHashes[1].hash }),
			`has hash 28cfc7874f6d200472e1a9dcd8650aa0 in the file, but its matrix and operations have 00005c142e6f48ac74fdcf73e3439874`},
		{"a short hash", change(func(tr *training) { tr.hash = "00ff" }), `its hash is "00ff", want 32 digits`},
		{"a long hash is quoted in part", change(func(tr *training) { tr.hash = strings.Repeat("a", 5000) }), `aaa" and 4800 bytes more, want 32 digits`},
		{"another budget", change(func(tr *training) { tr.epochs = 50 }), "was trained for 50 epochs, want one of [4 12 36 108]"},
		{"another operation", replaced(ops, strings.Replace(ops, "maxpool3x3", "avgpool3x3", 1)), `cell 00005c142e6f48ac74fdcf73e3439874: nb1b1: op 2 is "avgpool3x3", want one of ["conv3x3`},
		{"an operation too few", replaced(ops, strings.Replace(ops, "maxpool3x3,", "", 1)), `its matrix is "0100110001000000010010000010000001000000010000000", want 36 digits 0 or 1 for 6 operations`},
		{"many operations", replaced(ops, strings.Repeat("maxpool3x3,", 3000)), `it has 3001 operations, want at most 7`},
		{"a 2 in the matrix", replaced(digits, strings.Replace(digits, "1", "2", 1)), `its matrix is "02001`},
		{"an edge backwards", replaced(digits, digits[:44]+`100000"`), `want it upper triangular`},
		{"a matrix with a loose end", replaced(digits, `"0100110001000000000010000010000001000000010000000"`), `vertices on no path from the input to the output, want "`},
		{"no base64", replaced(base64.StdEncoding.EncodeToString(metricsOf(good[0])), "%%%"), "its metrics are not base64: illegal base64 data"},
		{"base64 of something else", metrics([]byte("\xff\xff\xff")), "its metrics are not the protocol buffer of a training: byte 0 is no field"},
		{"a message cut off", metrics(metricsOf(good[0])[:30]), "field 1 at byte 0: unexpected EOF"},
		{"an evaluation cut off", metrics(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte{0x09, 1, 2})), "field 1 at byte 0: evaluation 0: field 1 at byte 0: unexpected EOF"},
		{"no metrics", metrics(nil), "its metrics have no number of trainable parameters"},
		{"no evaluations", metrics(protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 5)), "its metrics have 0 evaluations, want 3: at the start"},
		{"an evaluation too many", metrics(protowire.AppendBytes(protowire.AppendTag(metricsOf(good[0]), 1, protowire.BytesType), nil)), "its metrics have 4 evaluations, want 3"},
		{"evaluations not in order", metrics(func() []byte { // the last evaluation first
			b := metricsOf(good[0])
			_, n := protowire.ConsumeBytes(b[1:])
			return append(bytes.Clone(b[1+n:]), b[:1+n]...)
		}()), "its evaluation 2 is of epoch 0, want it behind epoch 108"},
		{"many parameters", change(func(tr *training) { tr.parameters = 1 << 40 }), "1099511627776 trainable parameters, want at most 2147483647"},
		{"too much accuracy", change(func(tr *training) { tr.end[1] = 92.6 }), "its valid at the end is 92.6, want 0 to 1"},
		{"a time below zero", change(func(tr *training) { tr.end[3] = -1 }), "its seconds at the end is -1, want 0 to 3.4e+38"},
	} {
		// Behind a record that is right.
		before := frame([]byte(payload(good[1])))
		_, err := importFile(t, append(bytes.Clone(before), frame([]byte(tt.payload))...))
		place := fmt.Sprintf(`bench.tfrecord": record 1 at byte %d: `, len(before))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), place) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
	repeated := func(n int, f func(i int, tr *training)) (content []byte) {
		for i := range n {
			tr := good[0]
			f(i, &tr)
			content = append(content, frame([]byte(payload(tr)))...)
		}
		return content
	}
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"a fourth repeat", repeated(4, func(int, *training) {}), "record 3 at byte"},
		{"a fourth repeat says so", repeated(4, func(int, *training) {}), "cell 00005c142e6f48ac74fdcf73e3439874 has more than 3 repeats of 108 epochs"},
		{"records that disagree", repeated(2, func(i int, tr *training) { tr.parameters += uint64(i) }), "has 8555531 trainable parameters, but 8555530 in a record before"},
		{"nothing", nil, "the file is empty"},
		{"a long record", func() []byte {
			b := binary.LittleEndian.AppendUint64(nil, 1<<60)
			return append(binary.LittleEndian.AppendUint32(b, maskedSum(b)), "data"...)
		}(), "the record claims 1152921504606846976 bytes, want at most 1048576"},
	} {
		if _, err := importFile(t, tt.content); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	missing := filepath.Join(t.TempDir(), "none.tfrecord")
	if err := ImportNASBench101(missing, "out", nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("no file: error = %v", err)
	}
	if err := ImportNASBench101(t.TempDir(), "out", nil); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("a folder: error = %v", err)
	}
}

// What is missing stays missing: accuracies without a value in the file.
func TestMissingValues(t *testing.T) {
	tr := trainings(t)[0]
	bare := metricsOf(tr)
	whole := base64.StdEncoding.EncodeToString(bare)
	// The last evaluation without its accuracies: epoch and time alone.
	var e []byte
	for i, v := range []float64{108, 1768} {
		e = protowire.AppendTag(e, protowire.Number(i+1), protowire.Fixed64Type)
		e = protowire.AppendFixed64(e, math.Float64bits(v))
	}
	_, first := protowire.ConsumeBytes(bare[1:])
	short := bytes.Clone(bare[:2*(1+first)]) // two evaluations of one length
	short = protowire.AppendVarint(protowire.AppendTag(short, 2, protowire.VarintType), tr.parameters)
	short = protowire.AppendBytes(protowire.AppendTag(short, 1, protowire.BytesType), e)
	without := strings.Replace(payload(tr), whole, base64.StdEncoding.EncodeToString(short), 1)
	table, err := importFile(t, append(frame([]byte(without)), frame([]byte(payload(tr)))...))
	if err != nil {
		t.Fatal(err)
	}
	a, err := table.Query(tr.cell, Key{108, "test"}, trials.All)
	if err != nil || len(a.Trials) != 1 || a.Trials[0].Seed != 1 {
		t.Errorf("answer = %+v, %v, want repeat 1 alone", a, err)
	}
}

// FuzzRecords: the reader takes any bytes without a panic and without more memory
// than they have; what it reads is what was framed.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{})
	f.Add(frame([]byte("a")))
	f.Add(append(frame(nil), frame([]byte("hello"))...))
	f.Add(tfrecord(f)[:500])
	f.Fuzz(func(t *testing.T, content []byte) {
		in := records{r: bufio.NewReader(bytes.NewReader(content))}
		var again []byte
		var err error
		for {
			var data []byte
			if data, err = in.next(); err != nil {
				break
			}
			again = append(again, frame(data)...)
		}
		if !bytes.HasPrefix(content, again) || int(in.offset) != len(again) || err == io.EOF && len(again) != len(content) {
			t.Errorf("read %d bytes of %d, %v", in.offset, len(content), err)
		}
		if cap(in.data) > maxRecord+4 {
			t.Errorf("a buffer of %d bytes", cap(in.data))
		}
	})
}

// FuzzRecord: any payload is a record of a valid cell or an error of one line.
func FuzzRecord(f *testing.F) {
	for _, tr := range trainings(f) {
		f.Add([]byte(payload(tr)))
	}
	f.Add([]byte(`["", 108, "0100", "input,output", ""]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		im := newImporter()
		if err := im.record(data); err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if c, err := im.table.Cell(0); err != nil || c.Hash() != im.table.Hash(0) {
			t.Errorf("cell %v with hash %v, %v", c, im.table.Hash(0), err)
		}
	})
}

func BenchmarkImport(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 9))
	var content []byte
	n := 0
	for n < 12000 {
		tr := training{cell: allCells()[n], parameters: 1}
		for _, epochs := range Budgets {
			for range Repeats {
				tr.epochs = epochs
				tr.end = [4]float64{r.Float64(), r.Float64(), r.Float64(), r.Float64()}
				content = append(content, frame([]byte(payload(tr)))...)
				n++
			}
		}
	}
	path := filepath.Join(b.TempDir(), "bench.tfrecord")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	defer func() { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record") }()
	b.ResetTimer()
	for b.Loop() {
		if _, err := readNASBench101(path, nil); err != nil {
			b.Fatal(err)
		}
	}
}
