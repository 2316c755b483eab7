package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"idarts/internal/plainjson"
	"idarts/internal/rng"
)

// ReadSplit reads the parts called names from a split file of NAS-Bench-201
// (cifar-split.txt has "train" and "valid", cifar100-test-split.txt and
// imagenet-16-120-test-split.txt have "xvalid" and "xtest"). The file is one JSON
// object: name -> ["int", ["0", "5", ...]], indices as text.
//
// Indices must be 0..n-1, and no index may be twice in the parts asked for.
//
// Source: Dong & Yang, AutoDL-Projects, configs/nas-benchmark.
func ReadSplit(path string, n int, names ...string) ([][]int, error) {
	content, _, err := readInput(path)
	if err != nil {
		return nil, err
	}
	var file map[string]json.RawMessage
	if err := plainjson.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("images: %q: not a split file, or cut short: %w", path, err)
	}
	owner := make([]string, n)
	parts := make([][]int, len(names))
	for p, name := range names {
		raw, ok := file[name]
		if !ok {
			return nil, fmt.Errorf("images: %q: no part %q, want all of %q", path, name, names)
		}
		texts, err := splitPart(raw)
		if err != nil {
			return nil, fmt.Errorf("images: %q: part %q: %w", path, name, err)
		}
		for k, text := range texts {
			i, err := strconv.Atoi(text)
			if err != nil || i < 0 || i >= n {
				return nil, fmt.Errorf("images: %q: part %q: entry %d is %q, want an index 0 to %d", path, name, k, text, n-1)
			}
			if owner[i] != "" {
				return nil, fmt.Errorf("images: %q: part %q: entry %d: index %d is in part %q already", path, name, k, i, owner[i])
			}
			owner[i] = name
			parts[p] = append(parts[p], i)
		}
	}
	return parts, nil
}

// splitPart decodes ["int", ["0", ...]].
func splitPart(raw json.RawMessage) ([]string, error) {
	var pair []json.RawMessage
	var kind string
	var texts []string
	if err := plainjson.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
		return nil, fmt.Errorf("value starts %q, want a pair [\"int\", [indices as text]]", start(raw))
	}
	if err := plainjson.Unmarshal(pair[0], &kind); err != nil || kind != "int" {
		return nil, fmt.Errorf("type is %q, want \"int\"", start(pair[0]))
	}
	if err := plainjson.Unmarshal(pair[1], &texts); err != nil {
		return nil, fmt.Errorf("indices start %q, want a list of texts: %w", start(pair[1]), err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("no indices, want at least one")
	}
	return texts, nil
}

// start is what an error message shows of a long value.
func start(raw []byte) []byte {
	raw = bytes.TrimSpace(raw)
	return raw[:min(len(raw), 40)]
}

// Split draws parts of the given sizes from s without overlap, as a pure function
// of (seed, name). Balanced parts have size/Classes images of every class, and one
// more of the first size mod Classes classes. Each part is sorted.
func (s *Set) Split(seed uint64, name string, balanced bool, sizes ...int) ([][]int, error) {
	for p, size := range sizes {
		if size < 1 {
			return nil, fmt.Errorf("images: split %s: part %d has %d images, want at least 1", s.Name, p, size)
		}
	}
	parts := make([][]int, len(sizes))
	if !balanced {
		left := All(s.N)
		shuffle(left, s.N, rng.New(seed, "images/split/"+name), nil)
		for p, size := range sizes {
			if size > len(left) {
				return nil, fmt.Errorf("images: split %s: sizes %v, want at most %d images in all", s.Name, sizes, s.N)
			}
			parts[p], left = left[:size:size], left[size:]
		}
	} else {
		for class := range s.Classes {
			var left []int
			for i, label := range s.Labels {
				if int(label) == class {
					left = append(left, i)
				}
			}
			have := len(left)
			shuffle(left, have, rng.New(seed, "images/split/"+name, uint64(class)), nil)
			for p, size := range sizes {
				take := size / s.Classes
				if class < size%s.Classes {
					take++
				}
				if take > len(left) {
					return nil, fmt.Errorf("images: split %s: sizes %v ask for more of class %d than its %d images", s.Name, sizes, class, have)
				}
				parts[p], left = append(parts[p], left[:take]...), left[take:]
			}
		}
	}
	for _, part := range parts {
		slices.Sort(part)
	}
	return parts, nil
}

// shuffle puts k values drawn without replacement, in random order, at the front
// of values (Fisher & Yates; k = len(values): a permutation). swapped[i],
// where there is one, says with whom i changed places.
func shuffle(values []int, k int, r *rand.Rand, swapped []int) {
	for i := range k {
		j := i + r.IntN(len(values)-i)
		values[i], values[j] = values[j], values[i]
		if i < len(swapped) {
			swapped[i] = j
		}
	}
}
