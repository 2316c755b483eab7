package cuda

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/exec/gpu/cuda/ptx"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/gpu/opencl"
	"idarts/internal/graph/conformance"
	"idarts/internal/longtest"
)

// All programs give the bits that they give through OpenCL, as graphs or kernel by
// kernel.
func TestConformance(t *testing.T) {
	longtest.Needed(t) // the package opencl goes through the same programs every day
	graphs := gpu.New(openFake(t, 0, Options{}))
	driver, err := opencl.Open(0, opencl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other := gpu.New(driver)
	defer other.Close()
	want := gputest.Conformance(t, other)
	if got := gputest.Conformance(t, graphs); got != want {
		t.Errorf("the bits are %s, and through OpenCL %s", got, want)
	}
	if got := gputest.Conformance(t, gpu.New(openFake(t, 0, Options{WithoutGraphs: true}))); got != want {
		t.Errorf("without graphs the bits are %s, want %s", got, want)
	}
}

func TestSelfTest(t *testing.T) {
	if err := gpu.SelfTest(openFake(t, 0, Options{})); err != nil {
		t.Error(err)
	}
}

// What goes wrong when a card is opened is said in words.
func TestOpenFails(t *testing.T) {
	text, err := ptx.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		settings string
		n        int
		text     string
		want     []string
	}{
		{name: "no card", settings: "DEVICES=0", want: []string{"cuda: the driver is there, and no card", "CUDA_VISIBLE_DEVICES"}},
		{name: "card 1 of one", n: 1, want: []string{"cuda: no card 1, want one of cuda:0 (no card 0 ", "compute capability 9.0, driver of CUDA 12.4"}},
		{name: "card 2 of two", settings: "DEVICES=2", n: 2, want: []string{"no card 2", "cuda:0 (", "cuda:1 ("}},
		{name: "card -1", n: -1, want: []string{"no card -1"}},
		{name: "an old driver", settings: "VERSION=11020", want: []string{"driver is too old", "11.4 or newer", "this one is of CUDA 11.2"}},
		{name: "an old card", settings: "CAPABILITY=75", want: []string{"must have compute capability 8.0 or more", "no card 0", "capability 7.5"}},
		{name: "two versions of the driver", settings: "INIT=803", want: []string{"restart the machine (error 803)"}},
		{name: "an error without words", settings: "INIT=12345", want: []string{"cuda: starting the driver: error 12345"}},
		{name: "a card that is lost", settings: "LOSE_AFTER=0", want: []string{"the card is lost", "(error 719)"}},
		{name: "kernels that the driver does not take", text: strings.Replace(text, ".address_size 64", "", 1), want: []string{"does not take the kernels", "no .version, .target or .address_size"}},
		{name: "no kernels", text: "\n", want: []string{"no kernels in 1 bytes"}},
		{name: "a kernel that is not in the source", text: strings.ReplaceAll(text, "vec_axpy", "vec_axpx"), want: []string{"looking for kernel vec_axpx", "error 500"}},
		{name: "a kernel with other parameters", text: strings.Replace(text, "vec_fill_param_1[48]", "vec_fill_param_1[44]", 1), want: []string{`kernel "vec_fill" takes parameters of [8 44] bytes`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cudatest.Fake(t, strings.Fields(tt.settings)...)
			d, err := Open(tt.n, Options{Text: tt.text})
			if err == nil {
				d.Close()
				t.Fatalf("opened, want an error with %q", tt.want)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q, want one with %q", err, w)
				}
			}
			if n := live(t); n != 0 {
				t.Errorf("%d things have not been given back", n)
			}
		})
	}
}

