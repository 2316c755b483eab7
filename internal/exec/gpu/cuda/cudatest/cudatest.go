// Package cudatest has a driver of NVIDIA's cards for tests on machines without one,
// testdata/fakecuda.c: it keeps the real one's rules and runs the kernels through
// OpenCL.
package cudatest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/gpu/kernels"
	"idarts/internal/exec/gpu/opencl"
)

//go:embed testdata/fakecuda.c
var program string

// elsewhere names a driver that a test has built for the processes that it starts.
const elsewhere = "IDARTS_TEST_FAKECUDA"

var folder string // of what is built

// Main is a package's TestMain: it takes away what was built.
func Main(m *testing.M) {
	code := m.Run()
	if folder != "" {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

var built = sync.OnceValues(func() (library string, err error) {
	if library := os.Getenv(elsewhere); library != "" {
		return library, nil
	}
	if found, err := opencl.List(); err != nil || len(found) == 0 {
		return "", fmt.Errorf("no OpenCL device: install pocl-opencl-icd (%v)", err)
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return "", err
	}
	if folder, err = os.MkdirTemp("", "fakecuda"); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "source.cl"), []byte(kernels.Source()), 0o644); err != nil {
		return "", err
	}
	library = filepath.Join(folder, "libcuda.so.1")
	cmd := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, "-x", "c", "-", "-x", "none", "-l:libOpenCL.so.1", "-lpthread")
	cmd.Stdin = strings.NewReader(program)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return library, nil
})

// Fake has IDARTS_CUDA name the driver during a test, with settings like "DEVICES=2"
// that stand in fakecuda.c, or skips. IDARTS_NEED_FAKECUDA makes a machine where it
// cannot be built fail. The package's TestMain must be [Main].
func Fake(t testing.TB, settings ...string) {
	t.Helper()
	library, err := built()
	if err != nil {
		if os.Getenv("IDARTS_NEED_FAKECUDA") != "" {
			t.Fatalf("no driver to test with, and IDARTS_NEED_FAKECUDA is set: %v", err)
		}
		t.Skipf("no driver to test with: want a C compiler and libOpenCL (%v)", err)
	}
	t.Setenv("IDARTS_CUDA", library)
	t.Setenv("FAKECUDA_SOURCE", filepath.Join(filepath.Dir(library), "source.cl"))
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv("FAKECUDA_"+name, value)
	}
}

// OtherBits is a file of kernels for the setting SOURCE, one of which rounds otherwise
// than those of all devices.
func OtherBits(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "other.cl")
	if err := os.WriteFile(file, []byte(gputest.OtherBits(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// Again starts a test of the running program in another process on the same driver,
// and returns its output.
func Again(test string) ([]byte, error) {
	library, err := built()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), elsewhere+"="+library)
	return cmd.CombinedOutput()
}

// InAgain says that this is a process that [Again] started.
func InAgain() bool { return os.Getenv(elsewhere) != "" }
