package images

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// save writes content into a new file of its own folder.
func save(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// idx is an idx file of bytes.
func idx(values []byte, sizes ...uint32) []byte {
	out := binary.BigEndian.AppendUint32(nil, 0x0800+uint32(len(sizes)))
	for _, size := range sizes {
		out = binary.BigEndian.AppendUint32(out, size)
	}
	return append(out, values...)
}

func TestReadIDX(t *testing.T) {
	pixels, labels := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, []byte{3, 9}
	for _, packed := range []bool{false, true} {
		images, tags := idx(pixels, 2, 2, 3), idx(labels, 2)
		if packed {
			images, tags = gzipped(t, images), gzipped(t, tags)
		}
		s, err := ReadIDX("two", save(t, "images", images), save(t, "labels", tags), 10)
		if err != nil {
			t.Fatal(err)
		}
		if s.N != 2 || s.H != 2 || s.W != 3 || s.C != 1 || s.Classes != 10 || !slices.Equal(s.Pixels, pixels) || !slices.Equal(s.Labels, labels) {
			t.Errorf("gzip %v: set is %+v", packed, s)
		}
		sum := sha256.Sum256(images)
		if want := (Input{"images", hex.EncodeToString(sum[:])}); len(s.Inputs) != 2 || s.Inputs[0] != want {
			t.Errorf("gzip %v: inputs are %v, want %v first", packed, s.Inputs, want)
		}
	}
}

func TestReadIDXRefuses(t *testing.T) {
	images, labels := idx([]byte{1, 2, 3, 4}, 2, 1, 2), idx([]byte{3, 9}, 2)
	packed := gzipped(t, images)
	for _, tt := range []struct {
		name           string
		images, labels []byte
		want           []string
	}{
		{"pixels cut short", images[:len(images)-1], labels, []string{"images.idx", "3 bytes after the head, want 4"}},
		{"a byte too many", append(slices.Clone(images), 0), labels, []string{"images.idx", "5 bytes after the head, want 4"}},
		{"head cut short", images[:9], labels, []string{"images.idx", "9 bytes, want a head of 16"}},
		{"empty", nil, labels, []string{"images.idx", "0 bytes"}},
		{"labels where images should be", idx(make([]byte, 30), 30), labels, []string{"images.idx", "0x00000801", "0x00000803"}},
		{"images where labels should be", images, images, []string{"labels.idx", "0x00000803", "0x00000801"}},
		{"sizes whose product overflows", idx(make([]byte, 60), 0xffffffff, 0xffffffff, 2), labels, []string{"images.idx", "4294967295"}},
		{"no rows", idx(nil, 2, 0, 2), labels, []string{"images.idx", "size 1 is 0"}},
		{"one label too few", images, idx([]byte{3}, 1), []string{"labels.idx", "1 labels, want 2"}},
		{"label out of range", images, idx([]byte{3, 10}, 2), []string{"labels.idx", "record 1: label 10, want 0 to 9"}},
		{"gzip cut short", packed[:len(packed)-6], labels, []string{"images.idx", "damaged gzip"}},
		{"gzip head only", packed[:2], labels, []string{"images.idx", "not a gzip file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadIDX("bad", save(t, "images.idx", tt.images), save(t, "labels.idx", tt.labels), 10)
			wantError(t, err, tt.want...)
		})
	}
	_, err := FashionMNIST(t.TempDir(), true)
	wantError(t, err, "train-images-idx3-ubyte", "no such file")
}

// cifar is a CIFAR batch; image i has value 10·i+c in plane c, and its first
// pixel of plane c is 100+c.
func cifar(fine bool, labels ...byte) []byte {
	var out []byte
	for i, label := range labels {
		if fine {
			out = append(out, label%20)
		}
		out = append(out, label)
		for c := range 3 {
			plane := bytes.Repeat([]byte{byte(10*i + c)}, cifarSide*cifarSide)
			plane[0] = byte(100 + c)
			out = append(out, plane...)
		}
	}
	return out
}

func TestReadCIFAR(t *testing.T) {
	for _, tt := range []struct {
		name    string
		classes int
		labels  []byte
	}{
		{"CIFAR-10", 10, []byte{0, 9, 5}},
		{"CIFAR-100 keeps the fine label", 100, []byte{99, 0, 42}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := save(t, "a.bin", cifar(tt.classes == 100, tt.labels[:2]...))
			b := save(t, "b.bin", cifar(tt.classes == 100, tt.labels[2:]...))
			s, err := ReadCIFAR("c", tt.classes, 0, a, b)
			if err != nil {
				t.Fatal(err)
			}
			if s.N != 3 || !slices.Equal(s.Labels, tt.labels) || len(s.Inputs) != 2 {
				t.Errorf("%d images with labels %v from %v, want %v", s.N, s.Labels, s.Inputs, tt.labels)
			}
			if got, want := s.Image(1)[:6], []byte{100, 101, 102, 10, 11, 12}; !slices.Equal(got, want) {
				t.Errorf("first pixels of image 1 = %v, want %v", got, want)
			}
		})
	}
}

