package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/result"
	"idarts/reports"
)

// asProgram is the variable that makes the test binary the program itself.
const asProgram = "IDARTS_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	cudatest.Main(m)
}

// full is a disk without room after so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if len(p) > int(*f) {
		return 0, errors.New("no space left on device")
	}
	*f -= full(len(p))
	return len(p), nil
}

// printing has command lines of those commands that can be run at once.
var printing = []string{
	"--help", "--version", "run --help", "help", "help data verify", "version", "list", "list settings idarts",
	"query CELL --table good.arrow --protocol everything", "query CELL --table scores.arrow", "query DARTS_V2 --space darts",
	"figure cell CELL", "figure --out runs", "table --out runs", "table --out runs --timing --save", "table --out runs --format csv", "table --out runs --stats", "export --out runs", "export --out runs --format csv --to tidy", "paper --out runs --no-study",
	"status --out runs", "data list", "data verify good.arrow", "data verify fashion16", "data import nas-bench-101 RECORDS x.arrow",
	"run --methods random --seeds 0 --dry-run", "bench report",
	"launch slurm --seeds 0 --dry-run", "launch k8s --image i --claim c --dry-run",
}

// slow are the commands without such a line, and why.
var slow = map[string]string{
	"retrain": "trains", "tune": "searches for a while", "bench build": "trains", "bench study": "trains", "bench submit": "needs a queue",
	"data import nats-bench": "needs its records", "data fetch nb201": "needs a server", "data fetch nb301": "needs a server", "data fetch nas-bench-101": "needs a server", "data build fashion": "needs the images",
	"grid serve": "runs until it is stopped", "grid work": "needs a queue", "grid submit": "needs a queue", "grid status": "needs a queue",
	"data build genotypes": "needs the notes", "parity": "needs a fixture", "doctor": "computes for a while",
}

// Every command prints through the one writer: it has a line above or a reason, and
// only main knows where the process writes.
func TestAllCommandsPrintInOnePlace(t *testing.T) {
	for _, leaf := range newParser(console{out: io.Discard, err: io.Discard}).Model.Leaves(false) {
		name := strings.TrimPrefix(strings.Split(leaf.FullPath(), " <")[0], "idarts ")
		has := slices.ContainsFunc(printing, func(line string) bool {
			return strings.HasPrefix(strings.Replace(line, "figure --", "figure runs --", 1)+" ", name+" ")
		})
		if has == (slow[name] != "") {
			t.Errorf("%s: a command line: %v, a reason for none: %q; want one of them", name, has, slow[name])
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if path != "main.go" && !strings.HasSuffix(path, "_test.go") && bytes.Contains(content, []byte("os.Std")) {
			t.Errorf("%s writes past the console", path)
		}
	}
}

// Output that cannot be written is an error of the command, whether none of it or
// only the end is lost.
func TestOutputThatIsLostIsAnError(t *testing.T) {
	records, err := filepath.Abs("../../nb1b1/testdata/small.tfrecord")
	if err != nil {
		t.Fatal(err)
	}
	someFiles(t)
	madeUpRun(t, "runs")
	for _, line := range printing {
		var args []string
		for _, arg := range strings.Fields(line) {
			args = append(args, strings.NewReplacer("CELL", someCell, "RECORDS", records).Replace(arg))
		}
		var whole bytes.Buffer
		if status := execute(console{ctx: t.Context(), out: &whole, err: io.Discard}, args); status != 0 || whole.Len() == 0 {
			t.Errorf("%s: status %d and %d bytes with room, want output", line, status, whole.Len())
		}
		for _, room := range []full{0, full(whole.Len() - 1)} {
			var stderr bytes.Buffer
			status := execute(console{ctx: t.Context(), out: &room, err: &stderr}, args)
			text := stderr.String()
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n") // warnings, then the error
			if status != statusFailed || !strings.HasPrefix(lines[len(lines)-1], "idarts: ") || strings.Count(text, "no space left on device") != 1 {
				t.Errorf("%s: status %d, %q; want status 1 and the error of writing", line, status, text)
			}
		}
	}
}

// The program itself says so, too.
func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"version", "--help", "figure cell " + someCell, "data list"} {
		cmd := exec.CommandContext(t.Context(), program, strings.Fields(line)...)
		var stderr bytes.Buffer
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.TempDir(), append(os.Environ(), asProgram+"=1"), full, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != statusFailed || !strings.Contains(stderr.String(), "idarts: cannot write the output: write /dev/stdout: no space left on device") {
			t.Errorf("%s: %v, %q; want status 1 and why", line, err, stderr.String())
		}
	}
}

