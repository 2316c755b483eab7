package images

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/batch"
	"idarts/testdata"
)

// debian is where Debian's dataset-fashion-mnist puts its files.
const debian = "/usr/share/datasets/fashion-mnist"

func needDebian(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: the whole Fashion-MNIST is not read")
	}
	if _, err := os.Stat(filepath.Join(debian, "train-images-idx3-ubyte.gz")); err != nil {
		t.Skipf("the Debian package dataset-fashion-mnist is not installed: %v", err)
	}
}

func fashion(t *testing.T) *Dataset {
	t.Helper()
	d, err := Fashion()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFashion(t *testing.T) {
	d := fashion(t)
	if d.Name != "fashion16" || d.Crop != 2 {
		t.Errorf("name %q, crop %d; want fashion16, 2", d.Name, d.Crop)
	}
	for name, part := range map[string]Part{"train": d.Train, "valid": d.Valid, "test": d.Test} {
		if s := part.Set; s.H != 16 || s.W != 16 || s.C != 1 || s.Classes != 10 || len(part.Indices) != 5000 {
			t.Errorf("%s is %d of [%d,%d,%d,%d] in %d classes", name, len(part.Indices), s.N, s.H, s.W, s.C, s.Classes)
		}
		var counts [10]int
		for _, i := range part.Indices {
			counts[part.Set.Labels[i]]++
		}
		for class, n := range counts {
			if n != 500 {
				t.Errorf("%s has %d images of class %d, want 500", name, n, class)
			}
		}
	}
	if joined := d.Fit(); joined.Set != d.Train.Set || len(joined.Indices) != 10_000 {
		t.Errorf("train and valid together have %d different images, want 10000", len(joined.Indices))
	}
	mean, std := d.Train.Set.MeanStd(d.Train.Indices)
	if !slices.Equal(mean, d.Mean) || !slices.Equal(std, d.Std) {
		t.Errorf("stored mean and deviation %v, %v; the training part has %v, %v", d.Mean, d.Std, mean, std)
	}
}

// The small subsets have the images of the embedded one in the same parts: a pixel is the
// mean of those that it covers, by how much of them it covers, rounded.
func TestSmallFashion(t *testing.T) {
	old := fashion(t)
	for _, tt := range []struct {
		name string
		side int
		sha  string // of the data, as tables and manifests have it
		// weights of the pixels [0,1]x[0,1] of the old image in the first of the new one
		weights [2]int
	}{
		{"fashion8", 8, "31693fc94f25", [2]int{1, 1}},
		{"fashion12", 12, "", [2]int{3, 1}},
	} {
		d, err := Open(tt.name, "")
		if err != nil {
			t.Fatal(err)
		}
		if s := d.Train.Set; d.Name != tt.name || s.H != tt.side || s.W != tt.side || d.Crop != 1 || !slices.Equal(d.Test.Indices, old.Test.Indices) {
			t.Errorf("%s is %q of %dx%d, crop %d", tt.name, d.Name, s.H, s.W, d.Crop)
		}
		if !strings.HasPrefix(d.SHA256(), tt.sha) {
			t.Errorf("%s has the hash %s, want %s", tt.name, d.SHA256(), tt.sha)
		}
		for i := range old.Test.Set.N {
			sum, total := 0, 0
			for y, down := range tt.weights {
				for x, across := range tt.weights {
					sum += down * across * int(old.Test.Set.Image(i)[16*y+x])
					total += down * across
				}
			}
			if got, want := int(d.Test.Set.Image(i)[0]), (2*sum+total)/(2*total); got != want {
				t.Fatalf("%s: the first pixel of image %d is %d, want %d", tt.name, i, got, want)
			}
		}
		mean, std := d.Train.Set.MeanStd(d.Train.Indices)
		if !slices.Equal(mean, d.Mean) || !slices.Equal(std, d.Std) {
			t.Errorf("%s: mean and deviation are not those of its training images", tt.name)
		}
	}
}

// No image of one part may be in another: neither the same index nor, but for
// duplicates that Fashion-MNIST itself has, the same pixels.
func TestFashionPartsDoNotOverlap(t *testing.T) {
	table, err := arrowio.Decode("embedded", testdata.Fashion16)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := arrowio.Values[string](table, "part")
	if err != nil {
		t.Fatal(err)
	}
	indices, err := arrowio.Values[int32](table, "index")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for i, part := range parts {
		file, size := "train", int32(60_000)
		if part == "test" {
			file, size = "t10k", 10_000
		}
		key := fmt.Sprint(file, indices[i])
		if other, dup := seen[key]; dup || indices[i] < 0 || indices[i] >= size {
			t.Fatalf("row %d: image %s of part %q is in part %q already, or out of range", i, key, part, other)
		}
		seen[key] = part
	}
	d := fashion(t)
	pixels, shared := map[string]bool{}, 0
	for i := range d.Train.Set.N {
		pixels[string(d.Train.Set.Image(i))] = true
	}
	for i := range d.Test.Set.N {
		if pixels[string(d.Test.Set.Image(i))] {
			shared++
		}
	}
	t.Logf("%d of %d training and validation images have pixels of their own, %d of %d test images have theirs", len(pixels), d.Train.Set.N, shared, d.Test.Set.N)
	if shared > 5 {
		t.Errorf("%d test images have the pixels of training images", shared)
	}
}

func TestEmbeddedFileIsTheOneInTheReadme(t *testing.T) {
	sum := sha256.Sum256(testdata.Fashion16)
	readme, err := os.ReadFile("../../testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("testdata/README.md does not name the hash %x of fashion16.arrow", sum)
	}
	table, err := arrowio.Decode("embedded", testdata.Fashion16)
	if err != nil {
		t.Fatal(err)
	}
	inputs := 0
	for key, value := range table.Meta {
		if strings.HasPrefix(key, "sha256 ") {
			inputs++
			if !bytes.Contains(readme, []byte(value)) {
				t.Errorf("testdata/README.md does not name %s %s", key, value)
			}
		}
	}
	if inputs != 4 {
		t.Errorf("metadata names %d inputs, want 4", inputs)
	}
}

func TestRebuildGivesTheSameBytes(t *testing.T) {
	needDebian(t)
	out := filepath.Join(t.TempDir(), "fashion16.arrow")
	if err := BuildFashion(debian, out, 16); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, testdata.Fashion16) {
		t.Errorf("rebuilt file of %d bytes differs from the embedded one of %d", len(got), len(testdata.Fashion16))
	}
}