func TestReadCIFARRefuses(t *testing.T) {
	good := cifar(false, 1, 2)
	coarse := cifar(true, 7)
	coarse[0] = 20
	for _, tt := range []struct {
		name    string
		classes int
		perFile int
		content []byte
		want    string
	}{
		{"cut short", 10, 0, good[:len(good)-1], "6145 bytes, want a multiple of the 3073"},
		{"empty", 10, 0, nil, "0 bytes"},
		{"CIFAR-10 read as CIFAR-100", 100, 0, good, "multiple of the 3074"},
		{"label out of range", 10, 0, cifar(false, 1, 10), "record 1: label 10, want 0 to 9"},
		{"fine label out of range", 100, 0, cifar(true, 100), "record 0: label 100, want 0 to 99"},
		{"coarse label out of range", 100, 0, coarse, "record 0: coarse label 20, want 0 to 19"},
		{"not the official number of records", 10, 10_000, good, "2 records, want 10000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadCIFAR("bad", tt.classes, tt.perFile, save(t, "batch.bin", tt.content))
			wantError(t, err, "batch.bin", tt.want)
		})
	}
	_, err := CIFAR10(t.TempDir(), true)
	wantError(t, err, "data_batch_1.bin", "no such file")
}

// A pickler writes the opcodes that numpy's own pickles are made of.
type pickler struct{ bytes.Buffer }

func (p *pickler) op(parts ...any) {
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			p.WriteString(v)
		case []byte:
			p.Write(v)
		case int: // BININT1, BININT2 or BININT
			switch {
			case v >= 0 && v < 256:
				p.Write([]byte{'K', byte(v)})
			case v >= 0 && v < 65536:
				p.Write([]byte{'M', byte(v), byte(v >> 8)})
			default:
				p.WriteByte('J')
				p.Write(binary.LittleEndian.AppendUint32(nil, uint32(int32(v))))
			}
		}
	}
}

// unicode is BINUNICODE, long is an opcode with a 4-byte length.
func unicode(s string) string { return long("X", []byte(s)) }
func long(op string, b []byte) string {
	return op + string(binary.LittleEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
}

// dialects are the ways in which a numpy array came to be pickled.
var dialects = []string{"python2 protocol 2", "python3 protocol 2", "python3 protocol 3", "python3 protocol 4, numpy 2", "python3 protocol 5"}

// array pickles a numpy array of bytes-wide elements.
func (p *pickler) array(dialect, dtype, order string, raw []byte, shape ...int) {
	global := func(module, name string) string {
		if strings.Contains(dialect, "protocol 4") || strings.Contains(dialect, "protocol 5") {
			return unicode(module) + unicode(name) + "\x93"
		}
		return "c" + module + "\n" + name + "\n"
	}
	core := "numpy.core"
	if strings.Contains(dialect, "numpy 2") {
		core = "numpy._core"
	}
	word := unicode
	if dialect == "python2 protocol 2" {
		word = func(s string) string { return "U" + string(byte(len(s))) + s }
	}
	element := func() {
		p.op(global("numpy", "dtype"), word(dtype), "\x89\x88\x87R", "q\x05")
		p.op("(", 3, word(order), "NNN", -1, -1, 0, "tb")
	}
	size := func() {
		p.op("(")
		for _, n := range shape {
			p.op(n)
		}
		p.op("t")
	}
	if dialect == "python3 protocol 5" {
		p.op(global(core+".numeric", "_frombuffer"), "(")
		p.op("\x96", binary.LittleEndian.AppendUint64(nil, uint64(len(raw))), raw)
		element()
		size()
		p.op(word("C"), "tR")
		return
	}
	p.op(global(core+".multiarray", "_reconstruct"), "q\x01", global("numpy", "ndarray"), 0, "\x85")
	latin1 := func(b []byte) {
		p.op(global("_codecs", "encode"), unicode(string([]rune(latin(b)))), unicode("latin1"), "\x86R")
	}
	switch dialect {
	case "python2 protocol 2":
		p.op(word("b"))
	case "python3 protocol 2":
		latin1([]byte("b"))
	default:
		p.op("C\x01b")
	}
	p.op("\x87R", "q\x02", "(", 1)
	size()
	element()
	p.op("\x89") // not Fortran order
	switch dialect {
	case "python2 protocol 2":
		p.op(long("T", raw))
	case "python3 protocol 2":
		latin1(raw)
	default:
		p.op(long("B", raw))
	}
	p.op("tb")
}

// latin is b with each byte as a character.
func latin(b []byte) string {
	var s strings.Builder
	for _, v := range b {
		s.WriteRune(rune(v))
	}
	return s.String()
}

// imageNet is a batch of the downsampled ImageNet whose image i has value
// 10·i+c in plane c.
func imageNet(dialect string, arrayOfLabels bool, labels ...int) []byte {
	p := &pickler{}
	p.op("\x80\x04", "}q\x00", "(")
	key := unicode
	if dialect == "python2 protocol 2" {
		key = func(s string) string { return "U" + string(byte(len(s))) + s }
	}
	var raw, wide []byte
	for i, label := range labels {
		for c := range 3 {
			raw = append(raw, bytes.Repeat([]byte{byte(10*i + c + 200)}, 256)...)
		}
		wide = binary.BigEndian.AppendUint64(wide, uint64(label))
	}
	p.op(key("data"))
	p.array(dialect, "u1", "|", raw, len(labels), 768)
	p.op(key("labels"))
	if arrayOfLabels {
		p.array(dialect, "i8", ">", wide, len(labels))
	} else {
		p.op("]q\x03", "(")
		for _, label := range labels {
			p.op(label)
		}
		p.op("e")
	}
	p.op(key("mean"))
	p.array(dialect, "f8", "<", make([]byte, 8*768), 768)
	p.op("u.")
	return p.Bytes()
}

func TestReadImageNet16(t *testing.T) {
	for _, dialect := range dialects {
		for _, arrayOfLabels := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, labels in an array: %v", dialect, arrayOfLabels), func(t *testing.T) {
				a := save(t, "train_data_batch_1", imageNet(dialect, arrayOfLabels, 120, 121, 1))
				b := save(t, "train_data_batch_2", imageNet(dialect, arrayOfLabels, 1000, 7))
				s, err := ReadImageNet16("in", 120, a, b)
				if err != nil {
					t.Fatal(err)
				}
				if want := []uint8{119, 0, 6}; s.N != 3 || !slices.Equal(s.Labels, want) || s.Classes != 120 || s.H != 16 || s.C != 3 {
					t.Errorf("%d images with labels %v, want %v: 1..120 kept as 0..119", s.N, s.Labels, want)
				}
				if got, want := s.Image(1)[:6], []byte{220, 221, 222, 220, 221, 222}; !slices.Equal(got, want) {
					t.Errorf("first pixels of the kept image with label 1 = %v, want %v", got, want)
				}
			})
		}
	}
}

