package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rooms lists for every package of the module which others it may import (see
// docs/architecture.md). A package without a row fails the test, so that a new
// one gets its place on purpose. A star stands for one name: devices are not among
// "internal/*".
var rooms = map[string][]string{
	"cmd/idarts":                 {"runners", "runners/*", "runners/cluster/page", "reports", "nb201", "nb1b1", "darts_space", "testdata", "internal/*", "internal/diagram/picture"},
	"runners":                    {"runners/protocol", "internal/*"},
	"runners/protocol":           {"nb201", "nb1b1", "darts_space", "testdata", "internal/batch", "internal/diagram", "internal/result", "internal/search", "internal/settings", "internal/statistics", "internal/supernet", "internal/training", "internal/trials"},
	"runners/micro":              {"runners/protocol", "nb201", "internal/*"},
	"runners/parity":             {"runners", "runners/protocol", "internal/*"},
	"runners/cluster":            {"runners", "runners/micro", "internal/*"},
	"runners/cluster/page":       {"internal/queue"},
	"runners/hyper":              {"runners", "runners/protocol", "internal/*"},
	"runners/stages":             {"runners/protocol", "internal/*"},
	"runners/doctor":             {"runners/protocol", "runners/stages", "internal/*", "internal/graph/conformance"},
	"runners/internal/toy":       {"internal/supernet", "internal/search", "internal/graph", "internal/diagram"},
	"reports":                    {"internal/result", "internal/statistics", "internal/durable", "internal/diagram", "internal/diagram/picture"},
	"benchmarks":                 {"runners/protocol", "runners/stages", "nb201", "internal/*", "internal/exec/cpu"},
	"benchmarks/compare":         {"benchmarks"},
	"benchmarks/roofline":        {"benchmarks", "runners/stages", "internal/exec", "internal/exec/cpu", "internal/limits", "internal/provenance"},
	"benchmarks/peers":           {"benchmarks", "runners/*", "internal/*"},
	"benchmarks/jpeg":            {"runners", "runners/protocol", "internal/*"},
	"nb201":                      {"internal/diagram", "internal/supernet", "internal/search", "internal/graph", "internal/exec", "internal/arrowio", "internal/trials", "internal/result", "internal/unpickle", "internal/durable", "internal/download", "internal/rng", "internal/svge"},
	"nb1b1":                      {"internal/plainjson", "internal/supernet", "internal/search", "internal/graph", "internal/exec", "internal/arrowio", "internal/trials", "internal/result", "internal/durable", "internal/download", "internal/rng", "internal/diagram", "internal/svge"},
	"darts_space":                {"internal/download", "internal/onnx", "internal/plainjson", "internal/supernet", "internal/search", "internal/settings", "internal/graph", "internal/exec", "internal/arrowio", "internal/durable", "internal/rng", "internal/diagram", "testdata"},
	"internal/device":            {"internal/exec", "internal/exec/*", "internal/exec/gpu/opencl", "internal/exec/gpu/cuda", "internal/exec/gpu/library"},
	"internal/supernet":          {"internal/batch", "internal/graph", "internal/exec", "internal/images", "internal/rng"},
	"internal/search":            {"internal/batch", "internal/exec", "internal/rng", "internal/settings", "internal/svge"},
	"internal/svge":              {},
	"internal/settings":          {},
	"internal/batch":             {},
	"internal/graph":             {"internal/exec", "internal/exec/ref"},
	"internal/graph/conformance": {"internal/graph", "internal/exec", "internal/exec/*", "internal/rng"},
	"internal/exec":              {},
	"internal/exec/ref":          {"internal/exec"},
	"internal/exec/cpu":          {"internal/exec"},
	"internal/exec/gpu":          {"internal/exec"},
	"internal/exec/gpu/kernels":  {"internal/exec"},
	"internal/exec/gpu/library":  {},
	"internal/exec/gpu/opencl":   {"internal/exec/gpu", "internal/exec/gpu/kernels", "internal/exec/gpu/library"},
	"internal/exec/gpu/cuda":     {"internal/exec/gpu", "internal/exec/gpu/cuda/ptx", "internal/exec/gpu/library"},
	"internal/exec/gpu/cuda/ptx": {},
	"internal/exec/gpu/gputest":  {"internal/exec", "internal/exec/gpu", "internal/exec/gpu/kernels", "internal/exec/gpu/opencl", "internal/graph/conformance"},
	"internal/limits":            {},
	"internal/images":            {"internal/plainjson", "internal/batch", "internal/settings", "internal/arrowio", "internal/unpickle", "internal/durable", "internal/rng", "testdata"},
	"internal/arrowio":           {"internal/durable"},
	"internal/trials":            {"internal/arrowio", "internal/result", "internal/statistics"},
	"internal/statistics":        {},
	"internal/training":          {"internal/batch", "internal/exec", "internal/images", "internal/search", "internal/supernet"},
	"internal/work":              {"internal/durable"},
	"internal/provenance":        {},
	"internal/unpickle":          {},
	"internal/plainjson":         {},
	"internal/wordtest":          {},
	"internal/result":            {"internal/plainjson", "internal/durable"},
	"internal/safetensors":       {"internal/plainjson", "internal/durable"},
	"internal/rng":               {},
	"internal/durable":           {},
	"internal/download":          {"internal/durable"},
	"internal/queue":             {"internal/durable"},
	"internal/longtest":          {},
	"internal/onnx":              {},
	"internal/diagram":           {},
	"internal/diagram/picture":   {"internal/diagram", "internal/durable"},
	"testdata":                   {},

	"internal/exec/gpu/cuda/cudatest": {"internal/exec/gpu/gputest", "internal/exec/gpu/kernels", "internal/exec/gpu/opencl"},
}

// owners lists the third-party modules that only one package may import, or two.
var owners = map[string]string{
	"gorgonia.org/gorgonia":                 "internal/graph",
	"github.com/apache/arrow":               "internal/arrowio",
	"github.com/google/flatbuffers":         "internal/arrowio",
	"github.com/alecthomas/kong":            "cmd/idarts",
	"github.com/nlpodyssey/gopickle/pickle": "internal/unpickle",
	"github.com/klauspost/compress":         "internal/arrowio",
	"github.com/pierrec/lz4":                "internal/arrowio",
	"google.golang.org/protobuf":            "nb1b1, internal/onnx",
	"codeberg.org/go-pdf/fpdf":              "internal/diagram/picture",
	"github.com/nats-io":                    "internal/queue",
	"gonum.org/v1/plot/vg/vgimg":            "internal/diagram/picture",
	"gonum.org/v1/plot/vg/vgpdf":            "internal/diagram/picture",
	"gonum.org/v1/plot/vg/vgsvg":            "internal/diagram/picture",
}

type listed struct {
	ImportPath string
	Imports    []string
}

// violations are the imports that rooms and owners forbid, one line each.
func violations(packages []listed) []string {
	const module = "idarts/"
	var out []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := rooms[name]
		if !known {
			out = append(out, name+" has no row in the table of rooms")
			continue
		}
		for _, imported := range p.Imports {
			if target, own := strings.CutPrefix(imported, module); own {
				ok := slices.ContainsFunc(allowed, func(a string) bool {
					may, err := path.Match(a, target)
					return may && err == nil
				})
				if !ok {
					out = append(out, name+" imports "+target)
				}
			}
			for third, owner := range owners {
				if (imported == third || strings.HasPrefix(imported, third+"/")) && !slices.Contains(strings.Split(owner, ", "), name) {
					out = append(out, name+" imports "+imported+", which only "+owner+" may")
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestImportsRunDownwards(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	content, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(content)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages, want the whole module", len(packages))
	}
	for _, v := range violations(packages) {
		t.Error(v)
	}
}

func TestForbiddenImportsAreFound(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"internal/search", "idarts/internal/supernet", "internal/search imports internal/supernet"},
		{"reports", "idarts/runners", "reports imports runners"},
		{"runners", "idarts/reports", "runners imports reports"},
		{"internal/exec", "idarts/internal/exec/cpu", "internal/exec imports internal/exec/cpu"},
		{"runners", "idarts/internal/exec/cpu", "runners imports internal/exec/cpu"},
		{"nb201", "gorgonia.org/gorgonia", "nb201 imports gorgonia.org/gorgonia, which only internal/graph may"},
		{"reports", "github.com/apache/arrow/go/v15/arrow", "reports imports github.com/apache/arrow/go/v15/arrow, which only internal/arrowio may"},
		{"utils", "fmt", "utils has no row in the table of rooms"},
	} {
		got := violations([]listed{{ImportPath: "idarts/" + tt.from, Imports: []string{tt.to}}})
		if !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s -> %s gives %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}
