package arrowio

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	pq "github.com/apache/arrow/go/v15/parquet/schema"
)

// EncodeParquet returns the table as a Parquet file, for other programs: nothing here reads it.
// Its columns are of int64, float64 or string. It goes below Arrow's bridge between the two formats,
// which would bring all of its arithmetic into the program.
func EncodeParquet(t Table) (content []byte, err error) {
	defer caught("encode Parquet", &err)
	var fields pq.FieldList
	for _, col := range t.Columns {
		n, err := rowsOf(col)
		if err == nil && n != t.Rows {
			err = fmt.Errorf("arrowio: column %q has %d rows, want %d", col.Name, n, t.Rows)
		}
		if err != nil {
			return nil, err
		}
		node, err := col.parquetNode()
		if err != nil {
			return nil, err
		}
		fields = append(fields, node)
	}
	root, err := pq.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, err
	}
	var out seekable
	properties := parquet.NewWriterProperties(parquet.WithAllocator(memory.DefaultAllocator), parquet.WithCompression(compress.Codecs.Zstd))
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(properties))
	for _, key := range sortedKeys(t.Meta) {
		if err := w.AppendKeyValueMetadata(key, t.Meta[key]); err != nil {
			return nil, err
		}
	}
	group := w.AppendRowGroup()
	for _, col := range t.Columns {
		to, err := group.NextColumn()
		if err != nil {
			return nil, err
		}
		if err := col.writeParquet(to, t.Rows); err != nil {
			return nil, err
		}
		if err := to.Close(); err != nil {
			return nil, err
		}
	}
	if err := group.Close(); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// parquetNode is the column in a schema.
func (c Column) parquetNode() (pq.Node, error) {
	repetition := parquet.Repetitions.Required
	if c.Valid != nil {
		repetition = parquet.Repetitions.Optional
	}
	switch c.Values.(type) {
	case []int64:
		return pq.NewInt64Node(c.Name, repetition, -1), nil
	case []float64:
		return pq.NewFloat64Node(c.Name, repetition, -1), nil
	case []string:
		return pq.NewPrimitiveNodeLogical(c.Name, repetition, pq.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
	}
	return nil, fmt.Errorf("arrowio: column %q has Go type %T, want a slice of int64, float64 or string for Parquet", c.Name, c.Values)
}

// writeParquet writes the values that there are, and where they are.
func (c Column) writeParquet(to file.ColumnChunkWriter, rows int) (err error) {
	var levels []int16
	if c.Valid != nil {
		levels = make([]int16, rows)
		for i := range levels {
			if c.Valid.Has(i) {
				levels[i] = 1
			}
		}
	}
	switch v := c.Values.(type) {
	case []int64:
		_, err = to.(*file.Int64ColumnChunkWriter).WriteBatch(present(v, c.Valid), levels, nil)
	case []float64:
		_, err = to.(*file.Float64ColumnChunkWriter).WriteBatch(present(v, c.Valid), levels, nil)
	case []string:
		texts := make([]parquet.ByteArray, 0, len(v))
		for _, text := range present(v, c.Valid) {
			texts = append(texts, parquet.ByteArray(text))
		}
		_, err = to.(*file.ByteArrayColumnChunkWriter).WriteBatch(texts, levels, nil)
	}
	return err
}

// present are the values of the rows that have one.
func present[V any](v []V, valid Bitmap) []V {
	if valid == nil {
		return v
	}
	var out []V
	for i, x := range v {
		if valid.Has(i) {
			out = append(out, x)
		}
	}
	return out
}
