package ptx

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec/gpu/kernels"
	"idarts/internal/longtest"
)

var update = flag.Bool("update", false, "compile the kernels again")

const clang = "clang-19" // Debian's; others give other text

// flags are without those of the output. The default of contraction is set apart.
var flags = []string{
	"-x", "cl", "-cl-std=CL1.2", "-target", "nvptx64-nvidia-cuda", fmt.Sprintf("-march=sm_%d", Card),
	"-Xclang", "-target-feature", "-Xclang", fmt.Sprintf("+ptx%d", Version), "-O3", "-cl-fp32-correctly-rounded-divide-sqrt",
}

// compile makes the text of a source. The compiler leaves the sizes of groups out,
// which are in its intermediate form.
func compile(t *testing.T, source, contract string) string {
	t.Helper()
	text := run(t, source, contract, "-S")
	sizes := groupSizes(run(t, source, contract, "-S", "-emit-llvm"))
	return entry.ReplaceAllStringFunc(text, func(head string) string {
		name := entry.FindStringSubmatch(head)[1]
		n, ok := sizes[name]
		if !ok {
			t.Fatalf("kernel %q has no size of its groups", name)
		}
		return strings.TrimSuffix(head, "{") + fmt.Sprintf(".reqntid %s, 1, 1\n{", n)
	})
}

// needClang skips without the compiler; IDARTS_NEED_CLANG makes that a failure.
func needClang(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath(clang); err != nil {
		if os.Getenv("IDARTS_NEED_CLANG") != "" {
			t.Fatalf("no %s, and IDARTS_NEED_CLANG is set", clang)
		}
		t.Skipf("no %s: install it to compile the kernels for NVIDIA's cards again", clang)
	}
}