func TestReadFashionRefuses(t *testing.T) {
	good, err := arrowio.Decode("embedded", testdata.Fashion16)
	if err != nil {
		t.Fatal(err)
	}
	// A small file with three images; change spoils it.
	build := func(change func(*arrowio.Table)) []byte {
		small := arrowio.Table{Meta: map[string]string{}, Columns: []arrowio.Column{
			{Name: "part", Values: []string{"train", "valid", "test"}},
			{Name: "label", Values: []uint8{0, 9, 1}},
			{Name: "pixels", Values: arrowio.Fixed{Width: 256, Bytes: make([]byte, 768)}},
		}}
		for key, value := range good.Meta {
			small.Meta[key] = value
		}
		change(&small)
		content, err := arrowio.Encode(small, arrowio.Zstd)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	if _, err := ReadFashion(save(t, "f.arrow", build(func(*arrowio.Table) {}))); err != nil {
		t.Fatal(err)
	}
	whole := build(func(*arrowio.Table) {})
	for n := range whole { // every proper prefix
		if _, err := decodeFashion("cut.arrow", whole[:n]); err == nil || !strings.Contains(err.Error(), `"cut.arrow" is `) {
			t.Fatalf("first %d of %d bytes: error = %v", n, len(whole), err)
		}
	}
	t.Logf("%d truncations", len(whole))
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"cut short", testdata.Fashion16[:1000], "truncated"},
		{"not Arrow", []byte("hello"), "not an Arrow IPC file"},
		{"label out of range", build(func(a *arrowio.Table) { a.Columns[1].Values = []uint8{0, 10, 1} }), "label 10, want 0 to 9"},
		{"a column missing", build(func(a *arrowio.Table) { a.Columns = a.Columns[1:] }), `no column "part"`},
		{"pixels of another type", build(func(a *arrowio.Table) { a.Columns[2].Values = []uint8{1, 2, 3} }), "want fixed_size_binary"},
		{"pixels of another size", build(func(a *arrowio.Table) { a.Meta["height"] = "15" }), "256 pixel bytes an image, want 240"},
		{"no size", build(func(a *arrowio.Table) { delete(a.Meta, "width") }), `metadata "width" is ""`},
		{"mean is no number", build(func(a *arrowio.Table) { a.Meta["mean"] = "x" }), `metadata "mean" is "x"`},
		{"no deviation", build(func(a *arrowio.Table) { delete(a.Meta, "std") }), "1 means and 0 deviations"},
		{"unknown part", build(func(a *arrowio.Table) { a.Columns[0].Values = []string{"train", "valid", "rest"} }), "parts train, valid, test have 1, 1 and 0 of 3 rows"},
		{"parts in another order", build(func(a *arrowio.Table) { a.Columns[0].Values = []string{"valid", "train", "test"} }), "in this order"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadFashion(save(t, "f.arrow", tt.content))
			wantError(t, err, "f", tt.want)
		})
	}
}

