package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strconv"

	"idarts/internal/durable"
)

// The first 3,000 images fit the weights, the next 1,000 measure.
const (
	fit    = 3000
	known  = 4000 // images that are there without loss
	inFile = 1000 // of these in each PNG

	pixels = 3 * 32 * 32
	record = 1 + pixels // label, then the planes of red, green and blue
)

// makeSets writes two folders of CIFAR-10, out/jpeg/images and out/lossless/images: the files of
// data, with the split above, and in the second one the first 4,000 images in place of their JPEG.
// It gives the mean squared difference of these.
func makeSets(pngs, data, out string) (apart float64, err error) {
	files := map[string][]byte{"cifar-split.txt": split()}
	for _, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"} {
		if files[name], err = os.ReadFile(filepath.Join(data, name)); err != nil {
			return 0, err
		}
	}
	first := files["data_batch_1.bin"]
	if len(first) < known*record {
		return 0, fmt.Errorf("%q: %d bytes, want at least %d images of %d", filepath.Join(data, "data_batch_1.bin"), len(first), known, record)
	}
	if err := writeSet(filepath.Join(out, asJPEG, "images"), files); err != nil {
		return 0, err
	}
	exact := bytes.Clone(first)
	for k := range known / inFile {
		name := filepath.Join(pngs, fmt.Sprintf("cifar10_batch_%d.png", k))
		if err := replace(exact[k*inFile*record:(k+1)*inFile*record], name); err != nil {
			return 0, err
		}
	}
	files["data_batch_1.bin"] = exact
	for i := range known * record {
		d := float64(exact[i]) - float64(first[i]) // labels are the same
		apart += d * d
	}
	if apart == 0 {
		return 0, fmt.Errorf("%q: its images are those of %q to the bit, want them as JPEG", data, pngs)
	}
	return apart / (known * pixels), writeSet(filepath.Join(out, without, "images"), files)
}

// replace puts the images of a PNG, a row of 32x32 pixels each, in the place of those of records
// and leaves the labels.
func replace(records []byte, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	picture, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	const plane = pixels / 3
	b := picture.Bounds()
	if b.Dx() != plane || b.Dy() != inFile {
		return fmt.Errorf("%q: %d rows of %d pixels, want %d of %d", name, b.Dy(), b.Dx(), inFile, plane)
	}
	for y := range inFile {
		image := records[y*record+1 : (y+1)*record]
		for x := range plane {
			red, green, blue, _ := picture.At(b.Min.X+x, b.Min.Y+y).RGBA()
			image[x], image[plane+x], image[2*plane+x] = byte(red>>8), byte(green>>8), byte(blue>>8)
		}
	}
	return nil
}

// split is a split file as NAS-Bench-201 has them: part -> ["int", [indices as text]].
func split() []byte {
	indices := func(from, to int) []any {
		texts := make([]string, 0, to-from)
		for i := from; i < to; i++ {
			texts = append(texts, strconv.Itoa(i))
		}
		return []any{"int", texts}
	}
	text, err := json.Marshal(map[string]any{"train": indices(0, fit), "valid": indices(fit, known)})
	if err != nil {
		panic(err) // of texts and maps
	}
	return text
}

func writeSet(dir string, files map[string][]byte) error {
	for name, content := range files {
		if err := durable.WriteBytes(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}
