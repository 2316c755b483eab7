package unpickle

import "github.com/nlpodyssey/gopickle/types"

// Kind is what Python calls a value, for errors: of gopickle's types, of those
// that readers make of them, and of objects by their method Kind.
func Kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case interface{ Kind() string }:
		return v.Kind()
	case bool:
		return "True or False"
	case string:
		return "a text"
	case int, int64, float64:
		return "a number"
	case []byte, *types.ByteArray:
		return "bytes"
	case *types.Dict, *types.OrderedDict:
		return "a dict"
	case *types.List, []any:
		return "a list"
	case []string:
		return "a list of texts"
	case []int64:
		return "a list of whole numbers"
	case []float64:
		return "a list of numbers"
	case *types.Tuple:
		return "a tuple"
	case *types.Set, *types.FrozenSet:
		return "a set"
	}
	return "another object"
}
