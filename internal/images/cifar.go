package images

import (
	"fmt"
	"path/filepath"
)

// cifarSide is the height and width of a CIFAR image.
const cifarSide = 32

// CIFAR10 reads the 50,000 training images or the 10,000 test images of
// CIFAR-10 from the folder cifar-10-batches-bin: 32x32, RGB, 10 classes.
//
// Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
func CIFAR10(dir string, train bool) (*Set, error) {
	if !train {
		return ReadCIFAR("cifar10 test", 10, 10_000, filepath.Join(dir, "test_batch.bin"))
	}
	var paths []string
	for i := 1; i <= 5; i++ {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("data_batch_%d.bin", i)))
	}
	return ReadCIFAR("cifar10 train", 10, 10_000, paths...)
}

// CIFAR100 reads the 50,000 training images or the 10,000 test images of
// CIFAR-100 with their fine labels from the folder cifar-100-binary: 32x32, RGB,
// 100 classes.
func CIFAR100(dir string, train bool) (*Set, error) {
	if train {
		return ReadCIFAR("cifar100 train", 100, 50_000, filepath.Join(dir, "train.bin"))
	}
	return ReadCIFAR("cifar100 test", 100, 10_000, filepath.Join(dir, "test.bin"))
}

// ReadCIFAR reads binary batches one after the other. A record is the label (for
// 100 classes: the coarse label, 0..19, then the fine one, which is kept) and the
// pixels as three planes. perFile is how many records each file must hold, 0 for
// any number.
func ReadCIFAR(name string, classes, perFile int, paths ...string) (*Set, error) {
	const plane = cifarSide * cifarSide
	labelBytes := 1
	if classes == 100 {
		labelBytes = 2
	}
	record := labelBytes + 3*plane
	s := &Set{Name: name, H: cifarSide, W: cifarSide, C: 3, Classes: classes}
	for _, path := range paths {
		content, input, err := readInput(path)
		if err != nil {
			return nil, err
		}
		n := len(content) / record
		switch {
		case n == 0 || len(content)%record != 0:
			return nil, fmt.Errorf("images: %q: %d bytes, want a multiple of the %d of a record: cut short, or not a CIFAR-%d batch", path, len(content), record, classes)
		case perFile > 0 && n != perFile:
			return nil, fmt.Errorf("images: %q: %d records, want %d", path, n, perFile)
		}
		labels := make([]uint8, n)
		pixels := make([]byte, n*3*plane)
		for i := range n {
			r := content[i*record : (i+1)*record]
			if labelBytes == 2 && r[0] >= 20 {
				return nil, fmt.Errorf("images: %q: record %d: coarse label %d, want 0 to 19", path, i, r[0])
			}
			labels[i] = r[labelBytes-1]
			interleave(pixels[i*3*plane:], r[labelBytes:], plane)
		}
		if err := checkLabels(path, labels, classes); err != nil {
			return nil, err
		}
		s.N += n
		s.Labels = append(s.Labels, labels...)
		s.Pixels = append(s.Pixels, pixels...)
		s.Inputs = append(s.Inputs, input)
	}
	return s.seal()
}

// interleave turns three planes of n values, [3,H,W], into [H,W,3].
func interleave(dst, planes []byte, n int) {
	for c := range 3 {
		for i, v := range planes[c*n : (c+1)*n] {
			dst[3*i+c] = v
		}
	}
}
