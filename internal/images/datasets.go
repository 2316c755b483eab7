package images

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"idarts/internal/settings"
)

// Part is some images of a set.
type Part struct {
	Set     *Set
	Indices []int
}

// Dataset says which images are for what.
type Dataset struct {
	Name  string
	Train Part // fits the weights
	Valid Part // fits the architecture
	Test  Part // only ever measured
	// Mean and Std normalise each channel of pixel/255.
	Mean, Std []float64
	// Crop is the padding of the random crop that goes with the images, in pixels.
	Crop int
}

// Fit is what a final network may be trained on: the images for the weights, and
// those for the architecture where they are from the same set. In CIFAR-100 and
// ImageNet16-120 the latter are from the test images, and stay out.
func (d *Dataset) Fit() Part {
	if d.Valid.Set != d.Train.Set {
		return d.Train
	}
	indices := slices.Concat(d.Train.Indices, d.Valid.Indices)
	slices.Sort(indices)
	return Part{Set: d.Train.Set, Indices: slices.Compact(indices)}
}

// SHA256 is the data's hash in hex: over the hash of the set and the indices of
// each part in turn.
func (d *Dataset) SHA256() string {
	h := sha256.New()
	var word [8]byte
	for _, part := range []Part{d.Train, d.Valid, d.Test} {
		h.Write([]byte(part.Set.SHA256))
		for _, i := range part.Indices {
			binary.LittleEndian.PutUint64(word[:], uint64(i))
			h.Write(word[:])
		}
		binary.LittleEndian.PutUint64(word[:], uint64(len(part.Indices)))
		h.Write(word[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (d *Dataset) check() error {
	for _, part := range []Part{d.Train, d.Valid, d.Test} {
		if len(part.Indices) == 0 {
			return fmt.Errorf("images: %s: no images in a part of it", d.Name)
		}
		if err := checkIndices(part.Set, part.Indices); err != nil {
			return err
		}
		normalise := Augment{Mean: d.Mean, Std: d.Std}
		if err := normalise.Check(part.Set); err != nil {
			return err
		}
	}
	return nil
}

// Source is a data set that [Open] knows.
type Source struct {
	Name  string
	Title string
	Files string // what dir must hold, for help and error messages
	open  func(dir string) (*Dataset, error)
}

// Datasets lists the known data sets. Of those with files, the parts are the
// ones of NAS-Bench-201: its split files lie beside the images.
var Datasets = []Source{
	{"fashion16", "Fashion-MNIST subset at 16x16", inside,
		func(string) (*Dataset, error) { return Fashion() }},
	{"fashion8", "Fashion-MNIST subset at 8x8", inside,
		func(string) (*Dataset, error) { return Fashion8() }},
	{"fashion12", "Fashion-MNIST subset at 12x12", inside,
		func(string) (*Dataset, error) { return Fashion12() }},
	{"cifar10", "CIFAR-10", "data_batch_1.bin to data_batch_5.bin, test_batch.bin, cifar-split.txt",
		openCIFAR10},
	{"cifar100", "CIFAR-100", "train.bin, test.bin, cifar100-test-split.txt",
		openCIFAR100},
	{"ImageNet16-120", "ImageNet16-120", "train_data_batch_1 to train_data_batch_10, val_data, imagenet-16-120-test-split.txt",
		openImageNet16120},
}

// inside is what the embedded sets need.
const inside = "nothing: it is in the program"

// Inside says whether a data set of the table is in the program and needs no folder.
func Inside(name string) bool {
	return slices.ContainsFunc(Datasets, func(s Source) bool { return s.Name == name && s.Files == inside })
}

// Open reads a data set of the table by name from dir.
func Open(name, dir string) (*Dataset, error) {
	var names []string
	for _, source := range Datasets {
		if source.Name == name {
			d, err := source.open(dir)
			if err != nil {
				return nil, fmt.Errorf("%w (%s wants in the folder: %s)", err, name, source.Files)
			}
			return d, nil
		}
		names = append(names, source.Name)
	}
	return nil, fmt.Errorf("images: unknown data set %q, want %s", name, settings.Offer(name, names))
}

// openCIFAR10: half of the training images each for weights and architecture.
func openCIFAR10(dir string) (*Dataset, error) {
	fit, test, err := both(CIFAR10, dir)
	if err != nil {
		return nil, err
	}
	parts, err := ReadSplit(filepath.Join(dir, "cifar-split.txt"), fit.N, "train", "valid")
	if err != nil {
		return nil, err
	}
	d := &Dataset{Name: "cifar10", Train: Part{fit, parts[0]}, Valid: Part{fit, parts[1]}, Test: Part{test, All(test.N)}, Crop: 4}
	d.Mean, d.Std = over255(125.3, 123.0, 113.9), over255(63.0, 62.1, 66.7)
	return d, d.check()
}

// openCIFAR100: all training images for the weights, half of the test images for
// the architecture.
func openCIFAR100(dir string) (*Dataset, error) {
	return trainAndHalves("cifar100", dir, CIFAR100, "cifar100-test-split.txt", 4,
		over255(129.3, 124.1, 112.4), over255(68.2, 65.4, 70.4))
}

// openImageNet16120 is like openCIFAR100, with the validation images halved.
func openImageNet16120(dir string) (*Dataset, error) {
	return trainAndHalves("ImageNet16-120", dir, ImageNet16120, "imagenet-16-120-test-split.txt", 2,
		over255(122.68, 116.66, 104.01), over255(63.22, 61.26, 65.09))
}

func trainAndHalves(name, dir string, read func(string, bool) (*Set, error), split string, crop int, mean, std []float64) (*Dataset, error) {
	fit, held, err := both(read, dir)
	if err != nil {
		return nil, err
	}
	parts, err := ReadSplit(filepath.Join(dir, split), held.N, "xvalid", "xtest")
	if err != nil {
		return nil, err
	}
	d := &Dataset{Name: name, Train: Part{fit, All(fit.N)}, Valid: Part{held, parts[0]}, Test: Part{held, parts[1]}, Mean: mean, Std: std, Crop: crop}
	return d, d.check()
}

func both(read func(string, bool) (*Set, error), dir string) (fit, held *Set, err error) {
	if fit, err = read(dir, true); err == nil {
		held, err = read(dir, false)
	}
	return fit, held, err
}

// over255 scales the published means and deviations, of 0..255, to 0..1.
func over255(values ...float64) []float64 {
	for i := range values {
		values[i] /= 255
	}
	return values
}