func TestLibrariesThatAreNone(t *testing.T) {
	t.Setenv("IDARTS_CUDA", "/no/such/library.so")
	if _, err := Open(0, Options{}); err == nil || !strings.Contains(err.Error(), "cuda: no driver: /no/such/library.so") {
		t.Errorf("without a library: %v", err)
	}
	if _, err := opencl.List(); err != nil {
		t.Skipf("no other library to take for it: %v", err)
	}
	t.Setenv("IDARTS_CUDA", "libOpenCL.so.1")
	if _, err := List(); err == nil || !strings.Contains(err.Error(), "libOpenCL.so.1: the driver is too old") {
		t.Errorf("with a library of something else: %v", err)
	}
}

func TestList(t *testing.T) {
	cudatest.Fake(t, "DEVICES=2", "MEMORY=1000000")
	found, err := List()
	if err != nil || len(found) != 2 || found[0].Name == found[1].Name || found[1].Memory != 1000000 {
		t.Errorf("found %+v (%v)", found, err)
	}
	t.Setenv("FAKECUDA_DEVICES", "0")
	if found, err := List(); len(found) != 0 || err != nil {
		t.Errorf("without a card: %v, %v", found, err)
	}
}

// The second card is another one: what is on the first does not count there.
func TestSecondCard(t *testing.T) {
	a := openFake(t, 0, Options{}, "DEVICES=2", "MEMORY=30000000")
	b := openFake(t, 1, Options{}, "DEVICES=2", "MEMORY=30000000")
	for _, d := range []*Driver{a, b} {
		if _, err := d.Alloc(5 << 20); err != nil {
			t.Errorf("%s: %v", d.Name(), err)
		}
	}
	if _, err := a.Alloc(5 << 20); err == nil {
		t.Error("the first card has more memory than it has")
	}
}

func TestOutOfMemory(t *testing.T) {
	driver := openFake(t, 0, Options{}, "MEMORY=8000000")
	if _, err := driver.Alloc(3 << 20); err == nil || !strings.Contains(err.Error(), "cuda: memory: no memory for it on the card (error 2)") {
		t.Errorf("error %v", err)
	}
	if _, err := driver.Alloc(1 << 20); err != nil { // what somebody else has
		t.Fatal(err)
	}
	err := func() (err error) {
		defer exec.Recover(&err)
		gpu.New(driver).NewVec(1 << 20)
		return nil
	}()
	if err == nil || !strings.Contains(err.Error(), "no memory for 4 MB (cuda: memory: no memory for it on the card (error 2))") {
		t.Errorf("a device says %v", err)
	}
}

// A card can be lost at any call. Then all says so, nothing hangs, and once nobody has
// it any more it can be opened again.
func TestLostCard(t *testing.T) {
	c := conformance.Cases()[0]
	p, err := c.Lower(gpu.Target)
	if err != nil {
		t.Fatal(err)
	}
	reached := false
	for after := 1; after < 1000 && !reached; after += 1 + after/7 {
		cudatest.Fake(t, fmt.Sprint("LOSE_AFTER=", after), "LOSE_CODE=700")
		err := func() error {
			driver, err := Open(0, Options{})
			if err != nil {
				return err
			}
			defer driver.Close()
			_, err = p.On(gpu.New(driver))
			if err != nil {
				if again := driver.Sync(); again == nil || again.Error() != driver.lost.Error() {
					t.Errorf("after %d calls: %v, then %v", after, err, again)
				}
			}
			return err
		}()
		var code status
		switch {
		case err == nil:
			reached = true
		case !errors.As(err, &code) || code != 700 || !strings.Contains(err.Error(), "the card is lost: a kernel touched memory that is not there (error 700)"):
			t.Fatalf("after %d calls: %v", after, err)
		}
	}
	if !reached {
		t.Error("no run got through")
	}
	cudatest.Fake(t, "LOSE_AFTER=-1")
	driver, err := Open(0, Options{})
	if err != nil {
		t.Fatalf("again: %v", err)
	}
	defer driver.Close()
	if _, err := p.On(gpu.New(driver)); err != nil {
		t.Errorf("again: %v", err)
	}
}

