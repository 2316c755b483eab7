package unpickle

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The guard knows what is on the stack; it stops where the library would, or before.
func TestGuardFollowsTheStack(t *testing.T) {
	for _, tt := range []struct{ pickle, want string }{
		{"N.", ""}, {"].", ""}, {"(t.", ""}, {"(NNt.", ""}, {"NN\x86.", ""}, {"}(NNu.", ""}, {"](Ne.", ""},
		{"cnumpy\ndtype\n(NtR}b.", ""},
		{".", "its stack is empty"}, {"(.", "its stack is empty"}, {"N(.", "its stack is empty"},
		{"N\x86.", "its stack is empty"}, {"t.", "a mark is missing"}, {"N(\x85.", "its stack is empty"},
		{"(Ne.", "its stack is empty"}, {"N}(NNu..", ""}, {"\x94.", "its stack is empty"},
		{"cnumpy\ndtype\nNR.", "without a tuple"}, {"N)R.", "no class"}, {"N)\x81.", "no class"},
		{"cnumpy\ndtype\n)R)R.", "no class"}, // what a class made is none
		{"Nb.", "its stack is empty"}, {"NNb.", "a state for what is no object"},
		{"K", "it ends inside an instruction"}, {"X\x05\x00\x00\x00abc.", "it ends inside an instruction"},
		{"", "it does not end with a stop"}, {"N", "it does not end with a stop"}, {"o.", "instruction 0x6f at byte 0"},
	} {
		_, err := Walk([]byte(tt.pickle), 1<<20, nil)
		if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && !strings.Contains(got, tt.want) {
			t.Errorf("%q: error = %v, want %q", tt.pickle, err, tt.want)
		}
	}
}

// Memory is that of the largest instruction of each kind, again and again: what is
// counted is not less than what gopickle takes, which a test in nb201 measures on
// real files.
func TestGuardCounts(t *testing.T) {
	text := "X\x00\x10\x00\x00" + strings.Repeat("a", 4096)
	for _, tt := range []struct {
		name, pickle string
		least        int
	}{
		{"a text and its copy", text + ".", 2 * 4096},
		{"a call copies the texts among its arguments", "cc\nn\n" + text + "q\x00\x85R.", 3 * 4096},
		{"also those inside of tuples", "cc\nn\n" + text + "\x85\x85\x85R.", 3 * 4096},
		{"a state copies as well", "cc\nn\n)R" + text + "\x85b.", 3 * 4096},
		{"each call anew", text + "q\x000" + strings.Repeat("cc\nn\nh\x00\x85R", 9) + ".", 11 * 4096},
		{"a mark", "(t.", 320},
	} {
		pickle := strings.ReplaceAll(tt.pickle, "q\x000", "q\x00")
		used, err := Walk([]byte(pickle), 1<<20, nil)
		if err != nil || used < tt.least {
			t.Errorf("%s: %d bytes counted, %v, want at least %d", tt.name, used, err, tt.least)
		}
		if _, err := Walk([]byte(pickle), used-1, nil); err == nil || !strings.Contains(err.Error(), "it needs more than") {
			t.Errorf("%s: with a byte less: error = %v", tt.name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	find := func(module, name string) (any, error) { return nil, errors.New("no class at all") }
	if v, err := Load([]byte("\x80\x02U\x02hi."), 1<<20, find); err != nil || v != "hi" {
		t.Errorf("a text of Python 2 is %v, %v", v, err)
	}
	if _, err := Load([]byte("cos\nsystem\n."), 1<<20, find); err == nil || !strings.Contains(err.Error(), "no class at all") {
		t.Errorf("error = %v", err)
	}
	// Odd numbers of keys and values make gopickle panic.
	if _, err := Load([]byte("}(Nu."), 1<<20, find); err == nil || !strings.Contains(err.Error(), "damaged pickle") {
		t.Errorf("error = %v", err)
	}
}
