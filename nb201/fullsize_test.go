package nb201

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"idarts/internal/trials"
)

// TestFullSize imports an archive of the official size: a record for each of the
// 15,625 cells, made of the three official sample records with another number and
// text. It writes 1.3 GB to the folder that the environment variable names, unless
// they are there already, needs the command bzip2, and takes minutes:
//
//	NB201_FULL_SIZE=/tmp/nats go test ./nb201 -run TestFullSize -v -timeout 60m
//
// The import runs in a process of its own, so that its memory can be told.
func TestFullSize(t *testing.T) {
	const variable, inside = "NB201_FULL_SIZE", "NB201_FULL_SIZE_OUT"
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skip(variable + " names no folder")
	}
	if out := os.Getenv(inside); out != "" {
		calls := 0
		if err := ImportNATSBench(dir, out, func(done, total int) { calls++ }); err != nil {
			t.Fatal(err)
		}
		if calls != NumCells {
			t.Errorf("%d calls of progress, want %d", calls, NumCells)
		}
		t.Logf("peak of resident memory: %d kB", peakMemory(t))
		return
	}

	sample := shared(t, "nats-bench-sample")
	began := time.Now()
	synthesise(t, sample, dir)
	t.Logf("records are there after %.0f s", time.Since(began).Seconds())

	var first []byte
	for _, cores := range []int{runtime.NumCPU(), 1} {
		out := filepath.Join(t.TempDir(), "full.arrow")
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullSize$", "-test.v", "-test.timeout=60m")
		cmd.Env = append(os.Environ(), inside+"="+out, "GOMAXPROCS="+strconv.Itoa(cores))
		began = time.Now()
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		_, after, ok := strings.Cut(string(text), "peak of resident memory: ")
		var peak int
		if _, err := fmt.Sscan(after, &peak); err != nil || !ok {
			t.Fatalf("no peak in %q: %v", text, err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		took, cpu := time.Since(began), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
		t.Logf("%d cores: %.0f s, %.0f s of a core, peak %d MB resident; the table has %d bytes", cores, took.Seconds(), cpu.Seconds(), peak/1000, len(content))
		if peak >= 500_000 {
			t.Errorf("peak of resident memory is %d kB, want less than 500 MB", peak)
		}
		if first == nil {
			first = content
			checkFullSize(t, out)
		} else if !bytes.Equal(content, first) {
			t.Error("one core gives another table")
		}
	}
}

// checkFullSize compares all cells with the three that they were made of.
func checkFullSize(t *testing.T, path string) {
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	small, _ := imported(t)
	compared, missing := 0, 0
	cells := table.Cells()
	for _, key := range table.Keys() {
		for i, c := range cells {
			got, err := table.Query(c, key, trials.All)
			if err != nil {
				t.Fatal(err)
			}
			want, err := small.Query(cells[sampleOf(i)], key, trials.All)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Trials) != len(want.Trials) {
				t.Fatalf("#%d %s: %d trials, want %d", i, key, len(got.Trials), len(want.Trials))
			}
			for j, trial := range got.Trials {
				if seed := want.Trials[j].Seed; seed == 888 && otherSeed(i) {
					missing++
					if trial.Seed != 889 {
						t.Fatalf("#%d %s: seeds %v, want 889 in place of 888", i, key, got.Trials)
					}
				} else if trial.Seed != seed {
					t.Fatalf("#%d %s: seeds %v, want %v", i, key, got.Trials, want.Trials)
				}
				numbers := func(t trials.Trial) string { return fmt.Sprint(t.Accuracy, t.Loss, t.Seconds) } // NaN is NaN
				if numbers(trial) != numbers(want.Trials[j]) {
					t.Fatalf("#%d %s: %v, want %v", i, key, trial, want.Trials[j])
				}
				compared++
			}
		}
	}
	if missing == 0 || compared < 55*NumCells {
		t.Errorf("%d measurements compared, %d of another seed", compared, missing)
	}
	t.Logf("%d measurements compared; seed 888 is missing in %d", compared, missing)
}