// Results on disk depend on these values: they may never change.
func TestBatchesNeverChange(t *testing.T) {
	d := fashion(t)
	l := &Loader{Set: d.Train.Set, Indices: d.Train.Indices, Batch: 4, Seed: 1, Name: "train",
		Augment: Augment{Flip: true, Crop: 2, Cutout: 4, Mean: d.Mean, Std: d.Std}}
	if got, want := d.SHA256(), "126eb4e452b9fa82e4d0c2ae8d0e3918eb9b74104176153eafca81b81dde01d0"; got != want {
		t.Errorf("data hash = %s, want %s", got, want)
	}
	for _, tt := range []struct {
		draw  batch.Draw
		index uint64
		ids   string
		sum   string // of the float32 bits, see below
	}{
		{batch.Epochs, 0, "[364 700 1082 1090]", "2fb2a78aaa91e7df"},
		{batch.Epochs, 1251, "[4553 2176 2137 1348]", "b57a1b657d3ce1c2"},
		{batch.Fresh, 7, "[4052 4584 2748 1993]", "afca6b22792d5bab"},
		{batch.Replaced, 7, "[3423 4104 417 3554]", "305c9609ca5f68b3"},
	} {
		ids := l.Pick(tt.draw, tt.index, make([]int, 4))
		pixels, targets := make([]float32, 4*256), make([]float32, 40)
		Fill(l, ids, tt.draw, tt.index, pixels, targets)
		h := sha256.New()
		for _, v := range append(pixels, targets...) {
			fmt.Fprintf(h, "%08x", math.Float32bits(v))
		}
		if got := fmt.Sprint(ids); got != tt.ids {
			t.Errorf("draw %d, batch %d: images %s, want %s", tt.draw, tt.index, got, tt.ids)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != tt.sum {
			t.Errorf("draw %d, batch %d: hash of pixels and targets %s, want %s", tt.draw, tt.index, got, tt.sum)
		}
	}
}

// TestSizes measures what testdata/README.md says of the two image sizes. It
// also shows that pixels and labels belong together: chance is 10 %.
func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		side            int
		nearest, linear float64 // percent, as measured
	}{
		{16, 79.30, 81.24},
		{28, 78.50, 82.14},
	} {
		t.Run(fmt.Sprintf("%dx%d", tt.side, tt.side), func(t *testing.T) {
			d := fashion(t)
			if tt.side != 16 {
				needDebian(t)
				out := filepath.Join(t.TempDir(), "fashion.arrow")
				if err := BuildFashion(debian, out, tt.side); err != nil {
					t.Fatal(err)
				}
				var err error
				if d, err = ReadFashion(out); err != nil {
					t.Fatal(err)
				}
			}
			nearest, linear := nearestNeighbour(d, 1000), softmaxRegression(d, 20)
			t.Logf("%s: nearest neighbour %.2f %%, softmax regression %.2f %%", d.Name, nearest, linear)
			// The first is integers; the second may round differently on another machine.
			if math.Abs(nearest-tt.nearest) > 0.005 || math.Abs(linear-tt.linear) > 0.2 {
				t.Errorf("accuracies %.2f and %.2f %%, want %.2f and %.2f", nearest, linear, tt.nearest, tt.linear)
			}
		})
	}
}

