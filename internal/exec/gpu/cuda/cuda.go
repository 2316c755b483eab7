// Package cuda drives NVIDIA's cards through libcuda, which their driver brings: it is
// found when a card is opened, without cgo and without a toolkit. The kernels are those
// of all devices, compiled ahead (ptx).
package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/cuda/ptx"
)

// Found is a card that could be opened.
type Found struct {
	Name         string // with what it can do and its driver
	Memory       int64  // bytes
	id           int32
	major, minor int32
}

// Numbers of the driver's interface.
const (
	capabilityMajor = 75 // attributes of a device
	capabilityMinor = 76
	nonBlocking     = 1 // flags of streams: apart from the stream that has no name
	threadLocal     = 1 // modes of capture: others in this process do as they like
	withoutTiming   = 2 // flags of events
	errorLog        = 5 // options of a module
	errorLogBytes   = 6
)

// List finds all cards.
func List() ([]Found, error) {
	l, version, err := load()
	if errors.Is(err, status(noCard)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var count int32
	if err := check("looking for cards", l.deviceCount(&count)); err != nil {
		return nil, err
	}
	var out []Found
	for n := range count {
		f, name, memory := Found{}, make([]byte, 256), uintptr(0)
		for _, code := range []int32{
			l.deviceGet(&f.id, n), l.deviceName(&name[0], int32(len(name)), f.id), l.deviceMemory(&memory, f.id),
			l.deviceAttribute(&f.major, capabilityMajor, f.id), l.deviceAttribute(&f.minor, capabilityMinor, f.id),
		} {
			if err := check(fmt.Sprintf("asking about card %d", n), code); err != nil {
				return nil, err
			}
		}
		text, _, _ := bytes.Cut(name, []byte{0})
		f.Name = fmt.Sprintf("%s, compute capability %d.%d, driver of CUDA %s", text, f.major, f.minor, release(version))
		f.Memory = int64(memory)
		out = append(out, f)
	}
	return out, nil
}

// Fits says that the kernels are for this card.
func (f Found) Fits() bool { return 10*f.major+f.minor >= ptx.Card }

// Driver is one open card. Its memory and its kernels are in the context that all of a
// process share on a card; its stream is its own.
type Driver struct {
	*functions
	found           Found
	context         uintptr
	module, stream  uintptr
	kernels         map[string]*kernel
	names           []string
	staging         staging
	blocks          map[gpu.Block]bool
	sequences       map[*sequence]bool
	launch          *launch
	withoutGraphs   bool
	retained, ended bool
	lost            error // what a lost card said first
}

// kernel is a function of the module.
type kernel struct {
	function uintptr
	threads  int
	vectors  bool // its parameters are [gpu.Args], not a table and a row
}

// launch is the parameters of one launch, which the driver copies, and where they are.
// It is in the driver's memory.
type launch struct {
	memory, table uint64
	row           uint32
	args          gpu.Args
	program       [3]uintptr
	vector        [2]uintptr
}

func (p *launch) find() {
	memory, table, row := uintptr(unsafe.Pointer(&p.memory)), uintptr(unsafe.Pointer(&p.table)), uintptr(unsafe.Pointer(&p.row))
	p.program = [3]uintptr{memory, table, row}
	p.vector = [2]uintptr{memory, uintptr(unsafe.Pointer(&p.args))}
}

// Options are for tests.
type Options struct {
	Text          string // in place of the kernels'
	WithoutGraphs bool   // sequences start their kernels one by one
}

// Open opens card n of [List].
func Open(n int, o Options) (*Driver, error) {
	found, err := List()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("cuda: the driver is there, and no card; is one built in, and not hidden by CUDA_VISIBLE_DEVICES?")
	}
	if n < 0 || n >= len(found) {
		var names []string
		for i, f := range found {
			names = append(names, fmt.Sprintf("cuda:%d (%s)", i, f.Name))
		}
		return nil, fmt.Errorf("cuda: no card %d, want one of %s", n, strings.Join(names, ", "))
	}
	l, _, err := load()
	if err != nil {
		return nil, err
	}
	d := &Driver{functions: l, found: found[n], kernels: map[string]*kernel{}, blocks: map[gpu.Block]bool{},
		sequences: map[*sequence]bool{}, withoutGraphs: o.WithoutGraphs}
	if err := d.open(o); err != nil {
		d.Close()
		return nil, fmt.Errorf("%w (%s)", err, d.found.Name)
	}
	return d, nil
}

func (d *Driver) open(o Options) error {
	if !d.found.Fits() {
		return fmt.Errorf("cuda: %w", status(wrongCard))
	}
	text := o.Text
	if text == "" {
		var err error
		if text, err = ptx.Text(); err != nil {
			return fmt.Errorf("cuda: %w", err)
		}
	}
	entries, err := ptx.Entries(text)
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	if err := check("opening", d.contextRetain(&d.context, d.found.id)); err != nil {
		return err
	}
	d.retained = true
	return d.do(func() error {
		if err := d.load(text); err != nil {
			return err
		}
		for _, e := range entries {
			k := &kernel{threads: e.Threads}
			switch {
			case fmt.Sprint(e.Params) == "[8 48]":
				k.vectors = true
			case fmt.Sprint(e.Params) != "[8 8 4]":
				return fmt.Errorf("cuda: kernel %q takes parameters of %v bytes, want [8 48] or [8 8 4]", e.Name, e.Params)
			}
			name := append([]byte(e.Name), 0)
			if err := check("looking for kernel "+e.Name, d.moduleFunction(&k.function, d.module, &name[0])); err != nil {
				return err
			}
			d.kernels[e.Name] = k
			d.names = append(d.names, e.Name)
		}
		if err := check("making a stream", d.streamCreate(&d.stream, nonBlocking)); err != nil {
			return err
		}
		return d.staging.open(d)
	})
}

