package images

import (
	"fmt"
	"path/filepath"

	"github.com/nlpodyssey/gopickle/types"

	"idarts/internal/unpickle"
)

// ImageNet16120 reads ImageNet16-120 from the folder of the downsampled ImageNet
// at 16x16 (train_data_batch_1 to _10 and val_data): the first 120 of its 1000
// classes, 151,700 training or 6,000 validation images, RGB.
//
// Sources: Chrabaszcz, Loshchilov & Hutter, arXiv:1707.08819 (files);
// Dong & Yang, arXiv:2001.00326 (the 120 classes).
func ImageNet16120(dir string, train bool) (*Set, error) {
	name, want, paths := "ImageNet16-120 val", 6_000, []string{filepath.Join(dir, "val_data")}
	if train {
		name, want, paths = "ImageNet16-120 train", 151_700, nil
		for i := 1; i <= 10; i++ {
			paths = append(paths, filepath.Join(dir, fmt.Sprintf("train_data_batch_%d", i)))
		}
	}
	s, err := ReadImageNet16(name, 120, paths...)
	if err == nil && s.N != want {
		return nil, fmt.Errorf("images: %q: %d images with labels 1 to 120, want %d", dir, s.N, want)
	}
	return s, err
}

// ReadImageNet16 reads pickled batches of the downsampled ImageNet one after the
// other. A batch is a dict with "data", a uint8 array [n,3·16·16] of three planes
// an image, and "labels", n integers 1..1000. Images with labels 1..classes are
// kept, as labels 0..classes-1. Other keys ("mean") are not used.
//
// Only numpy's own array constructors are admitted in the pickles.
func ReadImageNet16(name string, classes int, paths ...string) (*Set, error) {
	const side, plane = 16, 16 * 16
	s := &Set{Name: name, H: side, W: side, C: 3, Classes: classes}
	for _, path := range paths {
		content, input, err := readInput(path)
		if err != nil {
			return nil, err
		}
		value, err := unpickled(content)
		if err != nil {
			return nil, fmt.Errorf("images: %q: %w", path, err)
		}
		data, labels, err := imageNetBatch(value)
		if err != nil {
			return nil, fmt.Errorf("images: %q: %w", path, err)
		}
		n := len(labels)
		if len(data.shape) != 2 || data.shape[0] != n || data.shape[1] != 3*plane || data.dtype != "u1" || data.fortran {
			return nil, fmt.Errorf("images: %q: data is %s%v, want u1[%d %d] row by row, as there are %d labels", path, data.dtype, data.shape, n, 3*plane, n)
		}
		for i, label := range labels {
			if label < 1 || label > 1000 {
				return nil, fmt.Errorf("images: %q: labels[%d] is %d, want 1 to 1000", path, i, label)
			}
			if label > classes {
				continue
			}
			var image [3 * plane]byte
			interleave(image[:], data.raw[i*3*plane:(i+1)*3*plane], plane)
			s.N++
			s.Labels = append(s.Labels, uint8(label-1))
			s.Pixels = append(s.Pixels, image[:]...)
		}
		s.Inputs = append(s.Inputs, input)
	}
	return s.seal()
}

// imageNetBatch picks the two entries of a batch out of an unpickled dict.
func imageNetBatch(value any) (data *ndarray, labels []int, err error) {
	dict, ok := value.(*types.Dict)
	if !ok {
		return nil, nil, fmt.Errorf("pickle holds %s, want a dict with \"data\" and \"labels\"", unpickle.Kind(value))
	}
	entry, ok := lookup(dict, "data")
	if data, _ = entry.(*ndarray); data == nil {
		return nil, nil, fmt.Errorf("entry \"data\" is %s (present: %v), want a numpy array", unpickle.Kind(entry), ok)
	}
	entry, ok = lookup(dict, "labels")
	switch list := entry.(type) {
	case *types.List:
		for i, v := range *list {
			label, ok := v.(int)
			if !ok {
				return nil, nil, fmt.Errorf("labels[%d] is %s, want an integer", i, unpickle.Kind(v))
			}
			labels = append(labels, label)
		}
	case *ndarray:
		if labels, err = list.ints(); err != nil {
			return nil, nil, fmt.Errorf("labels: %w", err)
		}
	default:
		return nil, nil, fmt.Errorf("entry \"labels\" is %s (present: %v), want a list of integers", unpickle.Kind(entry), ok)
	}
	return data, labels, nil
}

// lookup finds a key that Python 2 wrote as bytes or Python 3 as text.
func lookup(dict *types.Dict, key string) (any, bool) {
	for _, entry := range *dict {
		switch k := entry.Key.(type) {
		case string:
			if k == key {
				return entry.Value, true
			}
		case []byte:
			if string(k) == key {
				return entry.Value, true
			}
		}
	}
	return nil, false
}

// unpickled reads one value, with numpy arrays as *ndarray, in memory of some times
// its size. A damaged stream is an error.
func unpickled(content []byte) (value any, err error) {
	const spare = 64 << 20 // lists of labels
	return unpickle.Load(content, 8*len(content)+spare, findNumpy)
}
