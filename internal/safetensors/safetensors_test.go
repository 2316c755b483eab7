package safetensors

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"idarts/internal/wordtest"
)

// file is a header before some bytes of arrays.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

func sample() *File {
	return &File{
		Metadata: map[string]string{"space": "nb201", "C": "4"},
		Tensors: map[string]Tensor{
			"w.cell0.1<-0.conv.weight": Floats([]int{2, 1, 1, 2}, []float32{1, -2, 0.5, float32(math.Inf(1))}),
			"loss":                     Floats([]int{}, []float64{math.Pi}),
			"labels":                   Ints([]int{3}, []int64{3, -7, math.MaxInt64}),
			"none":                     Floats([]int{0, 5}, []float32{}),
			"\"quoted\" \n":            Floats([]int{1}, []float64{math.SmallestNonzeroFloat64}),
		},
	}
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "sub", "a.safetensors"), filepath.Join(dir, "b.safetensors")
	want := sample()
	if err := Write(first, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(first)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Metadata, want.Metadata) || len(got.Tensors) != len(want.Tensors) {
		t.Errorf("metadata %v and %d tensors, want %v and %d", got.Metadata, len(got.Tensors), want.Metadata, len(want.Tensors))
	}
	for name, w := range want.Tensors {
		g := got.Tensors[name]
		if g.Type != w.Type || !reflect.DeepEqual(g.Shape, w.Shape) || !bytes.Equal(g.Bytes, w.Bytes) {
			t.Errorf("tensor %q is %+v, want %+v", name, g, w)
		}
	}
	if x := got.Tensors["loss"].Float(0); x != math.Pi {
		t.Errorf("loss = %v", x)
	}
	if x := got.Tensors["labels"].Int(1); x != -7 {
		t.Errorf("label = %v, want -7", x)
	}
	if x := got.Tensors["w.cell0.1<-0.conv.weight"].Float(1); x != -2 {
		t.Errorf("weight = %v, want -2", x)
	}
	if err := Write(second, got); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(first)
	b, _ := os.ReadFile(second)
	if !bytes.Equal(a, b) {
		t.Error("equal contents give other bytes")
	}
	if header := binary.LittleEndian.Uint64(a); header%8 != 0 {
		t.Errorf("header of %d bytes, want a multiple of 8", header)
	}
}

// The bytes of a file that another program wrote, in its own order of arrays.
func TestReadsWhatOthersWrite(t *testing.T) {
	content := file(`{"b":{"data_offsets":[0,8],"shape":[1],"dtype":"I64"},"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}   `, 0)
	content = append(content, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 63)
	f, err := Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	if b, a := f.Tensors["b"].Int(0), f.Tensors["a"].Float(0); b != 5 || a != 1 || f.Metadata["format"] != "pt" {
		t.Errorf("b = %d, a = %v, metadata %v; want 5, 1, format pt", b, a, f.Metadata)
	}
}

var hostile = []struct {
	name    string
	content []byte
	want    string
}{
	{"an empty file", nil, "0 bytes, want 8 or more"},
	{"a length without header", file("", 0)[:7], "7 bytes, want 8 or more"},
	{"a header longer than the file", append(binary.LittleEndian.AppendUint64(nil, 100), "{}"...), "a header of 100 bytes, want at most the 2"},
	{"a header of all bits", append(bytes.Repeat([]byte{255}, 8), "{}"...), "a header of 18446744073709551615 bytes"},
	{"an empty header", file("", 0), "no JSON object"},
	{"an array as header", file("[]", 0), "no JSON object"},
	{"blanks before the header", file(" {}", 0), "no JSON object"},
	{"a header cut off", file(`{"a":{"dtype":"F32"`, 0), "header"},
	{"text behind the header", file("{}x", 0), "text behind"},
	{"a tensor that is a number", file(`{"a":5}`, 0), `tensor "a"`},
	{"the same name twice", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0), `"a" is there twice`},
	{"metadata that is no text", file(`{"__metadata__":{"a":1}}`, 0), "metadata"},
	{"an unknown type", file(`{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}`, 2), `type "BF16", want one of ["F32" "F64" "I64"]`},
	{"offsets behind the end", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 3), "bytes 0 to 4, want a part of the 3"},
	{"offsets backwards", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "bytes 4 to 0"},
	{"a negative offset", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4), "bytes -4 to 0"},
	{"an offset of 2^64", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616]}}`, 4), `tensor "a"`},
	{"a negative size", file(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 4), "no negative size"},
	{"sizes whose product overflows", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}`, 0), "more than the 0 bytes"},
	{"sizes whose product overflows to the right length", file(`{"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}}`, 8), "more than the 8 bytes"},
	{"an overflow beside a 0", file(`{"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,4]}}`, 4), "in 4 bytes, want 0"},
	{"a shape that is too small", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, 8), "shape [1] of F32 in 8 bytes, want 4"},
	{"a hole", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "hole"},
	{"arrays that share bytes", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "share bytes at 4"},
	{"bytes that belong to nothing", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 9), "9 bytes of arrays, want the 4"},
}

func TestHostileFilesAreErrors(t *testing.T) {
	for _, tt := range hostile {
		_, err := Parse(tt.content)
		wordtest.Check(t, tt.name, err)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
	t.Logf("%d files", len(hostile))
}

func TestEveryTruncationIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	if err := Write(path, sample()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range content {
		if err := os.WriteFile(path, content[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("the first %d of %d bytes: error %v, want one that names the file", n, len(content), err)
		}
	}
	t.Logf("%d truncations", len(content))
}

func TestWrongTensorsAreNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	for name, tensor := range map[string]Tensor{
		"a":           {F32, []int{2}, make([]byte, 4)},
		"b":           {"BF16", []int{2}, make([]byte, 4)},
		metadataKey:   Floats([]int{1}, []float32{1}),
		"c: negative": {F32, []int{-1, -1}, make([]byte, 4)},
	} {
		if err := Write(path, &File{Tensors: map[string]Tensor{name: tensor}}); err == nil {
			t.Errorf("tensor %q %v: no error", name, tensor)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}

// Whatever is read has arrays as large as their shapes, and is read again the same
// after it was written.
func FuzzParse(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.content)
	}
	f.Add(file(`{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"x":"y"}} `, 8))
	path := filepath.Join(f.TempDir(), "a.safetensors")
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse(content)
		if err != nil {
			return
		}
		total := 0
		for name, tensor := range file.Tensors {
			n := 1
			for _, d := range tensor.Shape {
				n *= d
			}
			if n != tensor.Len() {
				t.Errorf("tensor %q has shape %v and %d elements", name, tensor.Shape, tensor.Len())
			}
			total += len(tensor.Bytes)
		}
		if total > len(content) {
			t.Errorf("%d bytes of arrays in a file of %d", total, len(content))
		}
		if err := Write(path, file); err != nil {
			t.Fatal(err)
		}
		again, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Tensors) != len(file.Tensors) {
			t.Errorf("%d tensors after a round trip, want %d", len(again.Tensors), len(file.Tensors))
		}
	})
}
