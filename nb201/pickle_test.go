package nb201

import (
	"bytes"
	"compress/bzip2"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"

	"idarts/internal/unpickle"
)

// instructions maps the place of each instruction of a pickle to the next one's.
func instructions(t *testing.T, content []byte) map[int]int {
	t.Helper()
	behind := map[int]int{}
	if _, err := unpickle.Walk(content, maxPickleMemory, func(from, to int) { behind[from] = to }); err != nil {
		t.Fatal(err)
	}
	return behind
}

// allocated is what f takes from the heap, in bytes, small things rounded.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// Pickles of a few megabytes that made the library use gigabytes, or print them.
func TestPicklesThatTakeMemory(t *testing.T) {
	const million = 1 << 20
	long := "\x80\x04X\x00\x00\x10\x00" + strings.Repeat("a", million) + "\x94"
	refer := func(n int) string { return strings.Repeat("h\x00", n) }
	for _, tt := range []struct{ name, pickle, want string }{
		{"marks alone", strings.Repeat("(", 2*million), "it needs more than 67108864 bytes of memory"},
		{"empty sets", strings.Repeat("\x8f", million) + ".", "it needs more than"},
		{"empty dicts", strings.Repeat("}", million) + ".", "it needs more than"},
		{"one value on the stack", strings.Repeat("N", 2*million) + ".", "it needs more than"},
		{"puts into the memo", "\x80\x04N" + strings.Repeat("\x94", million) + ".", "it needs more than"},
		{"a call of a list of one long text", long + "](" + refer(400) + "e)R.", "a call of what is no class"},
		{"an object of it", long + "](" + refer(400) + "e)\x81.", "a call of what is no class"},
		{"a class named by it", long + "](" + refer(400) + "e\x8c\x01a\x93.", "a class whose name is no text"},
		{"a class with a long name", long + "h\x00\x93.", "a class name of 1048576 and 1048576 characters, want at most 100"},
		{"a state for a list of it", long + "](" + refer(400) + "e}b.", "a state for what is no object"},
		{"an OrderedDict of it", long + "\x8c\x0bcollections\x8c\x0bOrderedDict\x93(" + refer(400) + "tR.", "an OrderedDict with arguments"},
		{"a state for an OrderedDict", long + "\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R}((" + refer(400) + "tNub.", "a state for what is no object"},
		{"the library's own classes", long + "c__builtin__\nobject\n(" + refer(400) + "t\x81.", `class "__builtin__.object" is not allowed`},
		{"and the other", "\x80\x02ccopy_reg\n_reconstructor\n(NNNtR.", `class "copy_reg._reconstructor" is not allowed`},
		{"lists of lists of lists", "\x80\x04](" + strings.Repeat("N", 2000) + "e\x94](" + refer(2000) + "e\x94](" + strings.Repeat("h\x01", 2000) + "e.", "it holds itself"},
	} {
		var err error
		used := allocated(func() { _, err = decodePickle([]byte(tt.pickle)) })
		if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: error = %.300v, want %q", tt.name, err, tt.want)
		}
		if used > 4*maxPickleMemory {
			t.Errorf("%s: %d bytes of pickle took %d", tt.name, len(tt.pickle), used)
		}
		t.Logf("%s: %d bytes took %.1f MB", tt.name, len(tt.pickle), float64(used)/1e6)
	}
}

// What the guard counts is at least what the library uses, and far from the limit.
func TestGuardOfOfficialFiles(t *testing.T) {
	for _, name := range []string{"nats-bench-sample/000011.pickle.pbz2", "nats-bench-sample/meta.pickle.pbz2", "nb201-12ep/mini-bench-arch-cell-accs.pd"} {
		content, err := os.ReadFile(filepath.Join(shared(t, filepath.Dir(name)), filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		find := findFrameClass
		if filepath.Ext(name) == ".pbz2" {
			find = findClass
			if content, err = io.ReadAll(bzip2.NewReader(bytes.NewReader(content))); err != nil {
				t.Fatal(err)
			}
		}
		counted, err := unpickle.Walk(content, maxPickleMemory, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		used := allocated(func() {
			if _, err := loadPickle(content, find); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %d bytes, counted %.1f MB, used %.1f MB, guard included", name, len(content), float64(counted)/1e6, float64(used)/1e6)
		if counted > maxPickleMemory/2 {
			t.Errorf("%s: counted %d of at most %d bytes", name, counted, maxPickleMemory)
		}
	}
}
