package runners

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/runners/protocol"
)

// Change is a setting and the values that a grid takes it through, in place of the
// protocol's.
type Change struct {
	Method string // "": all methods of the grid that have it
	Path   string // "arch.lr", see package settings
	Values []string
}

// ParseChange reads "inner_steps=1,2" or, for one method of those named,
// "idarts.inner_steps=1,2". Commas inside of brackets belong to a value.
func ParseChange(text string, methods []string) (Change, error) {
	path, list, ok := strings.Cut(text, "=")
	c := Change{Path: path}
	if first, rest, dotted := strings.Cut(path, "."); dotted && slices.Contains(methods, first) {
		c.Method, c.Path = first, rest
	}
	depth, start := 0, 0
	for i, r := range list + "," {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ',' && depth <= 0:
			c.Values = append(c.Values, strings.TrimSpace(list[start:min(i, len(list))]))
			start = i + 1
		}
	}
	if !ok || c.Path == "" || slices.Contains(c.Values, "") {
		return c, fmt.Errorf("runners: setting %q: want a name and values, as in inner_steps=1,2 or idarts.arch.lr=3e-4", text)
	}
	return c, nil
}

func (c Change) String() string {
	name := c.Path
	if c.Method != "" {
		name = c.Method + "." + name
	}
	return name + "=" + strings.Join(c.Values, ",")
}

// variant is a method's settings with what was set in them.
type variant struct {
	settings search.Settings
	set      []settings.Value // that differ from the protocol's, in the order of the struct
}

// changes are those of a grid, with what they were applied to.
type changes struct {
	list     []Change
	used     []bool
	searches []protocol.Search
}

func newChanges(list []Change) *changes { return &changes{list: list, used: make([]bool, len(list))} }

// variants are the settings of a method for all combinations of values, those of the
// last change changing fastest.
func (c *changes) variants(s protocol.Search) ([]variant, error) {
	c.searches = append(c.searches, s)
	combined := []search.Settings{s.Settings}
	before := settings.Walk(s.Settings)
	var paths []string
	for i, change := range c.list {
		if change.Method != "" && change.Method != s.Method || !slices.ContainsFunc(before, func(v settings.Value) bool { return v.Path == change.Path }) {
			continue
		}
		c.used[i] = true
		if slices.Contains(paths, change.Path) {
			return nil, fmt.Errorf("runners: %s of method %q is set twice", change.Path, s.Method)
		}
		paths = append(paths, change.Path)
		var next []search.Settings
		for _, own := range combined {
			for _, text := range change.Values {
				changed, err := settings.Set(own, change.Path, text)
				if err != nil {
					return nil, fmt.Errorf("runners: method %q: %w", s.Method, err)
				}
				next = append(next, changed)
			}
		}
		combined = next
	}
	var found []variant
	for _, own := range combined {
		v := variant{settings: own}
		for i, now := range settings.Walk(own) {
			if now.Text() != before[i].Text() {
				v.set = append(v.set, now)
			}
		}
		if err := own.Check(); err != nil && len(v.set) > 0 {
			return nil, fmt.Errorf("runners: settings of method %q: %w", s.Method, err)
		}
		if slices.ContainsFunc(found, func(o variant) bool { return o.name() == v.name() }) {
			return nil, fmt.Errorf("runners: method %q has the settings %q twice", s.Method, v.name())
		}
		found = append(found, v)
	}
	return found, nil
}

// unused is the error for a change that no method of the grid has; nil where there is
// none.
func (c *changes) unused() error {
	i := slices.Index(c.used, false)
	if i < 0 {
		return nil
	}
	change := c.list[i]
	var paths, methods, whole []string
	for _, s := range c.searches {
		methods = append(methods, s.Method)
		if change.Method != "" && change.Method != s.Method {
			continue
		}
		for _, v := range settings.Walk(s.Settings) {
			paths = append(paths, v.Path)
			whole = append(whole, s.Method+"."+v.Path)
		}
	}
	slices.Sort(methods)
	if len(paths) == 0 {
		return fmt.Errorf("runners: setting %q: method %q is not among those to run, %q", change, change.Method, slices.Compact(methods))
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if near := settings.Nearest(change.Path, paths); len(near) > 0 {
		paths = near
	} else if near := settings.Nearest(change.Path, whole); len(near) > 0 { // another method was meant
		paths = near
	}
	return fmt.Errorf("runners: setting %q: no method to run has it, want one of %q", change, paths)
}

// longest is how long the name of a directory of settings gets.
const longest = 100

// name is the directory of v: "inner_steps=2,neumann_terms=0", and "" for the
// protocol's settings. Every file system takes it. Where that, or its length, leaves
// something out, it ends in a hash of the whole.
func (v variant) name() string {
	var parts []string
	for _, s := range v.set {
		parts = append(parts, s.Path+"="+s.Text())
	}
	whole := strings.Join(parts, ",")
	safe := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_-+.,=", r) {
			return r
		}
		return '_'
	}, whole)
	if safe == whole && len(whole) <= longest && !strings.HasSuffix(whole, ".") {
		return whole
	}
	sum := sha256.Sum256([]byte(whole))
	return safe[:min(len(safe), longest-9)] + "-" + hex.EncodeToString(sum[:4])
}

// texts are the settings that differ from the protocol's, by name.
func (v variant) texts() map[string]string {
	if len(v.set) == 0 {
		return nil
	}
	texts := map[string]string{}
	for _, s := range v.set {
		texts[s.Path] = s.Text()
	}
	return texts
}