// sampleOf is the record that record i is made of, and otherSeed says whether it
// has a seed 889 in place of 888: what one cell lacks another has.
func sampleOf(i int) int   { return []int{0, 11, 284}[i%3] }
func otherSeed(i int) bool { return i%5 == 0 }
func peakMemory(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not tell the peak of memory")
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kB int
	if _, err := fmt.Sscan(after, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}

// synthesise makes a folder of records. A record is four bz2 streams in a row, of
// which two have the cell's number and text and the others are the same for all.
func synthesise(t *testing.T, sample, dir string) {
	if _, err := os.Stat(filepath.Join(dir, "meta.pickle.pbz2")); err == nil {
		return // written last
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	order, _, err := readMeta(filepath.Join(sample, "meta.pickle.pbz2"))
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	type variant struct{ head, tail []byte } // compressed
	var variants [3][2]variant
	var open [3][2][2][]byte // texts around the number and the text
	for v := range variants {
		for other := range variants[v] {
			parts := template(t, filepath.Join(sample, recordName(sampleOf(v))), other == 1)
			open[v][other] = [2][]byte{parts[0], parts[1]}
			packed := compress(t, work, parts[2], parts[3])
			variants[v][other] = variant{packed[0], packed[1]}
		}
	}
	const batch = 500
	for from := 0; from < NumCells; from += batch {
		to := min(from+batch, NumCells)
		var small [][]byte
		for i := from; i < to; i++ {
			var number [3]byte
			number[0] = 'M'
			binary.LittleEndian.PutUint16(number[1:], uint16(i))
			text := order[i].String()
			other := 0
			if otherSeed(i) {
				other = 1
			}
			around := open[i%3][other]
			small = append(small,
				slicesOf(around[0], number[:], around[1], []byte{0x8c, byte(len(text))}, []byte(text)), number[:])
		}
		packed := compress(t, work, small...)
		for i := from; i < to; i++ {
			other := 0
			if otherSeed(i) {
				other = 1
			}
			v := variants[i%3][other]
			record := slicesOf(packed[2*(i-from)], v.head, packed[2*(i-from)+1], v.tail)
			if err := os.WriteFile(filepath.Join(dir, recordName(i)), record, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	meta, err := os.ReadFile(filepath.Join(sample, "meta.pickle.pbz2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "meta.pickle.pbz2"), meta, 0o644); err != nil {
		t.Fatal(err)
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// template cuts a record at the cell's number, its text, and its number again:
// 0 number 1 text 2 number 3. Frames, which only say how much to read at once, are
// left out, since their sizes would change. other replaces the seed 888 by 889.
func template(t *testing.T, path string, other bool) (parts [4][]byte) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(bzip2.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	behind := instructions(t, content)
	part, memo, arch := 0, 0, -1
	for at := 0; at < len(content); {
		next := behind[at]
		op, argument := content[at], content[at+1:next]
		follows := false // the number follows
		switch {
		case op == 0x95:
			at = next
			continue
		case op == 0x94:
			memo++
		case op == 0x8c && string(argument[1:]) == "arch_index":
			arch, follows = memo, true
		case op == 'h' && int(argument[0]) == arch:
			follows = true
		case op == 0x8c && bytes.HasPrefix(argument[1:], []byte("|")):
			parts[part], out, part = out, nil, part+1
			at = next
			continue
		case op == 'M' && other && binary.LittleEndian.Uint16(argument) == 888:
			out = append(out, 'M', 889&255, 889>>8)
			at = next
			continue
		}
		out = append(out, content[at:next]...)
		at = next
		if follows {
			if content[at] == 0x94 {
				memo++
				out = append(out, 0x94)
				at++
			}
			for content[at] == 0x95 {
				at += 9
			}
			at = behind[at]
			parts[part], out, part = out, nil, part+1
		}
	}
	if part != 3 {
		t.Fatalf("%s has %d places for the cell, want 3", path, part)
	}
	parts[3] = out
	return parts
}

// compress packs each text by the command bzip2.
func compress(t *testing.T, work string, texts ...[]byte) [][]byte {
	if _, err := exec.LookPath("bzip2"); err != nil {
		t.Skip("there is no command bzip2")
	}
	var names []string
	for i, text := range texts {
		name := filepath.Join(work, strconv.Itoa(i))
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if out, err := exec.Command("bzip2", append([]string{"-f"}, names...)...).CombinedOutput(); err != nil {
		t.Fatalf("bzip2: %v: %s", err, out)
	}
	var packed [][]byte
	for _, name := range names {
		content, err := os.ReadFile(name + ".bz2")
		if err != nil {
			t.Fatal(err)
		}
		packed = append(packed, content)
	}
	return packed
}
