package arrowio

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
)

// What is written is read by the library's reader of Parquet, nulls as nulls, and the same table
// has the same bytes.
func TestParquet(t *testing.T) {
	nan := math.NaN()
	x := []float64{1.5, nan, -3}
	table := Table{Rows: 3, Meta: map[string]string{"table": "toys"}, Columns: []Column{
		{Name: "text", Values: []string{"a", "", "ü"}},
		{Name: "number", Values: []int64{7, -1, math.MaxInt64}},
		{Name: "real", Values: x, Valid: NewBitmap(3, func(i int) bool { return x[i] == x[i] })},
	}}
	content, err := EncodeParquet(table)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := EncodeParquet(table); err != nil || !bytes.Equal(again, content) {
		t.Errorf("other bytes a second time (%v)", err)
	}
	r, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRows() != 3 || r.NumRowGroups() != 1 || *r.MetaData().KeyValueMetadata().FindValue("table") != "toys" {
		t.Errorf("%d rows in %d groups, metadata %v", r.NumRows(), r.NumRowGroups(), r.MetaData().KeyValueMetadata())
	}
	var names []string
	group := r.RowGroup(0)
	for i := range r.MetaData().Schema.NumColumns() {
		names = append(names, r.MetaData().Schema.Column(i).Name())
		column, err := group.Column(i)
		if err != nil {
			t.Fatal(err)
		}
		levels := make([]int16, 3)
		switch c := column.(type) {
		case *file.ByteArrayColumnChunkReader:
			got := make([]parquet.ByteArray, 3)
			_, n, err := c.ReadBatch(3, got, nil, nil)
			if err != nil || n != 3 || string(got[0]) != "a" || string(got[1]) != "" || string(got[2]) != "ü" {
				t.Errorf("texts %q, %v", got, err)
			}
		case *file.Int64ColumnChunkReader:
			got := make([]int64, 3)
			if _, n, err := c.ReadBatch(3, got, nil, nil); err != nil || n != 3 || !slices.Equal(got, []int64{7, -1, math.MaxInt64}) {
				t.Errorf("numbers %v, %v", got, err)
			}
		case *file.Float64ColumnChunkReader:
			got := make([]float64, 3)
			if _, n, err := c.ReadBatch(3, got, levels, nil); err != nil || n != 2 || got[0] != 1.5 || got[1] != -3 || !slices.Equal(levels, []int16{1, 0, 1}) {
				t.Errorf("reals %v at %v, %v", got, levels, err)
			}
		}
	}
	if strings.Join(names, " ") != "text number real" {
		t.Errorf("columns %q", names)
	}
	if _, err := EncodeParquet(Table{Rows: 1, Columns: []Column{{Name: "a", Values: []uint8{1}}}}); err == nil || !strings.Contains(err.Error(), "want a slice of int64, float64 or string") {
		t.Errorf("a column of bytes: %v", err)
	}
	if _, err := EncodeParquet(Table{Rows: 2, Columns: []Column{{Name: "a", Values: []int64{1}}}}); err == nil || !strings.Contains(err.Error(), "has 1 rows, want 2") {
		t.Errorf("a short column: %v", err)
	}
	empty, err := EncodeParquet(Table{Columns: []Column{{Name: "a", Values: []string(nil)}}})
	if err != nil || len(empty) == 0 {
		t.Errorf("no rows: %v", err)
	}
}
