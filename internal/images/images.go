// Package images holds small labelled images and makes batches of them.
//
// A [Set] is uint8 pixels in NHWC order with one label each. Readers: Fashion-MNIST
// idx files ([ReadIDX]), CIFAR-10 and CIFAR-100 binary batches ([ReadCIFAR]),
// ImageNet16-120 pickles ([ReadImageNet16]). A [Dataset] says which images fit
// the weights, which the architecture and which are tested on; [Datasets] is the
// table of those known here, and [Fashion] is the one inside the binary.
//
// A [Loader] draws batches and augments them. Every batch is a pure function of
// (seed, name, draw, index): no generator state has to be saved, and any number
// of goroutines get the same bits.
//
// Pixels are 0..255 in a Set and (pixel/255 − mean)/std in a batch. Nothing here
// knows a network.
package images

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"
)

// Set is labelled images of one size.
type Set struct {
	Name       string
	N, H, W, C int     // images, rows, columns, channels
	Classes    int     // labels are 0..Classes-1
	Pixels     []byte  // [N,H,W,C]
	Labels     []uint8 // [N]
	SHA256     string  // of shape, labels and pixels, in hex: the data's own hash, see hash
	Inputs     []Input // the files it was read from
}

// Input is a file that a [Set] was read from.
type Input struct {
	Name   string // without its folder
	SHA256 string // of the file as stored (compressed, if it is), in hex
}

// Image returns the pixels [H,W,C] of image i. They are the Set's own.
func (s *Set) Image(i int) []byte {
	n := s.H * s.W * s.C
	return s.Pixels[i*n : (i+1)*n : (i+1)*n]
}

// Check says what is wrong with the sizes or labels of s, if anything is.
func (s *Set) Check() error {
	switch pixels := s.N * s.H * s.W * s.C; {
	case s.N < 1 || s.H < 1 || s.W < 1 || s.C < 1:
		return fmt.Errorf("images: %s: size [%d,%d,%d,%d], want at least one image, row, column and channel", s.Name, s.N, s.H, s.W, s.C)
	case s.Classes < 1 || s.Classes > 256:
		return fmt.Errorf("images: %s: %d classes, want 1 to 256", s.Name, s.Classes)
	case len(s.Pixels) != pixels:
		return fmt.Errorf("images: %s: %d pixel bytes, want %d for [%d,%d,%d,%d]", s.Name, len(s.Pixels), pixels, s.N, s.H, s.W, s.C)
	case len(s.Labels) != s.N:
		return fmt.Errorf("images: %s: %d labels, want %d", s.Name, len(s.Labels), s.N)
	}
	for i, label := range s.Labels {
		if int(label) >= s.Classes {
			return fmt.Errorf("images: %s: image %d: label %d, want 0 to %d", s.Name, i, label, s.Classes-1)
		}
	}
	return nil
}

// seal checks s and gives it its hash. Every reader ends with it.
func (s *Set) seal() (*Set, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	s.SHA256 = s.hash()
	return s, nil
}

// hash is SHA-256 over N, H, W, C, Classes (little-endian uint32 each), the
// labels and the pixels. The file format they came in has no part in it.
func (s *Set) hash() string {
	h := sha256.New()
	var head [20]byte
	for i, v := range [5]int{s.N, s.H, s.W, s.C, s.Classes} {
		binary.LittleEndian.PutUint32(head[4*i:], uint32(v))
	}
	h.Write(head[:])
	h.Write(s.Labels)
	h.Write(s.Pixels)
	return hex.EncodeToString(h.Sum(nil))
}

// Subset copies the images at indices, in that order.
func (s *Set) Subset(name string, indices []int) (*Set, error) {
	if err := checkIndices(s, indices); err != nil {
		return nil, err
	}
	sub := &Set{Name: name, N: len(indices), H: s.H, W: s.W, C: s.C, Classes: s.Classes, Inputs: s.Inputs}
	sub.Pixels = make([]byte, 0, sub.N*s.H*s.W*s.C)
	sub.Labels = make([]uint8, 0, sub.N)
	for _, i := range indices {
		sub.Pixels = append(sub.Pixels, s.Image(i)...)
		sub.Labels = append(sub.Labels, s.Labels[i])
	}
	return sub.seal()
}

