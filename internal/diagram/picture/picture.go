// Package picture draws cells as node-link diagrams, and saves drawings of any kind
// as SVG, PDF or PNG: the same input gives the same bytes.
//
// Start at [Cell] for the drawing of an architecture. Charts of runs are in
// reports, which shares the page, the font and [Picture.Save] with it. Lengths are
// in points.
package picture

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"idarts/internal/durable"
)

// Size of a picture and resolution of its PNG. At 16 cm it fills the width of a
// page, and its text is then as large as a caption's.
const (
	PageWidth = 16 * vg.Centimeter
	Margin    = 6 // around everything
	TitleSize = 9 // of text
	dpi       = 240
)

// Picture is a drawing ready to be saved.
type Picture struct {
	Width, Height vg.Length
	Draw          func(draw.Canvas) // fills a canvas of that size
}

// Save draws p into each of paths, in the format of its extension: .svg, .pdf
// or .png. Nothing is written when an extension is not known.
func (p Picture) Save(paths ...string) error {
	for _, path := range paths {
		if _, ok := canvases[ending(path)]; !ok {
			return fmt.Errorf("picture: figure %q: unknown format %q, want .svg, .pdf or .png", path, filepath.Ext(path))
		}
	}
	for _, path := range paths {
		drawn, err := p.as(ending(path))
		if err != nil {
			return fmt.Errorf("picture: draw %q: %w", path, err)
		}
		if err := durable.WriteBytes(path, drawn); err != nil {
			return err
		}
	}
	return nil
}

// SVG is the drawing as a file of that kind has it.
func (p Picture) SVG() ([]byte, error) { return p.as(".svg") }

// as is p in the format of an extension, one of [canvases].
func (p Picture) as(extension string) ([]byte, error) {
	var content bytes.Buffer
	canvas := canvases[extension](p.Width, p.Height)
	p.Draw(draw.New(canvas))
	if _, err := canvas.WriteTo(&content); err != nil {
		return nil, err
	}
	if extension != ".svg" {
		return content.Bytes(), nil
	}
	// The font is named, not embedded; where it is not installed, one of the same widths or
	// at least without serifs has to do.
	return bytes.ReplaceAll(content.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// ending is the extension of a path in small letters.
func ending(path string) string { return strings.ToLower(filepath.Ext(path)) }

type writerCanvas interface {
	vg.CanvasSizer
	io.WriterTo
}

var canvases = map[string]func(w, h vg.Length) writerCanvas{
	".svg": func(w, h vg.Length) writerCanvas { return vgsvg.New(w, h) },
	".png": func(w, h vg.Length) writerCanvas {
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi))}
	},
	".pdf": func(w, h vg.Length) writerCanvas {
		// The canvas has no setters of its own for what differs from call to
		// call: the dates, and the order in which fonts are written.
		fpdf.SetDefaultCreationDate(time.Unix(0, 0).UTC())
		fpdf.SetDefaultModificationDate(time.Unix(0, 0).UTC())
		fpdf.SetDefaultCatalogSort(true)
		return pdfCanvas{vgpdf.New(w, h)}
	},
}

// pdfCanvas corrects the colours of translucent areas. vgpdf takes the red,
// green and blue of [color.Color], which are already multiplied by alpha, and
// has them multiplied once more by the reader: every band would come out grey.
type pdfCanvas struct{ *vgpdf.Canvas }

func (p pdfCanvas) SetColor(c color.Color) {
	if c == nil {
		c = color.Black
	}
	p.Canvas.SetColor(straight(color.NRGBAModel.Convert(c).(color.NRGBA)))
}

// straight is a colour whose components are not multiplied by its alpha.
type straight color.NRGBA

func (s straight) RGBA() (r, g, b, a uint32) {
	return uint32(s.R) * 0x101, uint32(s.G) * 0x101, uint32(s.B) * 0x101, uint32(s.A) * 0x101
}
