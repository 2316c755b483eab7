package search

import "fmt"

// names are the words of a choice among settings, by its numbers.
type names []string

func (n names) of(i uint8) string {
	if int(i) < len(n) {
		return n[i]
	}
	return fmt.Sprintf("number %d", i)
}

func (n names) marshal(i uint8) ([]byte, error) {
	if int(i) >= len(n) {
		return nil, fmt.Errorf("%s is not one of %q", n.of(i), []string(n))
	}
	return []byte(n[i]), nil
}

func (n names) parse(text []byte, i *uint8) error {
	for k, name := range n {
		if name == string(text) {
			*i = uint8(k)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %q", text, []string(n))
}