// checkIndices says which of indices is not an image of s.
func checkIndices(s *Set, indices []int) error {
	for k, i := range indices {
		if i < 0 || i >= s.N {
			return fmt.Errorf("images: %s: indices[%d] is %d, want 0 to %d", s.Name, k, i, s.N-1)
		}
	}
	return nil
}

// All lists the indices 0..n-1.
func All(n int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// MeanStd returns the mean and the population standard deviation of pixel/255
// for each channel over the images at indices (nil: all). The sums are exact
// integers, so the result does not depend on order or machine. A constant
// channel has deviation 0, which [Augment] refuses.
func (s *Set) MeanStd(indices []int) (mean, std []float64) {
	if indices == nil {
		indices = All(s.N)
	}
	sum, square := make([]uint64, s.C), make([]uint64, s.C)
	for _, i := range indices {
		for k, v := range s.Image(i) {
			sum[k%s.C] += uint64(v)
			square[k%s.C] += uint64(v) * uint64(v)
		}
	}
	n := uint64(len(indices) * s.H * s.W)
	mean, std = make([]float64, s.C), make([]float64, s.C)
	for c := range mean {
		mean[c] = float64(sum[c]) / float64(255*n)
		// n²·var = n·Σx² − (Σx)², exactly.
		a := new(big.Int).Mul(new(big.Int).SetUint64(n), new(big.Int).SetUint64(square[c]))
		b := new(big.Int).Mul(new(big.Int).SetUint64(sum[c]), new(big.Int).SetUint64(sum[c]))
		scaled, _ := new(big.Float).SetInt(a.Sub(a, b)).Float64()
		std[c] = math.Sqrt(scaled) / float64(255*n)
	}
	return mean, std
}

// Resize returns s at h×w by area averaging: each new pixel is the mean of the
// part of the old image that it covers, old pixels cut by its border counting
// with the covered fraction. The arithmetic is exact; the mean is rounded to the
// nearest integer, halves up.
func (s *Set) Resize(name string, h, w int) (*Set, error) {
	if h < 1 || w < 1 {
		return nil, fmt.Errorf("images: resize %s to %dx%d: want at least 1x1", s.Name, h, w)
	}
	rows, columns := coverage(s.H, h), coverage(s.W, w)
	out := &Set{Name: name, N: s.N, H: h, W: w, C: s.C, Classes: s.Classes, Labels: s.Labels, Inputs: s.Inputs}
	out.Pixels = make([]byte, 0, s.N*h*w*s.C)
	total := s.H * s.W // the weights of a new pixel sum to (old height)·(old width)
	for i := range s.N {
		image := s.Image(i)
		for _, row := range rows {
			for _, column := range columns {
				for c := range s.C {
					sum := 0
					for _, y := range row {
						for _, x := range column {
							sum += y.weight * x.weight * int(image[(y.at*s.W+x.at)*s.C+c])
						}
					}
					out.Pixels = append(out.Pixels, byte((2*sum+total)/(2*total)))
				}
			}
		}
	}
	return out.seal()
}

// covered is an old pixel and how much of it a new one covers, in units of
// 1/(new size) of an old pixel.
type covered struct{ at, weight int }

// coverage lists for each of n new pixels the old ones, of old, that it covers.
// On the common grid of old·n units an old pixel is n long and a new one old.
func coverage(old, n int) [][]covered {
	out := make([][]covered, n)
	for i := range out {
		start, end := i*old, (i+1)*old
		for at := start / n; at*n < end; at++ {
			weight := min(end, (at+1)*n) - max(start, at*n)
			out[i] = append(out[i], covered{at, weight})
		}
	}
	return out
}

// readInput reads a whole file, undoes gzip if it is compressed, and hashes it
// as stored.
func readInput(path string) ([]byte, Input, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, Input{}, fmt.Errorf("images: %w", err)
	}
	sum := sha256.Sum256(content)
	input := Input{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:])}
	if len(content) < 2 || content[0] != 0x1f || content[1] != 0x8b {
		return content, input, nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, Input{}, fmt.Errorf("images: %q: not a gzip file: %w", path, err)
	}
	content, err = io.ReadAll(unpacked)
	if err != nil {
		return nil, Input{}, fmt.Errorf("images: %q: damaged gzip file after %d unpacked bytes: %w", path, len(content), err)
	}
	return content, input, nil
}

// firstExisting returns the first of dir/names that is a file, or the first
// name for the error message of whoever opens it.
func firstExisting(dir string, names ...string) string {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return filepath.Join(dir, names[0])
}
