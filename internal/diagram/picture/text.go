package picture

import (
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ink is the colour of text.
var ink = color.NRGBA{0x26, 0x26, 0x26, 0xff}

// Font is the font of all figures.
func Font(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// TextStyle writes in the font and colour of all figures.
func TextStyle(size vg.Length) draw.TextStyle {
	return draw.TextStyle{Color: ink, Font: Font(size), Handler: plot.DefaultTextHandler}
}

// ASCII spells out what the PDF canvas, which passes text on as bytes of
// code page 1252, would garble.
func ASCII(s string) string {
	var out strings.Builder
	for _, r := range s {
		if spelled, ok := spelling[r]; ok {
			out.WriteString(spelled)
		} else if r < 0x80 {
			out.WriteRune(r)
		} else {
			out.WriteByte('?')
		}
	}
	return out.String()
}

var spelling = map[rune]string{'±': "+-", '–': "-", '−': "-", '×': "x", 'α': "alpha", 'β': "beta", 'λ': "lambda", 'Λ': "Lambda", 'Δ': "Delta"}

// lineBreak is how many characters a line of a node may have before it is broken at
// "-" or "_".
const lineBreak = 9

// broken is s in one line, or in two where it is long and has a "-" or "_" to
// break behind; it takes the break that gives the shortest lines.
func broken(s string) []string {
	if len(s) <= lineBreak || strings.Contains(s, "{") {
		return []string{s}
	}
	at := 0
	for i := range len(s) - 1 {
		if (s[i] == '-' || s[i] == '_') && max(i+1, len(s)-i-1) < max(at, len(s)-at) {
			at = i + 1
		}
	}
	if at == 0 {
		return []string{s}
	}
	return []string{s[:at], s[at:]}
}

// piece is a part of a text, with its index if it has one: "c" and "k-1".
type piece struct{ text, index string }

// pieces splits at indices in the manner of TeX, "c_{k-1}".
func pieces(s string) []piece {
	var out []piece
	for {
		before, rest, found := strings.Cut(s, "_{")
		index, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(out, piece{text: s})
		}
		out = append(out, piece{before, index})
		if s = after; s == "" {
			return out
		}
	}
}

// small is the style of an index.
func small(style draw.TextStyle) draw.TextStyle {
	style.Font.Size *= 0.75
	return style
}

func richWidth(style draw.TextStyle, s string) vg.Length {
	width := vg.Length(0)
	for _, p := range pieces(s) {
		width += style.Width(p.text) + small(style).Width(p.index)
	}
	return width
}

// drawRich writes s, which may have indices, around the point at.
func drawRich(c draw.Canvas, style draw.TextStyle, at vg.Point, s string) {
	at.X -= richWidth(style, s) / 2
	style.XAlign = draw.XLeft
	index := small(style)
	for _, p := range pieces(s) {
		c.FillText(style, at, p.text)
		at.X += style.Width(p.text)
		c.FillText(index, vg.Point{X: at.X, Y: at.Y - style.Font.Size/4}, p.index)
		at.X += index.Width(p.index)
	}
}
