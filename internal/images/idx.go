package images

import (
	"encoding/binary"
	"fmt"
)

// ReadIDX reads a pair of idx files, plain or gzipped: images with magic
// 0x00000803 and sizes [N,H,W], labels with magic 0x00000801 and size [N], all
// bytes, big-endian heads. Channels: 1.
//
// Source of the format: the MNIST page of LeCun, Cortes and Burges.
func ReadIDX(name, imagesPath, labelsPath string, classes int) (*Set, error) {
	pixels, sizes, imagesInput, err := readIDX(imagesPath, 3)
	if err != nil {
		return nil, err
	}
	labels, count, labelsInput, err := readIDX(labelsPath, 1)
	if err != nil {
		return nil, err
	}
	if count[0] != sizes[0] {
		return nil, fmt.Errorf("images: %q holds %d labels, want %d as %q holds images", labelsPath, count[0], sizes[0], imagesPath)
	}
	if err := checkLabels(labelsPath, labels, classes); err != nil {
		return nil, err
	}
	s := &Set{Name: name, N: sizes[0], H: sizes[1], W: sizes[2], C: 1, Classes: classes, Pixels: pixels, Labels: labels}
	s.Inputs = []Input{imagesInput, labelsInput}
	return s.seal()
}

// readIDX returns the bytes after the head of an idx file of the given rank.
func readIDX(path string, rank int) (values []byte, sizes []int, input Input, err error) {
	content, input, err := readInput(path)
	if err != nil {
		return nil, nil, input, err
	}
	head := 4 + 4*rank
	if len(content) < head {
		return nil, nil, input, fmt.Errorf("images: %q: %d bytes, want a head of %d: not an idx file, or cut short", path, len(content), head)
	}
	want := uint32(0x0800 + rank)
	if magic := binary.BigEndian.Uint32(content); magic != want {
		return nil, nil, input, fmt.Errorf("images: %q: idx magic %#08x, want %#08x (bytes, %d sizes)", path, magic, want, rank)
	}
	total := 1
	for i := range rank {
		size := int(binary.BigEndian.Uint32(content[4+4*i:]))
		if size < 1 || size > len(content) {
			return nil, nil, input, fmt.Errorf("images: %q: size %d is %d, want 1 to %d in a file of that many bytes", path, i, size, len(content))
		}
		if total *= size; total > len(content) {
			break // too many already: the message below says so
		}
		sizes = append(sizes, size)
	}
	if values = content[head:]; len(values) != total {
		return nil, nil, input, fmt.Errorf("images: %q: %d bytes after the head, want %d: cut short, or damaged", path, len(values), total)
	}
	return values, sizes, input, nil
}

// checkLabels names the file of a label that is out of range.
func checkLabels(path string, labels []uint8, classes int) error {
	for i, label := range labels {
		if int(label) >= classes {
			return fmt.Errorf("images: %q: record %d: label %d, want 0 to %d", path, i, label, classes-1)
		}
	}
	return nil
}

// FashionMNIST reads the 60,000 training images (train) or the 10,000 test
// images from a folder with the four files of the data set, gzipped or not:
// 28x28, one channel, 10 classes.
//
// Source: Xiao, Rasul & Vollgraf, arXiv:1708.07747.
func FashionMNIST(dir string, train bool) (*Set, error) {
	name, prefix := "fashion-mnist test", "t10k"
	if train {
		name, prefix = "fashion-mnist train", "train"
	}
	images, labels := prefix+"-images-idx3-ubyte", prefix+"-labels-idx1-ubyte"
	return ReadIDX(name, firstExisting(dir, images+".gz", images), firstExisting(dir, labels+".gz", labels), 10)
}
