package picture

import (
	"bytes"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A translucent area must keep its colour: 0072b2 is 0.000 0.447 0.698.
func TestPDFColours(t *testing.T) {
	fpdf.SetDefaultCompression(false)
	defer fpdf.SetDefaultCompression(true)
	path := filepath.Join(t.TempDir(), "area.pdf")
	area := Picture{Width: 100, Height: 100, Draw: func(c draw.Canvas) {
		c.FillPolygon(color.NRGBA{0x00, 0x72, 0xb2, 0x24}, []vg.Point{{X: 0, Y: 0}, {X: 9, Y: 0}, {X: 9, Y: 9}})
	}}
	if err := area.Save(path); err != nil {
		t.Fatal(err)
	}
	if content := read(t, path); !bytes.Contains(content, []byte("0.000 0.447 0.698 rg")) {
		t.Errorf("no fill of the colour 0.000 0.447 0.698 in %q", content)
	}
}

func TestUnknownFormat(t *testing.T) {
	dir := t.TempDir()
	blank := Picture{Width: 10, Height: 10, Draw: func(draw.Canvas) {}}
	err := blank.Save(filepath.Join(dir, "a.svg"), filepath.Join(dir, "b.jpg"))
	if err == nil || !strings.Contains(err.Error(), `b.jpg": unknown format ".jpg", want .svg, .pdf or .png`) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.svg")); err == nil {
		t.Error("a file was written before the formats were checked")
	}
}