func TestLocale(t *testing.T) {
	for _, tt := range []struct {
		name, goos string
		env        map[string]string
		want       bool
	}{
		{"LANG", "linux", map[string]string{"LANG": "de_DE.UTF-8"}, true},
		{"another spelling", "linux", map[string]string{"LANG": "C.utf8"}, true},
		{"LC_CTYPE before LANG", "linux", map[string]string{"LC_CTYPE": "C", "LANG": "de_DE.UTF-8"}, false},
		{"LC_ALL before all", "linux", map[string]string{"LC_ALL": "en_US.UTF-8", "LC_CTYPE": "C"}, true},
		{"an empty one is not set", "linux", map[string]string{"LC_ALL": "", "LANG": "en_US.UTF-8"}, true},
		{"Latin 1", "linux", map[string]string{"LANG": "de_DE.ISO-8859-1"}, false},
		{"none is POSIX's", "linux", nil, false},
		{"Windows has no locale", "windows", nil, true},
	} {
		if got := utf8Locale(tt.goos, func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for text, want := range map[string]int{"": 0, "80": 80, "-5": 0, "wide": 0} {
		if got := columnsOf(func(string) string { return text }); got != want {
			t.Errorf("COLUMNS=%q is %d, want %d", text, got, want)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if s := screenOf(file, os.Getenv); s.terminal || s.ascii || s.width != nil {
		t.Errorf("a file that is no terminal is %+v", s)
	}
}

// What --save writes is the same on every terminal; what is shown keeps to it.
func TestSavedTablesKnowNoTerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	madeUpRun(t, "runs")
	saved := func(c console) (shown string, files map[string]string) {
		t.Helper()
		var out bytes.Buffer
		c.ctx, c.out, c.err = t.Context(), &out, io.Discard
		if status := execute(c, []string{"table", "--out", "runs", "--save"}); status != 0 {
			t.Fatalf("status %d", status)
		}
		files = map[string]string{}
		for _, kind := range []string{"table", "timing"} {
			for _, format := range tableFormats {
				content, err := os.ReadFile(filepath.Join("runs", kind+format.suffix))
				if err != nil {
					t.Fatal(err)
				}
				files[kind+format.suffix] = string(content)
			}
		}
		return out.String(), files
	}
	plain, want := saved(console{})
	if plain != want["table.txt"] {
		t.Errorf("a pipe gets\n%swhich is not the file's\n%s", plain, want["table.txt"])
	}
	for _, tt := range []struct {
		name  string
		c     console
		width int
		ascii bool
	}{
		{"a narrow terminal", console{outScreen: screen{terminal: true, width: func() int { return 60 }}}, 60, false},
		{"COLUMNS before the terminal", console{columns: 50, outScreen: screen{terminal: true, width: func() int { return 200 }}}, 50, false},
		{"no UTF-8", console{outScreen: screen{terminal: true, ascii: true, width: func() int { return 80 }}}, 80, true},
	} {
		shown, files := saved(tt.c)
		for name := range want {
			if files[name] != want[name] {
				t.Errorf("%s: %s differs:\n%s", tt.name, name, files[name])
			}
		}
		for line := range strings.Lines(shown) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > tt.width {
				t.Errorf("%s: a line of %d columns: %s", tt.name, n, line)
			}
		}
		if isASCII := strings.IndexFunc(shown, func(r rune) bool { return r > 127 }) < 0; isASCII != tt.ascii {
			t.Errorf("%s: ASCII is %v in\n%s", tt.name, isASCII, shown)
		}
	}
	var out bytes.Buffer
	execute(console{ctx: t.Context(), out: &out, err: io.Discard, outScreen: screen{ascii: true}}, []string{"query", "LambdaDARTS", "--space", "darts"})
	if text := out.String(); text != reports.ASCII(text) {
		t.Errorf("other commands print %q", text)
	}
}

// madeUpRun writes two finished runs into a folder.
func madeUpRun(t *testing.T, root string) {
	t.Helper()
	for seed := range uint64(2) {
		cell := result.Cell{Space: "nb201", Dataset: "cifar10", Method: "idarts", Protocol: "paper", Seed: seed}
		writeRun(t, root, cell)
	}
}
