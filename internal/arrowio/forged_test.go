package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
)

// Each 4 and 8 bytes of a small file, its footer included, are replaced by numbers
// that would make a trusting reader take all memory, and two places are swapped.
// That is an error that names the file, or a table, in memory of a few times the
// file's size.
func TestForgedFilesTakeLittleMemory(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd} {
		content, err := Encode(sample(), c)
		if err != nil {
			t.Fatal(err)
		}
		// The heap is looked at once for a run of files, since looking stops the world.
		const run, each = 100, 1 << 17
		step := 1
		if c == Zstd {
			step = 5
		}
		var bad [][]byte
		for at := 0; at < len(content); at += step {
			for _, v := range []uint64{math.MaxUint64, math.MaxInt64, math.MaxUint32, math.MaxInt32, 1 << 40, 1 << 20} {
				b := bytes.Clone(content)
				if v > math.MaxUint32 && at+8 <= len(b) {
					binary.LittleEndian.PutUint64(b[at:], v)
				} else if at+4 <= len(b) {
					binary.LittleEndian.PutUint32(b[at:], uint32(v))
				}
				bad = append(bad, b)
			}
		}
		tried, failed, most := len(bad), 0, uint64(0)
		for ; len(bad) > run; bad = bad[run:] {
			most = max(most, allocated(func() {
				for _, b := range bad[:run] {
					_, err := Decode("bad.arrow", b)
					if err == nil {
						continue
					}
					failed++
					if !strings.Contains(err.Error(), `"bad.arrow"`) || strings.Contains(err.Error(), "\n") {
						t.Fatalf("error %q", err)
					}
				}
			}))
		}
		if failed == 0 || most > run*each {
			t.Errorf("compression %d: %d of %d gave errors, a run of %d took %d bytes", c, failed, tried, run, most)
		}
		t.Logf("compression %d: %d bytes; %d forged files, %d gave errors, the largest run took %d bytes a file", c, len(content), tried, failed, most/run)
	}
}

// batchAt is where a file of one batch has the number of rows, the list of columns
// (rows and missing values of each) and the list of buffers (offset and length).
func batchAt(t *testing.T, content []byte) (rows, columns, buffers int) {
	t.Helper()
	footer := content[len(content)-10-int(binary.LittleEndian.Uint32(content[len(content)-10:])) : len(content)-10]
	b := message(footer).blocks(3)[0]
	start := int(b.offset) + 8
	record := message(content[start : b.offset+b.head]).root().table(2)
	columns, _ = record.vector(1, 16)
	buffers, _ = record.vector(2, 16)
	return start + record.field(0), start + columns, start + buffers
}