func TestReadImageNet16Refuses(t *testing.T) {
	good := imageNet("python3 protocol 3", false, 1, 2)
	evil := &pickler{}
	evil.op("\x80\x02", "cos\nsystem\n", "U\x04true\x85R.")
	short := &pickler{}
	short.op("\x80\x03", "}(", unicode("data"))
	short.array("python3 protocol 3", "u1", "|", make([]byte, 767), 1, 768)
	short.op(unicode("labels"), "](", 1, "eu.")
	small := &pickler{}
	small.op("\x80\x03", "}(", unicode("data"))
	small.array("python3 protocol 3", "u1", "|", make([]byte, 3072), 1, 3072)
	small.op(unicode("labels"), "](", 1, "eu.")
	unlabelled := &pickler{}
	unlabelled.op("\x80\x03", "}(", unicode("data"))
	unlabelled.array("python3 protocol 3", "u1", "|", make([]byte, 768), 1, 768)
	unlabelled.op("u.")
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"label 0", imageNet("python3 protocol 3", false, 5, 0), "labels[1] is 0, want 1 to 1000"},
		{"label 1001", imageNet("python3 protocol 3", true, 1001), "labels[0] is 1001, want 1 to 1000"},
		{"a class that is not numpy's", evil.Bytes(), "os.system is not allowed"},
		{"array bytes missing", short.Bytes(), "u1[1 768] holds 767 bytes, which does not fit"},
		{"images of another size", small.Bytes(), "data is u1[1 3072], want u1[1 768]"},
		{"no labels", unlabelled.Bytes(), `"labels" is None (present: false)`},
		{"not a dict", []byte("\x80\x02K\x05."), "holds a number, want a dict"},
		{"empty", nil, "does not end with a stop"},
		{"not a pickle", []byte("hello"), "pickle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadImageNet16("bad", 120, save(t, "val_data", tt.content))
			wantError(t, err, "val_data", tt.want)
		})
	}
	// One text that a pickle of some bytes more would have copied a thousand times.
	long := "\x80\x02X\x00\x00\x10\x00" + strings.Repeat("a", 1<<20) + "q\x00"
	for range 1000 {
		long += "c_codecs\nencode\nh\x00U\x06latin1\x86R"
	}
	if _, err := unpickled([]byte(long + ".")); err == nil || !strings.Contains(err.Error(), "bytes of memory") {
		t.Errorf("copies without end: error = %v", err)
	}
	for n := range len(good) {
		if _, err := unpickled(good[:n]); err == nil {
			t.Fatalf("a pickle cut short to %d of %d bytes gave no error", n, len(good))
		}
	}
	_, err := ImageNet16120(t.TempDir(), false)
	wantError(t, err, "val_data", "no such file")
	dir := filepath.Dir(save(t, "val_data", good))
	_, err = ImageNet16120(dir, false)
	wantError(t, err, dir, "2 images with labels 1 to 120, want 6000")
}

// FuzzImageNet: no bytes make reading a batch panic, and an error is one short line.
func FuzzImageNet(f *testing.F) {
	for _, form := range dialects {
		f.Add(imageNet(form, false, 1, 2))
		f.Add(imageNet(form, true, 1))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		value, err := unpickled(content)
		if err == nil {
			_, _, err = imageNetBatch(value)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000+8*len(content)) {
			t.Errorf("error %.1000q", err)
		}
	})
}