// nearestNeighbour is the accuracy in percent on the first n test images, each
// with the label of the training image at the smallest squared distance.
func nearestNeighbour(d *Dataset, n int) float64 {
	correct := 0
	for _, i := range d.Test.Indices[:n] {
		image, best, label := d.Test.Set.Image(i), int32(math.MaxInt32), uint8(0)
		for _, j := range d.Train.Indices {
			sum := int32(0) // at most 28·28·255² < 2³¹
			for k, v := range d.Train.Set.Image(j) {
				diff := int32(v) - int32(image[k])
				if sum += diff * diff; sum >= best {
					break
				}
			}
			if sum < best {
				best, label = sum, d.Train.Set.Labels[j]
			}
		}
		if label == d.Test.Set.Labels[i] {
			correct++
		}
	}
	return 100 * float64(correct) / float64(n)
}

// softmaxRegression is the test accuracy in percent of a linear classifier after
// epochs of SGD in batches of 100: rate 0.05·256/pixels, cosine to 0.
func softmaxRegression(d *Dataset, epochs int) float64 {
	const size, classes = 100, 10
	augment := Augment{Mean: d.Mean, Std: d.Std}
	train := &Loader{Set: d.Train.Set, Indices: d.Train.Indices, Batch: size, Augment: augment, Name: "train"}
	test := &Loader{Set: d.Test.Set, Indices: d.Test.Indices, Batch: size, Augment: augment}
	n := train.Set.H * train.Set.W
	x, y := make([]float64, size*n), make([]float64, size*classes)
	w, grad := make([]float64, classes*(n+1)), make([]float64, classes*(n+1))
	scores := func(b int) (z [classes]float64) {
		for c := range z {
			row := w[c*(n+1) : (c+1)*(n+1)]
			z[c] = row[n]
			for k, v := range x[b*n : (b+1)*n] {
				z[c] += row[k] * v
			}
		}
		return z
	}
	ids, steps := make([]int, size), epochs*train.Batches()
	for step := range steps {
		rate := 0.05 * 256 / float64(n) * (1 + math.Cos(math.Pi*float64(step)/float64(steps))) / 2
		Fill(train, train.Pick(batch.Epochs, uint64(step), ids), batch.Epochs, uint64(step), x, y)
		clear(grad)
		for b := range size {
			z, sum := scores(b), 0.0
			top := slices.Max(z[:])
			for c := range z {
				z[c] = math.Exp(z[c] - top)
				sum += z[c]
			}
			for c := range z {
				e := (z[c]/sum - y[b*classes+c]) / size
				row := grad[c*(n+1) : (c+1)*(n+1)]
				for k, v := range x[b*n : (b+1)*n] {
					row[k] += e * v
				}
				row[n] += e
			}
		}
		for k := range w {
			w[k] -= rate * grad[k]
		}
	}
	correct := 0
	for i := range test.EvalBatches() {
		for b := range FillEval(test, i, x, y) {
			z, best := scores(b), 0
			for c := range z {
				if z[c] > z[best] {
					best = c
				}
			}
			if y[b*classes+best] == 1 {
				correct++
			}
		}
	}
	return 100 * float64(correct) / float64(test.Len())
}