func TestForgedBatches(t *testing.T) {
	content, err := Encode(Table{Columns: []Column{{Name: "a", Values: []int64{1, 2, 3, 4}}, {Name: "b", Values: []string{"x", "y", "x", "z"}}}}, Plain)
	if err != nil {
		t.Fatal(err)
	}
	rows, columns, buffers := batchAt(t, content)
	for _, tt := range []struct {
		name  string
		at    int
		value int64
		want  string
	}{
		{"more rows than a column has", rows, 5, "batch 0: column 0 has 4 rows, want 5"},
		{"rows without end", rows, 1 << 40, "batch 0: 1099511627776 rows, want 0 to 16777216"},
		{"rows below 0", rows, -1, "batch 0: -1 rows"},
		{"a column with fewer rows", columns + 16, 3, "batch 0: column 1 has 3 rows, want 4"},
		{"missing values without a bitmap", columns + 8, 2, `column "a": validity: its data has 0 bytes, want 1`},
		{"a buffer before the body", buffers + 16, -8, "batch 0: buffer 1 has 32 bytes at byte -8"},
		{"a buffer behind the body", buffers + 16, 64, "batch 0: buffer 1 has 32 bytes at byte 64 of a body of"},
		{"a buffer that leaves the body", buffers + 24, 1 << 40, "batch 0: buffer 1 has 1099511627776 bytes at byte 0"},
		{"a buffer of less than nothing", buffers + 24, -1, "batch 0: buffer 1 has -1 bytes"},
		{"a buffer that is too small", buffers + 24, 31, `column "a": its data has 31 bytes, want 32`},
	} {
		bad := bytes.Clone(content)
		binary.LittleEndian.PutUint64(bad[tt.at:], uint64(tt.value))
		if _, err := Decode("bad.arrow", bad); err == nil || !strings.Contains(err.Error(), `"bad.arrow" is damaged: `+tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	// A number of a word that the dictionary does not have.
	f, err := New("t", content)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(content)
	binary.LittleEndian.PutUint32(bad[f.parts[len(f.parts)-1].buffers[3].offset+8:], 3)
	if _, err := Decode("bad.arrow", bad); err == nil || !strings.Contains(err.Error(), `column "b": row 2 has word 3 of a dictionary of 3`) {
		t.Errorf("error = %v", err)
	}
}

// Parts of a forged file that share a place count as often as they are named.
func TestSharedPartsAreCounted(t *testing.T) {
	content, err := Encode(Table{Columns: []Column{{Name: "a", Values: make([]int64, 512)}, {Name: "b", Values: make([]int64, 512)}}}, Plain)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New("t", content)
	if err != nil {
		t.Fatal(err)
	}
	// Both columns lie in one buffer, and the batch has as many bytes as one column.
	second := f.parts[len(f.parts)-1].buffers[3]
	start := f.parts[len(f.parts)-1].buffers[1].offset
	pair := binary.LittleEndian.AppendUint64(nil, uint64(second.offset-start))
	pair = binary.LittleEndian.AppendUint64(pair, uint64(second.length))
	at := bytes.LastIndex(content, pair) // an entry of the list of buffers
	bad := bytes.Clone(content)
	binary.LittleEndian.PutUint64(bad[at:], 0)
	footer := len(bad) - 10 - int(binary.LittleEndian.Uint32(bad[len(bad)-10:]))
	body := bytes.LastIndex(bad, binary.LittleEndian.AppendUint64(nil, 8192))
	if at < 0 || body < footer {
		t.Fatalf("places %d and %d", at, body)
	}
	binary.LittleEndian.PutUint64(bad[body:], 4096)
	if _, err := Decode("bad.arrow", bad); err == nil || !strings.Contains(err.Error(), "the buffers are larger than the body's 4096 bytes") {
		t.Errorf("error = %v", err)
	}
	// A batch that is listed often.
	m := message(content[footer : len(content)-10])
	room := f.size
	for range 3 {
		err = f.add(m.blocks(3)[0], messageRecords, schema{version: 4}, &room)
	}
	if err == nil || !strings.Contains(err.Error(), "the batches are larger than the file") {
		t.Errorf("a batch listed often: error = %v", err)
	}
}

// A footer whose columns are all one column with a long name would take as many
// times its memory.
func TestSharedNamesAreCounted(t *testing.T) {
	table := Table{Columns: []Column{{Name: strings.Repeat("n", 20000), Values: []uint8{1}}}}
	for i := range 200 {
		table.Columns = append(table.Columns, Column{Name: fmt.Sprint(i), Values: []uint8{1}})
	}
	content, err := Encode(table, Plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode("good.arrow", content); err != nil {
		t.Fatal(err)
	}
	footer := content[len(content)-10-int(binary.LittleEndian.Uint32(content[len(content)-10:])) : len(content)-10]
	first, n := message(footer).root().table(1).vector(1, 4)
	if n != 201 {
		t.Fatal(n)
	}
	long := first + int(binary.LittleEndian.Uint32(footer[first:]))
	for i := 1; i < n; i++ { // where a vector's entry points is counted from the entry
		binary.LittleEndian.PutUint32(footer[first+4*i:], uint32(long-first-4*i))
	}
	if long < first+4*n {
		t.Fatal("the column lies before the list of columns, which cannot point back")
	}
	used := allocated(func() { _, err = Decode("bad.arrow", content) })
	if err == nil || !strings.Contains(err.Error(), `"bad.arrow" is damaged: its parts hold more than its `) || used > 1<<20 {
		t.Errorf("error = %.200v, %d bytes taken", err, used)
	}
}

// A footer whose columns all have the numbers of one dictionary's words would hold that
// dictionary as often.
func TestSharedDictionariesAreHeldOnce(t *testing.T) {
	var table Table
	for i := range 200 {
		table.Columns = append(table.Columns, Column{Name: fmt.Sprint(i), Values: []string{""}})
	}
	table.Columns[7].Values = []string{strings.Repeat("w", 1<<20)}
	content, err := Encode(table, Plain)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New("t", content)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Fields {
		f.Fields[i].kind.dictionary = 7
	}
	before := held()
	all, err := f.All()
	if err != nil {
		t.Fatal(err)
	}
	if used := held() - before; used > 4<<20 {
		t.Errorf("%d bytes are held", used)
	}
	if text := all.Columns[199].Values.([]string)[0]; len(text) != 1<<20 {
		t.Errorf("a word of %d bytes", len(text))
	}
}

// held is how much of the heap is in use.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
