package images

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOpen(t *testing.T) {
	d, err := Open("fashion16", "")
	if err != nil || d != fashion(t) {
		t.Errorf("fashion16 is %v, %v; want the embedded data set", d, err)
	}
	_, err = Open("mnist", "")
	wantError(t, err, `unknown data set "mnist"`, "fashion16", "ImageNet16-120")
	for _, tt := range []struct{ name, file string }{
		{"cifar10", "data_batch_1.bin"},
		{"cifar100", "train.bin"},
		{"ImageNet16-120", "train_data_batch_1"},
	} {
		_, err := Open(tt.name, t.TempDir())
		wantError(t, err, tt.file, "no such file", "split.txt")
	}
}

// Batches of the official size, all zero (black images with label 0).
func TestOpenCIFAR10(t *testing.T) {
	if testing.Short() {
		t.Skip("short: 180 MB of images are not read")
	}
	dir := t.TempDir()
	for _, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 10_000*3073); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open("cifar10", dir)
	wantError(t, err, "cifar-split.txt", "no such file")
	split := splitFile([2]string{"train", "valid"}, [2][]int{{0, 49_999}, {1, 2, 3}})
	if err := os.WriteFile(filepath.Join(dir, "cifar-split.txt"), split, 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := Open("cifar10", dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Train.Indices, []int{0, 49_999}) || !slices.Equal(d.Valid.Indices, []int{1, 2, 3}) || len(d.Test.Indices) != 10_000 || d.Train.Set != d.Valid.Set {
		t.Errorf("parts of %d, %d and %d images", len(d.Train.Indices), len(d.Valid.Indices), len(d.Test.Indices))
	}
	if len(d.Train.Set.Inputs) != 5 || math.Abs(d.Mean[2]-113.9/255) > 1e-15 || math.Abs(d.Std[0]-63.0/255) > 1e-15 || d.Crop != 4 {
		t.Errorf("%d inputs, mean %v, deviation %v, crop %d", len(d.Train.Set.Inputs), d.Mean, d.Std, d.Crop)
	}
}

// CIFAR-100 and ImageNet16-120: all training images train, the others are halved.
func TestTrainAndHalves(t *testing.T) {
	dir := filepath.Dir(save(t, "split.txt", splitFile([2]string{"xvalid", "xtest"}, [2][]int{{1, 3}, {0, 2}})))
	read := func(_ string, train bool) (*Set, error) {
		if train {
			return tiny(6, 2, 2, 3).seal()
		}
		return tiny(4, 2, 2, 3).seal()
	}
	a := plain(3)
	d, err := trainAndHalves("some", dir, read, "split.txt", 4, a.Mean, a.Std)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Train.Indices, All(6)) || !slices.Equal(d.Valid.Indices, []int{1, 3}) || !slices.Equal(d.Test.Indices, []int{0, 2}) {
		t.Errorf("parts are %v, %v, %v", d.Train.Indices, d.Valid.Indices, d.Test.Indices)
	}
	if fit := d.Fit(); fit.Set != d.Train.Set || !slices.Equal(fit.Indices, d.Train.Indices) {
		t.Error("train and valid of two sets were joined")
	}
	before := d.SHA256()
	d.Valid.Indices[0] = 2
	if d.SHA256() == before {
		t.Error("another validation image gives the same hash")
	}
	d.Test.Indices[1] = 4
	wantError(t, d.check(), "indices[1] is 4")
}
