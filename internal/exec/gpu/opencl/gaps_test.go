package opencl

import (
	"strings"
	"testing"

	"idarts/internal/exec/gpu"
)

// Writing behind a vector's end is found, and who has been overrun is said.
func TestCheckFindsOverruns(t *testing.T) {
	driver := driver(t, Options{})
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