func run(t *testing.T, source, contract string, output ...string) string {
	t.Helper()
	cmd := exec.Command(clang, slices.Concat(flags, []string{"-ffp-contract=" + contract, "-Werror", "-o", "-"}, output, []string{"-"})...)
	cmd.Stdin = strings.NewReader(source)
	out, err := cmd.Output()
	if bad := (*exec.ExitError)(nil); errors.As(err, &bad) {
		t.Fatalf("%s: %v\n%s", clang, err, bad.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

var (
	defined = regexp.MustCompile(`(?m)^define .*@(\w+)\(.*!reqd_work_group_size !(\d+)`)
	triple  = regexp.MustCompile(`(?m)^!(\d+) = !\{i32 (\d+), i32 1, i32 1\}`)
)

// groupSizes reads what is known of each kernel in the compiler's intermediate form.
func groupSizes(ir string) map[string]string {
	numbers, out := map[string]string{}, map[string]string{}
	for _, m := range triple.FindAllStringSubmatch(ir, -1) {
		numbers[m[1]] = m[2]
	}
	for _, m := range defined.FindAllStringSubmatch(ir, -1) {
		if n, ok := numbers[m[2]]; ok {
			out[m[1]] = n
		}
	}
	return out
}

// The committed text is what the compiler makes of the kernels. Its packed form may
// differ with the version of Go.
func TestTextIsOfTheKernels(t *testing.T) {
	needClang(t)
	want := compile(t, kernels.Source(), "off")
	if *update {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // without name and time
		z.Write([]byte(want))
		z.Close()
		if err := os.WriteFile("kernels.ptx.gz", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d bytes, packed %d", len(want), b.Len())
		return
	}
	got, err := Text()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("kernels.ptx.gz is not of these kernels (%s); run make kernels", firstDifference(got, want))
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d is %q, want %q", i+1, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(x), len(y))
}

// Nothing is left to contract: a compiler that may fuse products and sums as it
// likes finds none, and all it says less is how results are rounded.
func TestNothingIsLeftToContract(t *testing.T) {
	longtest.Needed(t)
	needClang(t)
	off, fast := compile(t, kernels.Source(), "off"), compile(t, kernels.Source(), "fast")
	if off == fast {
		t.Fatal("the compiler takes no notice of -ffp-contract, so that this test says nothing")
	}
	rounded := regexp.MustCompile(`\.rn\b`)
	if a, b := rounded.ReplaceAllString(off, ""), rounded.ReplaceAllString(fast, ""); a != b {
		t.Errorf("something can be contracted: %s", firstDifference(b, a))
	}
	const product = "kernel __attribute__((reqd_work_group_size(64, 1, 1))) void k(global float *m) { m[0] = m[1] * m[2] + m[3]; }"
	if a, b := rounded.ReplaceAllString(compile(t, product, "off"), ""), rounded.ReplaceAllString(compile(t, product, "fast"), ""); a == b {
		t.Error("a product and a sum are not contracted where that is asked for, so that this test says nothing")
	}
}

// forbidden are instructions that would give bits that depend on the card, or that
// need what is not there.
var forbidden = map[string]*regexp.Regexp{
	"a function from elsewhere":          regexp.MustCompile(`\.extern `),
	"an approximation":                   regexp.MustCompile(`\.approx`),
	"subnormal numbers taken for zero":   regexp.MustCompile(`\.ftz`),
	"division that is not rounded":       regexp.MustCompile(`\.full\.`),
	"an operation in no order":           regexp.MustCompile(`\b(atom|red)\.`),
	"a sum or product that may be fused": regexp.MustCompile(`\b(add|sub|mul|fma|mad)\.f(32|64)\b`),
	"double precision":                   regexp.MustCompile(`\.f64\b`),
}

// spilled are kernels that may have arrays in memory of a thread's own, which is slow:
// each with the reason.
var spilled = map[string]string{}

func TestTextIsTheSameOnAllCards(t *testing.T) {
	text, err := Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range faults(text) {
		t.Error(line)
	}
	entries, err := Entries(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		program, vector := []int{8, 8, 4}, []int{8, 48}
		if !slices.Equal(e.Params, program) && !slices.Equal(e.Params, vector) {
			t.Errorf("kernel %q takes parameters of %v bytes, want %v or %v", e.Name, e.Params, program, vector)
		}
	}
	if len(entries) < 40 {
		t.Errorf("%d kernels", len(entries))
	}
	for fault, line := range map[string]string{
		"a function from elsewhere":          "\t.extern .func vprintf",
		"an approximation":                   "\tdiv.approx.f32 %f1, %f2, %f3;",
		"subnormal numbers taken for zero":   "\tadd.rn.ftz.f32 %f1, %f2, %f3;",
		"division that is not rounded":       "\tdiv.full.f32 %f1, %f2, %f3;",
		"an operation in no order":           "\tatom.global.add.u32 %r1, [%rd1], 1;",
		"a sum or product that may be fused": "\tmul.f32 %f1, %f2, %f3;",
		"double precision":                   "\tadd.rn.f64 %f1, %f2, %f3;",
		"own memory":                         "\t.local .align 4 .b8 __local_depot0[64];",
	} {
		if got := faults(".visible .entry k(\n" + line); len(got) != 1 || !strings.Contains(got[0], fault) {
			t.Errorf("%q has the faults %q, want %q", line, got, fault)
		}
	}
}

// faults lists what a text must not have, by line.
func faults(text string) (out []string) {
	kernel := ""
	for i, line := range strings.Split(text, "\n") {
		if m := regexp.MustCompile(`\.entry (\w+)`).FindStringSubmatch(line); m != nil {
			kernel = m[1]
		}
		for what, re := range forbidden {
			if re.MatchString(line) {
				out = append(out, fmt.Sprintf("line %d: %s: %q", i+1, what, line))
			}
		}
		if strings.Contains(line, "\t.local ") && spilled[kernel] == "" {
			out = append(out, fmt.Sprintf("line %d: kernel %q has own memory: %q", i+1, kernel, line))
		}
	}
	return out
}

func TestEntries(t *testing.T) {
	const text = `.version 7.0
	// .globl	a
.visible .entry a(
	.param .u64 .ptr .global .align 4 a_param_0,
	.param .align 4 .b8 a_param_1[48]
)
.reqntid 256, 1, 1
{
	ret;
}
.visible .entry b(
	.param .u64 b_param_0,
	.param .u64 b_param_1,
	.param .u32 b_param_2
)
.reqntid 64, 1, 1
{
}
`
	got, err := Entries(text)
	want := []Entry{{"a", 256, []int{8, 48}}, {"b", 64, []int{8, 8, 4}}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("entries %v (%v), want %v", got, err, want)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"no kernels", ".version 7.0\n", "no kernels"},
		{"no size", strings.Replace(text, ".reqntid 64, 1, 1\n", "", 1), `kernel "b"`},
		{"a strange parameter", strings.Replace(text, ".param .u32 b_param_2", ".param what", 1), `"param what"`},
	} {
		if _, err := Entries(tt.text); err == nil || !strings.Contains(err.Error(), strings.Trim(tt.want, `"`)) {
			t.Errorf("%s: error %v, want one about %q", tt.name, err, tt.want)
		}
	}
}
