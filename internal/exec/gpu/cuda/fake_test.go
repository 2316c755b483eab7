package cuda

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/exec/gpu/library"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

// openFake opens a card of the driver for tests, which is closed in the end.
func openFake(t *testing.T, n int, o Options, settings ...string) *Driver {
	t.Helper()
	cudatest.Fake(t, settings...)
	d, err := Open(n, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// live is how much the driver for tests has out.
func live(t *testing.T) int {
	handle, err := library.Open(libraryName())
	if err != nil {
		t.Fatal(err)
	}
	at, err := handle.Address("fakecuda_live")
	if err != nil {
		t.Fatal(err)
	}
	r, _, _ := purego.SyscallN(at)
	return int(int32(r))
}

// The driver for tests finds what it is there to find.
func TestFakeFindsMisuse(t *testing.T) {
	d := openFake(t, 0, Options{})
	block, err := d.Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	at, words := uint64(block), 64
	fill := d.kernels["vec_fill"]
	wait := func() int32 { return d.call(d.streamWait, d.stream) }
	launch := func(function uintptr, groups, threads uintptr) int32 {
		d.launch.memory, d.launch.args = at, gpu.Args{0, uint32(words), 5}
		return d.call(d.launchKernel, function, groups, 1, 1, threads, 1, 1, 0, d.stream, uintptr(unsafe.Pointer(&d.launch.vector[0])), 0)
	}
	capturing := func(f func() int32) int32 {
		if code := d.beginCapture(d.stream, threadLocal); code != 0 {
			return -code
		}
		code := f()
		var graph uintptr
		if ended := d.endCapture(d.stream, &graph); ended != 901 {
			t.Errorf("after misuse the end of a capture gives %d, want 901", ended)
		}
		return code
	}
	staged := uintptr(d.staging.memory)
	var event uintptr
	for _, tt := range []struct {
		name string
		call func() int32
		want int32
	}{
		{"groups of another size", func() int32 { return launch(fill.function, 1, 64) }, 1},
		{"no groups", func() int32 { return launch(fill.function, 0, 256) }, 1},
		{"a kernel that is none", func() int32 { return launch(0, 1, 256) }, 400},
		{"a copy of memory of Go", func() int32 {
			words := make([]uint32, 4)
			return d.call(d.toDevice, uintptr(at), uintptr(unsafe.Pointer(&words[0])), 16, d.stream)
		}, 1},
		{"a copy beyond a block", func() int32 { return d.call(d.toDevice, uintptr(at+4), staged, 256, d.stream) }, 1},
		{"a copy from no block", func() int32 { return d.call(d.toHost, staged, uintptr(at-4096), 4, d.stream) }, 1},
		{"no memory", func() int32 { var x uint64; return d.memAlloc(&x, 0) }, 1},
		{"memory given back that is none", func() int32 { return d.memFree(at + 4) }, 1},
		{"memory of the host given back that is none", func() int32 { return d.hostFree(unsafe.Add(d.staging.memory, 4)) }, 1},
		{"memory in a capture", func() int32 { return capturing(func() int32 { var x uint64; return d.memAlloc(&x, 4) }) }, 900},
		{"a copy in a capture", func() int32 {
			return capturing(func() int32 { return d.call(d.toDevice, uintptr(at), staged, 4, d.stream) })
		}, 900},
		{"waiting in a capture", func() int32 { return capturing(wait) }, 900},
		{"a capture that keeps others waiting", func() int32 { return d.beginCapture(d.stream, 0) }, 1},
		{"an event that is gone", func() int32 {
			d.eventCreate(&event, 0)
			d.eventDestroy(event)
			return d.call(d.eventRecord, event, d.stream)
		}, 400},
		{"the time of what has not been waited for", func() int32 {
			var a, b uintptr
			var ms float32
			d.eventCreate(&a, 0)
			d.eventCreate(&b, 0)
			defer d.eventDestroy(a)
			defer d.eventDestroy(b)
			d.call(d.eventRecord, a, d.stream)
			d.call(d.eventRecord, b, d.stream)
			return d.eventElapsed(&ms, a, b)
		}, 600},
		{"a context that nobody opened", func() int32 { return d.call(d.setCurrent, 0xC1) }, 201},
		{"no context", func() (code int32) {
			d.call(d.setCurrent, 0)
			defer d.call(d.setCurrent, d.context)
			var x uint64
			return d.memAlloc(&x, 4)
		}, 201},
		{"a stream without a context", func() int32 {
			d.call(d.setCurrent, 0)
			defer d.call(d.setCurrent, d.context)
			return wait()
		}, 201},
		{"nothing wrong", func() int32 { return launch(fill.function, 1, 256) + wait() }, 0},
		// After these the card is lost.
		{"memory given back before a kernel has run", func() int32 {
			launch(fill.function, 1, 256)
			d.memFree(at)
			return wait()
		}, 700},
		{"anything after that", wait, 700},
	} {
		runtime.LockOSThread()
		d.call(d.setCurrent, d.context)
		if got := tt.call(); got != tt.want {
			t.Errorf("%s gives %d, want %d", tt.name, got, tt.want)
		}
		runtime.UnlockOSThread()
	}
	delete(d.blocks, block)
}

// New memory holds no zeros, and what is copied is read late.
func TestFakeIsLate(t *testing.T) {
	d := openFake(t, 0, Options{})
	block, _ := d.Alloc(4)
	got := make([]uint32, 4)
	if err := d.Read(block, 0, got); err != nil || got[0] == 0 {
		t.Errorf("new memory holds %x (%v)", got, err)
	}
	if err := d.Write(block, 0, []uint32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	for i := range d.staging.ring {
		d.staging.ring[i] = 9
	}
	if err := d.Read(block, 0, got); err != nil || got[0] != 9 {
		t.Errorf("memory that was written over on its way arrives as %d (%v)", got, err)
	}
}
