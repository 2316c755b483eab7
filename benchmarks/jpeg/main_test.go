package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/images"
)

// sources writes four PNGs whose image i has the colour (i, i+1, i+2) mod 256 in its pixel 33 (row
// 1, column 1) and black elsewhere, and batches in which image i has label i mod 10 and is all 3.
func sources(t *testing.T) (pngs, data string) {
	t.Helper()
	pngs, data = t.TempDir(), t.TempDir()
	for k := range known / inFile {
		picture := image.NewNRGBA(image.Rect(0, 0, 1024, inFile))
		for i := range picture.Pix {
			picture.Pix[i] = byte(255 * (i % 4 / 3))
		}
		for y := range inFile {
			i := k*inFile + y
			picture.SetNRGBA(33, y, color.NRGBA{byte(i), byte(i + 1), byte(i + 2), 255})
		}
		var file bytes.Buffer
		fast := png.Encoder{CompressionLevel: png.BestSpeed}
		if err := fast.Encode(&file, picture); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(pngs, fmt.Sprintf("cifar10_batch_%d.png", k)), file.Bytes())
	}
	first := bytes.Repeat([]byte{3}, (known+1)*record)
	for i := range known + 1 {
		first[i*record] = byte(i % 10)
	}
	write(t, filepath.Join(data, "data_batch_1.bin"), first)
	for _, name := range []string{"data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"} {
		write(t, filepath.Join(data, name), make([]byte, record))
	}
	return pngs, data
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestSets(t *testing.T) {
	pngs, data := sources(t)
	out := t.TempDir()
	apart, err := makeSets(pngs, data, out)
	if err != nil {
		t.Fatal(err)
	}
	var want float64
	for i := range known {
		for c := range 3 {
			d := float64(byte(i+c)) - 3
			want += d*d + 1023*9
		}
	}
	if want /= known * pixels; apart < want-1e-9 || apart > want+1e-9 {
		t.Errorf("mean squared difference %v, want %v", apart, want)
	}
	first := func(set string) *images.Set {
		s, err := images.ReadCIFAR(set, 10, known+1, filepath.Join(out, set, "images", "data_batch_1.bin"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	jpeg, lossless := first(asJPEG), first(without)
	for i := range known + 1 {
		var exact [pixels]byte
		if i == known { // not among the PNGs
			copy(exact[:], bytes.Repeat([]byte{3}, pixels))
		} else {
			copy(exact[33*3:], []byte{byte(i), byte(i + 1), byte(i + 2)})
		}
		if !bytes.Equal(lossless.Pixels[i*pixels:(i+1)*pixels], exact[:]) {
			t.Fatalf("image %d without loss is not that of its PNG", i)
		}
		if !bytes.Equal(jpeg.Pixels[i*pixels:(i+1)*pixels], bytes.Repeat([]byte{3}, pixels)) {
			t.Fatalf("image %d as JPEG is not that of the folder", i)
		}
		if int(lossless.Labels[i]) != i%10 || int(jpeg.Labels[i]) != i%10 {
			t.Fatalf("image %d: labels %d and %d, want %d", i, lossless.Labels[i], jpeg.Labels[i], i%10)
		}
	}
	parts, err := images.ReadSplit(filepath.Join(out, without, "images", "cifar-split.txt"), 50_000, "train", "valid")
	if err != nil {
		t.Fatal(err)
	}
	if len(parts[0]) != 3000 || parts[0][2999] != 2999 || len(parts[1]) != 1000 || parts[1][0] != 3000 || parts[1][999] != 3999 {
		t.Errorf("%d images to train on and %d to measure on", len(parts[0]), len(parts[1]))
	}
}

func TestBadSourcesAreErrors(t *testing.T) {
	pngs, data := sources(t)
	broken := func(dir, name string, content []byte) string {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(copied, name), content)
		return copied
	}
	small := new(bytes.Buffer)
	if err := png.Encode(small, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		t.Fatal(err)
	}
	made := t.TempDir()
	if _, err := makeSets(pngs, data, made); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ pngs, data, want string }{
		{pngs, filepath.Join(made, without, "images"), "to the bit"},
		{"nowhere", data, "nowhere"},
		{pngs, "nowhere", "nowhere"},
		{broken(pngs, "cifar10_batch_2.png", []byte("no picture")), data, "cifar10_batch_2.png"},
		{broken(pngs, "cifar10_batch_3.png", small.Bytes()), data, "32 rows of 32 pixels, want 1000 of 1024"},
		{pngs, broken(data, "data_batch_1.bin", make([]byte, known*record-1)), "want at least 4000 images"},
	} {
		if _, err := makeSets(c.pngs, c.data, t.TempDir()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// Differences of 1, 2 and 3 have mean 2.
func TestTable(t *testing.T) {
	var out strings.Builder
	if err := table(&out, [][]float64{{40, 41, 42}, {1, 1, 1}}, [][]float64{{41, 43, 45}, {1, 1, 1}}); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(out.String(), "\n")
	if want := "| #284 | 41.00 ± 1.00 | 43.00 ± 2.00 | +2.0 ["; !strings.HasPrefix(rows[2], want) || !strings.HasSuffix(rows[2], "| 3 |") {
		t.Errorf("row %q, want %q", rows[2], want)
	}
	if want := "| #3 | 1.00 ± 0.00 | 1.00 ± 0.00 | +0.0 [+0.0, +0.0] | 3 |"; rows[3] != want {
		t.Errorf("row %q, want %q", rows[3], want)
	}
}
