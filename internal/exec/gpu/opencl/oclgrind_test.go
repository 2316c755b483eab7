package opencl_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/kernels"
	"idarts/internal/exec/gpu/opencl"
	"idarts/internal/longtest"
)

// Oclgrind interprets kernels and sees threads that read what others write without a
// barrier between them, and what lies outside of memory: not inside the one block, where
// gaps are for that.

// oclgrind is its library, or the test is skipped. IDARTS_NEED_OCLGRIND makes that a
// failure.
func oclgrind(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib*/oclgrind/liboclgrind-rt.so")
	more, _ := filepath.Glob("/usr/lib/*/oclgrind/liboclgrind-rt.so")
	if found = append(found, more...); len(found) > 0 {
		return found[0]
	}
	if os.Getenv("IDARTS_NEED_OCLGRIND") != "" {
		t.Fatal("no oclgrind, and IDARTS_NEED_OCLGRIND is set")
	}
	t.Skip("no oclgrind: install the package of that name")
	return ""
}

// child marks a process that a test has started to run in oclgrind: its value is the
// file with the source of the kernels.
const child = "IDARTS_OCLGRIND_SOURCE"

// watch runs the self-test's trials, or only some, with a source in
// another process. It returns what oclgrind reports and which trials gave other bits.
func watch(t *testing.T, source string, only ...string) (reports, others string) {
	t.Helper()
	library, dir := oclgrind(t), t.TempDir()
	file, log := filepath.Join(dir, "source.cl"), filepath.Join(dir, "log")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestInOclgrind$", "-test.v")
	cmd.Env = append(os.Environ(), child+"="+file, trialsOf+strings.Join(only, ";"), "IDARTS_OPENCL="+library,
		"OCLGRIND_DATA_RACES=1", "OCLGRIND_CHECK_API=1", "OCLGRIND_LOG="+log)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "trials ran") {
		t.Fatalf("no trial ran:\n%s", out)
	}
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(line, "other bits: "); ok {
			others += name
		}
	}
	return strings.TrimSpace(string(content)), others
}

const trialsOf = "IDARTS_OCLGRIND_TRIALS="

func trials() []string {
	names := os.Getenv(strings.TrimSuffix(trialsOf, "="))
	if names == "" {
		return nil
	}
	return strings.Split(names, ";")
}

// TestInOclgrind is what the other process does.
func TestInOclgrind(t *testing.T) {
	file := os.Getenv(child)
	if file == "" {
		t.Skip("for the test under oclgrind")
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := opencl.Open(0, opencl.Options{Source: string(source)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	begin := time.Now()
	tried, err := gpu.SelfTests(d, trials()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range tried {
		if !one.Same() {
			t.Logf("other bits: %s", one.Name)
		}
	}
	t.Logf("%d trials ran in %v on %s", len(tried), time.Since(begin), d.Name())
}

// Every kernel runs in oclgrind without a report, with the bits that PoCL has.
func TestUnderOclgrind(t *testing.T) {
	longtest.Needed(t)
	if testing.Short() {
		t.Skip("takes a minute")
	}
	reports, others := watch(t, kernels.Source())
	if reports != "" {
		t.Errorf("oclgrind reports:\n%.4000s", reports)
	}
	if others != "" {
		t.Errorf("other bits in oclgrind than on PoCL: %s", others)
	}
}

// barrierTrials are the trials that reach the barriers of a macro or kernel; all others
// are tried by everything.
var barrierTrials = map[string][]string{
	"TREE":                  {"sums over images"},
	"CONV_TILE":             {"conv-grad-input by tiles"},
	"conv_grad_weight_tile": {"conv-grad-weight by tiles of many pixels"},
	"TILE_SUM":              {"conv and batch norm by tiles"},
	"CHANNEL_PART":          {"batch norm of many pixels"},
	"bn_stats_parts":        {"batch norm of many pixels"},
	"op_bn_stats":           {"batch norm"},
	"op_bn_grad":            {"batch norm"},
	"op_tape":               {"tape"},
}

// Each barrier of the source is taken away in turn: oclgrind sees it, or the bits do.
func TestBarriersAreNeeded(t *testing.T) {
	if os.Getenv("IDARTS_BARRIERS") == "" {
		t.Skip("takes minutes: make barriers")
	}
	source := kernels.Source()
	opening := regexp.MustCompile(`(?m)^(?:#define (\w+)\(|KERNEL\(\d+\) (\w+)\()`)
	removed := 0
	for _, at := range regexp.MustCompile(`\b(?:GLOBAL_)?BARRIER\(\)`).FindAllStringIndex(source, -1) {
		line := source[strings.LastIndexByte(source[:at[0]], '\n')+1 : at[0]]
		if strings.HasPrefix(line, "#define ") {
			continue // what a barrier is
		}
		where := ""
		for _, m := range opening.FindAllStringSubmatch(source[:at[0]], -1) {
			where = m[1] + m[2]
		}
		removed++
		t.Run(fmt.Sprintf("%s %d", where, removed), func(t *testing.T) {
			begin := time.Now()
			reports, others := watch(t, source[:at[0]]+"(void)0"+source[at[1]:], barrierTrials[where]...)
			if reports == "" && others == "" {
				t.Error("nobody misses it")
			}
			t.Logf("%d reports, other bits: %q, %v", strings.Count(reports, "data race at"), others, time.Since(begin))
		})
	}
	if removed < 10 {
		t.Errorf("%d barriers in the source", removed)
	}
}
