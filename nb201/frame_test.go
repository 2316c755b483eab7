package nb201

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/wordtest"
)

// The public frame of 12-epoch accuracies. TestFetch compares all of its numbers
// with an independent extract.
func TestFrame(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(shared(t, "nb201-12ep"), "mini-bench-arch-cell-accs.pd"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := decodeFrame(content)
	if err != nil {
		t.Fatal(err)
	}
	if len(f) != 8 {
		t.Errorf("%d columns, want 8", len(f))
	}
	arch, err := frameColumn[int64](f, "arch")
	if err != nil || len(arch) != NumCells || arch[0] != 0 || arch[NumCells-1] != NumCells-1 {
		t.Errorf("arch: %d entries, %v", len(arch), err)
	}
	texts, err := frameColumn[string](f, "cellstr")
	if err != nil || len(texts) != NumCells || texts[11] != cell11 {
		t.Errorf("cellstr: %d entries, %v", len(texts), err)
	}
	test, err := frameColumn[float64](f, "cifar10-test")
	if err != nil || len(test) != NumCells || test[1] != 88.22 {
		t.Errorf("cifar10-test: %d entries, %v", len(test), err)
	}
	if _, err := frameColumn[float64](f, "arch"); err == nil || !strings.Contains(err.Error(), `column "arch" is a list of whole numbers, want a list of numbers`) {
		t.Errorf("a column of another type: error = %v", err)
	}
	if _, err := frameColumn[float64](f, "svhn"); err == nil || !strings.Contains(err.Error(), `no column "svhn", only ["arch" "cellstr"`) {
		t.Errorf("a column that is not there: error = %v", err)
	}
	// Cut anywhere, it is an error and no panic.
	cuts := 0
	for n := 0; n < len(content); n += 1 + n/20 {
		if _, err := decodeFrame(content[:n]); err == nil {
			t.Errorf("cut to %d bytes: no error", n)
		}
		cuts++
	}
	// So it is with one byte changed in its structure, except in what is not read.
	changed := 0
	for _, at := range []int{20, 60, 110, 130, 245, 260, 272, 430, 505, 530, 550, 750621, 750623, 875660, 2257214} {
		damaged := append([]byte(nil), content...)
		damaged[at] ^= 0x41
		if _, err := decodeFrame(damaged); err != nil {
			changed++
		}
	}
	if changed != 15 {
		t.Errorf("%d of 15 changed bytes give errors", changed)
	}
	t.Logf("%d cuts give errors, %d of 15 changed bytes", cuts, changed)
}

// Frames by hand, in the instructions of pickle protocol 4.
func TestHostileFrames(t *testing.T) {
	short := func(s string) string { return "\x8c" + string(byte(len(s))) + s }
	global := func(module, name string) string { return short(module) + short(name) + "\x93" }
	dtype := func(kind string) string {
		return global("numpy", "dtype") + short(kind) + "\x89\x88\x87R(K\x03" + short("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
	}
	const eight = "\x96\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f" // the float 1
	buffer := func(bytes, kind, shape, order string) string {
		return global("numpy.core.numeric", "_frombuffer") + "(" + bytes + dtype(kind) + shape + short(order) + "tR"
	}
	objects := func(names ...string) string {
		s := global("numpy.core.multiarray", "_reconstruct") + ")R(K\x01K" + string(byte(len(names))) + "\x85" + dtype("O8") + "\x89]("
		for _, n := range names {
			s += short(n)
		}
		return s + "etb"
	}
	index := func(data string) string {
		return global("pandas.core.indexes.base", "_new_Index") + global("pandas.core.indexes.base", "Index") + "}" + short("data") + data + "s\x86R"
	}
	frameOf := func(values, items string) string {
		return "\x80\x04" + global("pandas.core.frame", "DataFrame") + ")\x81}" + short("_data") +
			global("pandas.core.internals.managers", "BlockManager") + ")\x81(](" + "e](" + values + "e](" + items + "e}tbsb."
	}
	good := buffer(eight, "f8", "K\x01K\x01\x86", "C")
	f, err := decodeFrame([]byte(frameOf(good, index(objects("a")))))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := frameColumn[float64](f, "a"); err != nil || len(a) != 1 || a[0] != 1 {
		t.Errorf("a frame of the number 1 holds %v, %v", a, err)
	}
	for _, tt := range []struct{ name, pickle, want string }{
		{"a class that is not allowed", "\x80\x04" + global("os", "system") + short("true") + "\x85R.", `class "os.system" is not allowed, want one of ["builtins.slice"`},
		{"another builtin", "\x80\x04" + global("builtins", "eval") + short("1") + "\x85R.", `class "builtins.eval" is not allowed`},
		{"a record", "\x80\x04}.", "the file holds a dict, want a data frame"},
		{"a frame without blocks", "\x80\x04" + global("pandas.core.frame", "DataFrame") + ")\x81.", "want a data frame"},
		{"a frame over itself", "\x80\x04" + global("pandas.core.frame", "DataFrame") + ")\x81q\x00}" + short("_data") + "h\x00sb.", "data frame over a data frame"},
		{"two names for one column", frameOf(good, index(objects("a", "b"))), "block 0 has shape [1 1], want 2 rows"},
		{"a name for two blocks", frameOf(good+good, index(objects("a"))+index(objects("a"))), `two columns are called "a"`},
		{"more blocks than names", frameOf(good+good, index(objects("a"))), "want two lists of one length"},
		{"a shape larger than the data", frameOf(buffer(eight, "f8", "K\x01K\x02\x86", "C"), index(objects("a"))), "want a number of at most 1"},
		{"a shape as large as memory", frameOf(buffer(eight, "f8", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", "C"), index(objects("a"))), "want a number of at most 1"},
		{"a shape below 0", frameOf(buffer(eight, "f8", "J\xff\xff\xff\xffK\x01\x86", "C"), index(objects("a"))), "-1, at place 0"},
		{"bytes as objects", frameOf(buffer(eight, "O8", "K\x01K\x01\x86", "C"), index(objects("a"))), "over 8 bytes and 0 objects"},
		{"a type that is not known", frameOf(buffer(eight, "f4", "K\x01K\x01\x86", "C"), index(objects("a"))), `type "<""f4"`},
		{"an array of a list that holds itself", "\x80\x04" + global("numpy.core.numeric", "_frombuffer") + "(]q\x00h\x00aNNNtR.", "numpy array of a list"},
		{"a shape that holds itself", "\x80\x04" + global("numpy.core.numeric", "_frombuffer") + "(" + eight + dtype("f8") + "]q\x00h\x00a\x85q\x01" + short("C") + "tR.", "numpy array with a list, 0, at place 0"},
		{"numbers for names", frameOf(good, index(good)), "the columns of a data frame have no names"},
		{"row numbers for names", frameOf(good, global("pandas.core.indexes.base", "_new_Index")+global("pandas.core.indexes.range", "RangeIndex")+"}\x86R"), "the columns of a data frame have no names"},
		{"one array under many names", frameOf(buffer("\x96\x40\x1f\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 8000), "f8", "K\x01M\xe8\x03\x86", "C")+"q\x00"+strings.Repeat("h\x00", 25),
			manyNames(index, objects, 26)), "more entries than the file has bytes"},
	} {
		f, err := decodeFrame([]byte(tt.pickle))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, error = %v, want %q", tt.name, f, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
}

func manyNames(index func(string) string, objects func(...string) string, n int) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(index(objects(string(rune('a' + i)))))
	}
	return s.String()
}

// FuzzFrame: no bytes make decoding panic or use much memory.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x80\x04\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93)\x81}b."))
	f.Add([]byte("\x80\x05\x8c\x12numpy.core.numeric\x8c\x0b_frombuffer\x93(\x96\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00NK\x01\x85\x8c\x01CtR."))
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzzPickle(t, content, func() error { _, err := decodeFrame(content); return err })
	})
}