// load has the driver compile the kernels for the card; it keeps what it made on disk.
func (d *Driver) load(text string) error {
	log, source := make([]byte, 1<<13), append([]byte(text), 0)
	var pin runtime.Pinner
	pin.Pin(&log[0])
	defer pin.Unpin()
	options := []uint32{errorLog, errorLogBytes}
	values := []uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	err := check("taking the kernels", d.moduleLoad(&d.module, &source[0], uint32(len(options)), &options[0], &values[0]))
	if said, _, _ := bytes.Cut(log, []byte{0}); err != nil && len(said) > 0 {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(said))
	}
	return err
}

// do calls f on a thread of the system that has the card's context. A lost card is not
// asked again.
func (d *Driver) do(f func() error) error {
	if d.lost != nil {
		return d.lost
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := check("taking the context", d.call(d.setCurrent, d.context))
	if err == nil {
		err = f()
	}
	if isLost(err) {
		d.lost = err
	}
	return err
}

// Name implements [gpu.Driver].
func (d *Driver) Name() string { return d.found.Name }

// Memory implements [gpu.Driver].
func (d *Driver) Memory() (all, block int64) { return d.found.Memory, d.found.Memory }

// Kernels names all kernels.
func (d *Driver) Kernels() []string { return d.names }

// Alloc implements [gpu.Driver].
func (d *Driver) Alloc(words int) (b gpu.Block, err error) {
	err = d.do(func() error {
		var at uint64
		if err := check("memory", d.memAlloc(&at, 4*uintptr(words))); err != nil {
			return err
		}
		b = gpu.Block(at)
		d.blocks[b] = true
		return nil
	})
	return b, err
}

// Free implements [gpu.Driver].
func (d *Driver) Free(b gpu.Block) {
	if !d.blocks[b] {
		return
	}
	delete(d.blocks, b)
	d.do(func() error { // there is nothing to be done about an error: the next call has it again
		if err := d.wait(); err != nil {
			return err
		}
		return check("giving memory back", d.memFree(uint64(b)))
	})
}

// wait waits for the stream.
func (d *Driver) wait() error { return check("waiting", d.call(d.streamWait, d.stream)) }

// Write implements [gpu.Driver]. It copies, and waits only where much is on its way.
func (d *Driver) Write(b gpu.Block, at int, src []uint32) error {
	return d.do(func() error { return d.staging.write(d, uint64(b)+4*uint64(at), src) })
}

// Read implements [gpu.Driver].
func (d *Driver) Read(b gpu.Block, at int, dst []uint32) error {
	return d.do(func() error { return d.staging.read(d, uint64(b)+4*uint64(at), dst) })
}

// Sync implements [gpu.Driver].
func (d *Driver) Sync() error { return d.do(d.wait) }

// Close implements [gpu.Driver]. What others have on the card stays.
func (d *Driver) Close() {
	if d.ended {
		return
	}
	d.ended = true
	for s := range d.sequences {
		s.Close()
	}
	for b := range d.blocks {
		d.Free(b)
	}
	// A lost card is told as well: the driver has memory of the host to give back.
	d.lost = nil
	d.do(func() error {
		if d.stream != 0 {
			d.wait()
		}
		d.staging.close(d)
		if d.stream != 0 {
			d.streamDestroy(d.stream)
		}
		if d.module != 0 {
			d.moduleUnload(d.module)
		}
		return nil
	})
	if d.retained {
		d.contextRelease(d.found.id)
	}
}

func (d *Driver) kernel(l gpu.Launch, vectors bool) (*kernel, error) {
	k, ok := d.kernels[l.Kernel]
	switch {
	case !ok:
		return nil, fmt.Errorf("cuda: no kernel %q", l.Kernel)
	case k.vectors != vectors:
		return nil, fmt.Errorf("cuda: kernel %q takes other parameters", l.Kernel)
	case l.Groups < 1:
		return nil, fmt.Errorf("cuda: kernel %q in %d groups, want 1 or more", l.Kernel, l.Groups)
	}
	return k, nil
}

// start starts a kernel with what is in d.launch.
func (d *Driver) start(k *kernel, name string, groups int) error {
	first := &d.launch.program[0]
	if k.vectors {
		first = &d.launch.vector[0]
	}
	code := d.call(d.launchKernel, k.function, uintptr(groups), 1, 1, uintptr(k.threads), 1, 1, 0, d.stream, uintptr(unsafe.Pointer(first)), 0)
	if code != 0 {
		return check("starting kernel "+name, code)
	}
	return nil
}

// Run implements [gpu.Driver].
func (d *Driver) Run(memory gpu.Block, l gpu.Launch, a *gpu.Args) error {
	k, err := d.kernel(l, true)
	if err != nil {
		return err
	}
	return d.do(func() error {
		d.launch.memory, d.launch.args = uint64(memory), *a
		return d.start(k, l.Kernel, l.Groups)
	})
}
