package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"idarts/internal/arrowio"
	"idarts/internal/durable"
	"idarts/reports"
)

type exportCmd struct {
	Out    string `help:"Output folder of idarts run." default:"out" placeholder:"DIR"`
	To     string `help:"Folder for the files." default:"export" placeholder:"DIR"`
	Format string `help:"csv, parquet or arrow." enum:"csv,parquet,arrow" default:"parquet"`
}

// Run writes a file for each table and prints its name.
func (e *exportCmd) Run(c console) error {
	runs, _, left, err := load(c, e.Out, true)
	if err != nil {
		return err
	}
	tables, err := reports.Export(runs)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.To, 0o755); err != nil {
		return err
	}
	for _, t := range tables {
		content, err := e.encode(t)
		if err != nil {
			return fmt.Errorf("table %q: %w", t.Name, err)
		}
		path := filepath.Join(e.To, t.Name+"."+e.Format)
		if err := durable.WriteBytes(path, content); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s: %d rows\n", path, t.Rows)
	}
	return left
}

func (e *exportCmd) encode(t reports.Tidy) ([]byte, error) {
	if e.Format == "csv" {
		var out bytes.Buffer
		err := t.CSV(&out)
		return out.Bytes(), err
	}
	table := arrowio.Table{Rows: t.Rows, Meta: map[string]string{"table": "idarts " + t.Name}}
	for _, column := range t.Columns {
		to := arrowio.Column{Name: column.Name, Values: column.Values}
		if x, ok := column.Values.([]float64); ok {
			to.Valid = arrowio.NewBitmap(len(x), func(i int) bool { return !math.IsNaN(x[i]) })
		}
		table.Columns = append(table.Columns, to)
	}
	if e.Format == "arrow" {
		return arrowio.Encode(table, arrowio.Zstd)
	}
	return arrowio.EncodeParquet(table)
}
