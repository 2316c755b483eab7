package picture

import (
	"hash/fnv"
	"image/color"
)

// opColours are those of the operations that the benchmarks know, after Okabe
// and Ito with two darker ones of Tol's muted set. The same kind of operation has
// the same colour in all spaces.
var opColours = map[string]color.NRGBA{
	"none":            {0x9a, 0x9a, 0x9a, 0xff},
	"skip_connect":    {0x00, 0x9e, 0x73, 0xff}, // bluish green
	"nor_conv_1x1":    {0x56, 0xb4, 0xe9, 0xff}, // sky blue
	"conv1x1-bn-relu": {0x56, 0xb4, 0xe9, 0xff},
	"nor_conv_3x3":    {0x00, 0x72, 0xb2, 0xff}, // blue
	"conv3x3-bn-relu": {0x00, 0x72, 0xb2, 0xff},
	"sep_conv_3x3":    {0x00, 0x72, 0xb2, 0xff},
	"sep_conv_5x5":    {0x33, 0x22, 0x88, 0xff}, // indigo
	"dil_conv_3x3":    {0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	"dil_conv_5x5":    {0x88, 0x22, 0x55, 0xff}, // wine
	"avg_pool_3x3":    {0xe6, 0x9f, 0x00, 0xff}, // orange
	"max_pool_3x3":    {0xd5, 0x5e, 0x00, 0xff}, // vermillion
	"maxpool3x3":      {0xd5, 0x5e, 0x00, 0xff},
}

// otherColours are for operations that opColours does not know, by their name.
var otherColours = []color.NRGBA{
	{0x44, 0xaa, 0x99, 0xff}, {0x99, 0x99, 0x33, 0xff}, {0xaa, 0x44, 0x99, 0xff}, {0x66, 0x11, 0x00, 0xff}, {0x66, 0x99, 0xcc, 0xff},
}

// opColour is the colour of an operation; "" is that of an edge without one.
func opColour(op string) color.NRGBA {
	if op == "" {
		return color.NRGBA{0x60, 0x60, 0x60, 0xff}
	}
	if c, ok := opColours[op]; ok {
		return c
	}
	h := fnv.New32a()
	h.Write([]byte(op))
	return otherColours[h.Sum32()%uint32(len(otherColours))]
}

// mix is a share of one colour and the rest of another.
func mix(a, b color.NRGBA, share float64) color.NRGBA {
	part := func(x, y uint8) uint8 { return uint8(share*float64(x) + (1-share)*float64(y) + 0.5) }
	return color.NRGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 0xff}
}
