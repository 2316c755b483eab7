package images

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"idarts/internal/arrowio"
	"idarts/testdata"
)

// The parts of the embedded subset, in the order of its rows: how many images
// each has, balanced over the 10 classes.
var fashionParts = []struct {
	name string
	size int
}{{"train", 5000}, {"valid", 5000}, {"test", 5000}}

// fashionSeed fixes which images the subset has.
const fashionSeed = 201

// BuildFashion writes the subset of Fashion-MNIST that the binary embeds: from
// the training images of dir 5,000 for the weights and 5,000 for the
// architecture, from its test images 5,000 to test with, drawn without overlap
// and balanced over the classes, resized to side×side ([Set.Resize]; 28 keeps
// them as they are). The bytes of out are a pure function of the inputs and side.
//
// Columns, one row an image: part ("train", "valid", "test"), index (of the
// image in its idx file), label (0..9), pixels ([side,side] bytes).
func BuildFashion(dir, out string, side int) error {
	fit, err := FashionMNIST(dir, true)
	if err != nil {
		return err
	}
	test, err := FashionMNIST(dir, false)
	if err != nil {
		return err
	}
	picked, err := fit.Split(fashionSeed, "fashion train, valid", true, fashionParts[0].size, fashionParts[1].size)
	if err != nil {
		return err
	}
	tested, err := test.Split(fashionSeed, "fashion test", true, fashionParts[2].size)
	if err != nil {
		return err
	}
	var parts []string
	var indices []int32
	var labels, pixels []uint8
	var mean, std []float64
	for p, ids := range append(picked, tested...) {
		from := fit
		if p == 2 {
			from = test
		}
		part, err := from.Subset(fashionParts[p].name, ids)
		if err == nil {
			part, err = part.Resize(part.Name, side, side)
		}
		if err != nil {
			return err
		}
		if p == 0 {
			mean, std = part.MeanStd(nil)
		}
		for _, id := range ids {
			parts, indices = append(parts, part.Name), append(indices, int32(id))
		}
		labels, pixels = append(labels, part.Labels...), append(pixels, part.Pixels...)
	}
	meta := map[string]string{
		"name":    fmt.Sprintf("fashion%d", side),
		"source":  "Fashion-MNIST, Xiao, Rasul & Vollgraf, arXiv:1708.07747; files of the Debian package dataset-fashion-mnist",
		"licence": "MIT, Copyright 2017 Zalando SE",
		"resize":  fmt.Sprintf("area average 28x28 to %dx%d, rounded to nearest", side, side),
		"split":   fmt.Sprintf("balanced, seed %d", fashionSeed),
		"height":  strconv.Itoa(side), "width": strconv.Itoa(side), "channels": "1", "classes": "10",
		"mean": number(mean[0]), "std": number(std[0]),
	}
	for _, input := range append(fit.Inputs, test.Inputs...) {
		meta["sha256 "+input.Name] = input.SHA256
	}
	return arrowio.Write(out, arrowio.Table{Meta: meta, Columns: []arrowio.Column{
		{Name: "part", Values: parts},
		{Name: "index", Values: indices},
		{Name: "label", Values: labels},
		{Name: "pixels", Values: arrowio.Fixed{Width: side * side, Bytes: pixels}},
	}}, arrowio.Zstd)
}

// number is v as text that reads back to the same bits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// numbers reads the metadata of key, one number for each channel.
func numbers(file string, meta map[string]string, key string) (values []float64, err error) {
	for _, text := range strings.Fields(meta[key]) {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("images: %q: metadata %q is %q, want numbers", file, key, meta[key])
		}
		values = append(values, v)
	}
	return values, nil
}

// Fashion returns the Fashion-MNIST subset inside this binary: 16x16, one
// channel, 10 classes; 5,000 images each to train on, to validate and to test
// with. The sets are shared by all callers: do not write to them.
var Fashion = sync.OnceValues(func() (*Dataset, error) {
	return decodeFashion("fashion16.arrow in this binary", testdata.Fashion16)
})