// What Close has to give back is all that was taken, in use or not.
func TestCloseGivesAllBack(t *testing.T) {
	cudatest.Fake(t)
	before := live(t)
	driver, err := Open(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := gpu.New(driver)
	for _, c := range conformance.Cases()[:5] {
		p, err := c.Lower(gpu.Target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.On(d); err != nil {
			t.Fatal(err)
		}
	}
	if live(t) < before+10 {
		t.Errorf("%d things are out, so that this test says nothing", live(t)-before)
	}
	d.Close()
	d.Close()
	if n := live(t); n != before {
		t.Errorf("%d things have not been given back", n-before)
	}
}

// The caller has src back at once, however much is on its way, and places are exact.
func TestWritesAreCopied(t *testing.T) {
	d := openFake(t, 0, Options{})
	const n = 2*ringWords + 17
	block, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	want, at := make([]uint32, n), 0
	src := make([]uint32, n)
	for i := 0; at < n; i++ { // small ones, more than there are events for, then large ones
		size := min(n-at, 1+i%7)
		if i > 3*mostFlights {
			size = min(n-at, largest/2+i)
		}
		for k := range size {
			src[k] = uint32(i*1000003 + k)
		}
		copy(want[at:], src[:size])
		if err := d.Write(block, at, src[:size]); err != nil {
			t.Fatal(err)
		}
		clear(src[:size])
		at += size
	}
	got := make([]uint32, n)
	if err := d.Read(block, 0, got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("what is read is not what was written")
	}
	if err := d.Write(block, 0, want[:largest+9]); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(block, 5, nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if err := d.Read(block, largest, got[:20]); err != nil || !slices.Equal(got[:20], want[largest:largest+20]) {
		t.Errorf("read %d (%v), want %d", got[:20], err, want[largest:largest+20])
	}
}

// moved is a sequence of bn_average that sets words 0 and 1 of its memory to words 2
// and 3.
func moved(t *testing.T, d *Driver) gpu.Sequence {
	t.Helper()
	table, err := d.Alloc(6)
	if err != nil {
		t.Fatal(err)
	}
	one := math.Float32bits(1)
	if err := d.Write(table, 0, []uint32{1, 0, 2, 0, one, one}); err != nil {
		t.Fatal(err)
	}
	s, err := d.Load(table, []gpu.Launch{{Kernel: "bn_average", Groups: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A graph is for one block of memory, and made again for another one.
func TestSequenceOnTwoBlocks(t *testing.T) {
	for _, o := range []Options{{}, {WithoutGraphs: true}} {
		d := openFake(t, 0, o)
		s := moved(t, d)
		var blocks [2]gpu.Block
		for i := range blocks {
			blocks[i], _ = d.Alloc(4)
		}
		for round := range 3 {
			for i, b := range blocks {
				x := []uint32{0, 0, uint32(math.Float32bits(float32(round))), uint32(math.Float32bits(float32(i)))}
				if err := d.Write(b, 0, x); err != nil {
					t.Fatal(err)
				}
				if err := s.Run(b); err != nil {
					t.Fatal(err)
				}
				got := make([]uint32, 4)
				if err := d.Read(b, 0, got); err != nil || got[0] != x[2] || got[1] != x[3] {
					t.Errorf("round %d, block %d: %v (%v), want %v twice", round, i, got, err, x[2:])
				}
			}
		}
		times, err := s.Profile(blocks[0])
		if err != nil || len(times) != 1 || times[0] <= 0 {
			t.Errorf("times %v (%v)", times, err)
		}
		s.Close()
		s.Close()
	}
}

// What is given back may still be at work: that is waited for.
func TestGivingBackWaits(t *testing.T) {
	d := openFake(t, 0, Options{})
	one, _ := d.Alloc(4)
	other, _ := d.Alloc(4)
	for _, tt := range []struct {
		name string
		give func(s gpu.Sequence)
	}{
		{"a sequence that is closed", func(s gpu.Sequence) { s.Close() }},
		{"a graph that is made again", func(s gpu.Sequence) {
			if err := s.Run(other); err != nil {
				t.Error(err)
			}
		}},
		{"memory", func(gpu.Sequence) { d.Free(one) }},
	} {
		s := moved(t, d)
		if err := s.Run(one); err != nil {
			t.Fatal(err)
		}
		tt.give(s)
		if err := d.Sync(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
	}
}

// A failure while launches are recorded ends the recording: the stream works on.
func TestFailedRecording(t *testing.T) {
	d := openFake(t, 0, Options{})
	s := moved(t, d).(*sequence)
	s.kernels[0] = &kernel{function: s.kernels[0].function, threads: 32} // not what the text says
	block, _ := d.Alloc(4)
	if err := s.Run(block); err == nil || !strings.Contains(err.Error(), "cuda: starting kernel bn_average: a value that is not allowed (error 1)") {
		t.Errorf("error %v", err)
	}
	if err := d.Write(block, 0, make([]uint32, 4)); err != nil {
		t.Error(err)
	}
	if err := moved(t, d).Run(block); err != nil {
		t.Error(err)
	}
	if err := d.Sync(); err != nil {
		t.Error(err)
	}
}

func TestKernelsThatAreNone(t *testing.T) {
	d := openFake(t, 0, Options{})
	for _, tt := range []struct {
		launch gpu.Launch
		want   string
	}{
		{gpu.Launch{Kernel: "op_what", Groups: 1}, `cuda: no kernel "op_what"`},
		{gpu.Launch{Kernel: "vec_fill", Groups: 1}, `cuda: kernel "vec_fill" takes other parameters`},
		{gpu.Launch{Kernel: "op_add", Groups: 0}, `cuda: kernel "op_add" in 0 groups, want 1 or more`},
	} {
		if _, err := d.Load(0, []gpu.Launch{tt.launch}); err == nil || err.Error() != tt.want {
			t.Errorf("%v: error %v, want %s", tt.launch, err, tt.want)
		}
	}
	if err := d.Run(0, gpu.Launch{Kernel: "op_add", Groups: 1}, &gpu.Args{}); err == nil || !strings.Contains(err.Error(), "other parameters") {
		t.Errorf("a kernel of programs on vectors: %v", err)
	}
}

// some runs a few cases and returns their results.
func some(d exec.Device) (string, error) {
	var b strings.Builder
	for i, c := range conformance.Cases() {
		if i%20 != 0 {
			continue
		}
		p, err := c.Lower(gpu.Target)
		if err != nil {
			return "", err
		}
		out, err := p.On(d)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.Name, err)
		}
		fmt.Fprintln(&b, out[exec.Loss], out[exec.WeightGrad], out[exec.HessianVec])
	}
	return b.String(), nil
}

// Several searches share a card: each has a driver of its own, on whatever thread.
func TestSeveralOnOneCard(t *testing.T) {
	cudatest.Fake(t)
	var results [3]string
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() {
			driver, err := Open(0, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			d := gpu.New(driver)
			defer d.Close()
			if results[i], err = some(d); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if results[0] == "" || results[1] != results[0] || results[2] != results[0] {
		t.Error("they do not agree")
	}
}

// Two processes share a card as well.
func TestTwoProcesses(t *testing.T) {
	if cudatest.InAgain() {
		cudatest.Fake(t)
		driver, err := Open(0, Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := gpu.New(driver)
		defer d.Close()
		out, err := some(d)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("RESULT %q\n", out)
		return
	}
	cudatest.Fake(t)
	var results [2]string
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() {
			out, err := cudatest.Again("TestTwoProcesses")
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if r, ok := strings.CutPrefix(line, "RESULT "); ok {
					results[i] = r
				}
			}
		})
	}
	wait.Wait()
	if results[0] == "" || results[0] != results[1] {
		t.Error("they do not agree")
	}
}
