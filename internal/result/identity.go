package result

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Numbers is what decides the bits of a run's result, and nothing else: two runs of
// the same numbers are the same run. Titles, notes, sources and versions are not
// among them, see [Config].
//
// Protocol and Settings are the JSON forms of structs, in which every field counts
// that JSON has. A field that is added later has the option omitempty, and means
// what was done before when it is zero: then runs that were made without it keep
// their identity.
type Numbers struct {
	Method string `json:"method"`
	// Revision is that of the method's code, see search.Method.
	Revision int               `json:"revision,omitempty"`
	Seed     uint64            `json:"seed"`
	Protocol json.RawMessage   `json:"protocol"` // space, data set, network, batches, scoring; or the recipe of a retraining
	Settings json.RawMessage   `json:"settings"` // the method's own; or the architecture of a retraining
	Data     map[string]string `json:"data"`     // input name -> sha256
	Device   string            `json:"device"`   // what bits it promises: "cpu float32 fma v2"
}

// Identity is the digest of n.
func (n Numbers) Identity() (string, error) { return Digest(n) }

// Digest is the SHA-256, in hexadecimal, of the canonical JSON form of v: without
// blanks and nulls, keys in ascending order, each number written in one way. So
// neither the layout nor the order of fields in a struct changes it.
func Digest(v any) (string, error) {
	tree, err := treeOf(v)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(tree) // writes maps by ascending key
	if err != nil {
		return "", fmt.Errorf("result: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Leaves are the numbers, words and lists in the canonical JSON form of v, as JSON,
// by the names that lead to them: "protocol.supernet.c".
func Leaves(v any) (map[string]string, error) {
	tree, err := treeOf(v)
	if err != nil {
		return nil, err
	}
	leaves := map[string]string{}
	return leaves, collect(leaves, "", tree)
}

func collect(leaves map[string]string, path string, tree any) error {
	if object, ok := tree.(map[string]any); ok && len(object) > 0 {
		for key, value := range object {
			inner := key
			if path != "" {
				inner = path + "." + key
			}
			if err := collect(leaves, inner, value); err != nil {
				return err
			}
		}
		return nil
	}
	text, err := json.Marshal(tree)
	leaves[path] = string(text)
	return err
}

// Difference names the first leaf, in ascending order of paths, in which the JSON
// forms of two values differ; "" when there is none.
func Difference(then, now any) (string, error) {
	a, err := Leaves(then)
	if err != nil {
		return "", err
	}
	b, err := Leaves(now)
	if err != nil {
		return "", err
	}
	var paths []string
	for path := range a {
		paths = append(paths, path)
	}
	for path := range b {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		if a[path] != b[path] {
			return fmt.Sprintf("%s: %s then, %s now", path, cmp.Or(a[path], "nothing"), cmp.Or(b[path], "nothing")), nil
		}
	}
	return "", nil
}

// treeOf is the canonical JSON form of v as maps, slices, words, truth values and
// [json.Number].
func treeOf(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return canonical(tree), nil
}

// canonical leaves out nulls in objects and writes each number in one way.
func canonical(tree any) any {
	switch x := tree.(type) {
	case map[string]any:
		for key, value := range x {
			if x[key] = canonical(value); value == nil {
				delete(x, key)
			}
		}
	case []any:
		for i, value := range x {
			x[i] = canonical(value)
		}
	case json.Number:
		return number(x)
	}
	return tree
}

// number is whole numbers in all their digits, others in the fewest that read back
// as the same float64.
func number(x json.Number) json.Number {
	if n, err := strconv.ParseInt(string(x), 10, 64); err == nil {
		return json.Number(strconv.FormatInt(n, 10))
	}
	if n, err := strconv.ParseUint(string(x), 10, 64); err == nil {
		return json.Number(strconv.FormatUint(n, 10))
	}
	f, err := strconv.ParseFloat(string(x), 64)
	if err != nil {
		return x
	}
	if math.Trunc(f) == f && math.Abs(f) < 1<<53 {
		return json.Number(strconv.FormatInt(int64(f), 10))
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}