// small is [Fashion] with images of side x side pixels by area average, named after
// side; mean and deviation are its own. Small enough to train every network of a search
// space. Like Fashion it makes one set for all callers.
func small(side int) func() (*Dataset, error) {
	return sync.OnceValues(func() (*Dataset, error) {
		d, err := Fashion()
		if err != nil {
			return nil, err
		}
		return d.resize(fmt.Sprintf("fashion%d", side), side)
	})
}

// The small subsets. At 8x8 a pixel is the mean of 2x2 pixels of [Fashion]; at 12x12
// pixels that lie in several are shared out between them. Both halve twice, as the
// networks want.
var (
	Fashion8  = small(8)
	Fashion12 = small(12)
)

// resize is d with images of side x side pixels ([Set.Resize]).
func (d *Dataset) resize(name string, side int) (*Dataset, error) {
	small := *d
	small.Name, small.Crop = name, side/8
	fit, err := d.Train.Set.Resize(name+" train", side, side)
	if err != nil {
		return nil, err
	}
	if small.Test.Set, err = d.Test.Set.Resize(name+" test", side, side); err != nil {
		return nil, err
	}
	small.Train.Set, small.Valid.Set = fit, fit
	small.Mean, small.Std = fit.MeanStd(d.Train.Indices)
	return &small, small.check()
}

// ReadFashion reads a file that [BuildFashion] wrote.
func ReadFashion(path string) (*Dataset, error) {
	content, _, err := readInput(path)
	if err != nil {
		return nil, err
	}
	return decodeFashion(path, content)
}

func decodeFashion(name string, content []byte) (*Dataset, error) {
	t, err := arrowio.Decode(name, content)
	if err != nil {
		return nil, err
	}
	parts, err := arrowio.Values[string](t, "part")
	if err != nil {
		return nil, err
	}
	labels, err := arrowio.Values[uint8](t, "label")
	if err != nil {
		return nil, err
	}
	pixels, err := arrowio.FixedValues(t, "pixels")
	if err != nil {
		return nil, err
	}
	size := map[string]int{}
	for _, key := range []string{"height", "width", "channels", "classes"} {
		v, err := strconv.Atoi(t.Meta[key])
		if err != nil || v < 1 || v > 1<<16 {
			return nil, fmt.Errorf("images: %q: metadata %q is %q, want a number above 0", name, key, t.Meta[key])
		}
		size[key] = v
	}
	if want := size["height"] * size["width"] * size["channels"]; pixels.Width != want {
		return nil, fmt.Errorf("images: %q: %d pixel bytes an image, want %d", name, pixels.Width, want)
	}
	d := &Dataset{Name: t.Meta["name"], Crop: size["height"] / 8} // as 4 is to CIFAR's 32
	if d.Mean, err = numbers(name, t.Meta, "mean"); err != nil {
		return nil, err
	}
	if d.Std, err = numbers(name, t.Meta, "std"); err != nil {
		return nil, err
	}
	// The first two parts share one set, so that a network can be trained on both.
	counts := map[string]int{}
	for i, part := range parts {
		if i > 0 && part != parts[i-1] && counts[part] > 0 {
			return nil, fmt.Errorf("images: %q: row %d is of part %q again, want the parts one after the other", name, i, part)
		}
		counts[part]++
	}
	train, valid, test := counts["train"], counts["valid"], counts["test"]
	if train == 0 || valid == 0 || test == 0 || train+valid+test != len(parts) ||
		parts[0] != "train" || parts[train] != "valid" {
		return nil, fmt.Errorf("images: %q: parts train, valid, test have %d, %d and %d of %d rows, want them to have all, in this order", name, train, valid, test, len(parts))
	}
	set := func(name string, from, to int) (*Set, error) {
		s := &Set{Name: d.Name + " " + name, N: to - from, H: size["height"], W: size["width"], C: size["channels"], Classes: size["classes"]}
		s.Pixels, s.Labels = pixels.Bytes[from*pixels.Width:to*pixels.Width], labels[from:to]
		return s.seal()
	}
	fit, err := set("train", 0, train+valid)
	if err != nil {
		return nil, err
	}
	held, err := set("test", train+valid, len(parts))
	if err != nil {
		return nil, err
	}
	all := All(fit.N)
	d.Train, d.Valid, d.Test = Part{fit, all[:train:train]}, Part{fit, all[train:]}, Part{held, All(held.N)}
	return d, d.check()
}
