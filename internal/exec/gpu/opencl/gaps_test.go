package opencl_test

import (
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/gpu/opencl"
)

// Writing behind a vector's end is found, and who has been overrun is said.
func TestCheckFindsOverruns(t *testing.T) {
	driver := gputest.OpenCL(t, opencl.Options{})
	last := &lastBlock{Driver: driver}
	d := gpu.New(last)
	t.Cleanup(d.Close)
	v := d.NewVec(40)
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	if err := driver.Write(last.block, 41, []uint32{7}); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err == nil || !strings.Contains(err.Error(), "word 1 behind the 40 words at 0") {
		t.Errorf("a write behind the vector's end gives %v", err)
	}
	v.Zero()
}

// lastBlock remembers the block that was made last.
type lastBlock struct {
	gpu.Driver
	block gpu.Block
}

func (l *lastBlock) Alloc(words int) (b gpu.Block, err error) {
	l.block, err = l.Driver.Alloc(words)
	return l.block, err
}

// Each of several devices on a card has its part of the memory.
func TestShares(t *testing.T) {
	small := &smallCard{gputest.OpenCL(t, opencl.Options{})}
	d := gpu.New(small)
	t.Cleanup(d.Close)
	d.Share(4)
	d.NewVec(1 << 20)
	err := func() (err error) {
		defer exec.Recover(&err)
		d.NewVec(3 << 20)
		return nil
	}()
	if err == nil || !strings.Contains(err.Error(), "each of 4 runs at a time has 12 of its 48 MB") {
		t.Errorf("16 MB on a quarter of 48 give %v", err)
	}
	alone := gpu.New(&smallCard{gputest.OpenCL(t, opencl.Options{})})
	t.Cleanup(alone.Close)
	alone.NewVec(3 << 20)
	err = func() (err error) {
		defer exec.Recover(&err)
		alone.NewVec(20 << 20)
		return nil
	}()
	if err == nil || !strings.Contains(err.Error(), "gives 48 of its 48 MB") {
		t.Errorf("80 MB on a card of 48 give %v", err)
	}
}

// smallCard says that it has 48 MB.
type smallCard struct{ *opencl.Driver }

func (smallCard) Memory() (all, block int64) { return 48 << 20, 48 << 20 }
