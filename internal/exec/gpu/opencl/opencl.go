// Package opencl drives devices through libOpenCL, which card drivers and PoCL bring:
// it is found when a device is opened, without cgo.
package opencl

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/kernels"
)

// Found is a device that could be opened.
type Found struct {
	Name            string // with its driver
	Kind            string // "gpu", "cpu", "accelerator"
	id              uintptr
	memory, largest int64
}

// Numbers of the standard.
const (
	allDevices    = 0xFFFFFFFF
	deviceType    = 0x1000
	maxAlloc      = 0x1010
	globalMemory  = 0x101F
	deviceName    = 0x102B
	driverVersion = 0x102D
	deviceVersion = 0x102F
	available     = 0x1027
	buildLog      = 0x1183
	functionName  = 0x1190
	mostThreads   = 0x11B0
	groupSize     = 0x11B1
	readWrite     = 1
	noPlatform    = -1001
)

// List finds all devices, those that are graphics cards first.
func List() ([]Found, error) {
	l, err := load()
	if err != nil {
		return nil, err
	}
	var count uint32
	switch code := l.getPlatformIDs(0, nil, &count); {
	case code == noPlatform || code == 0 && count == 0:
		return nil, nil
	case code != 0:
		return nil, check("looking for drivers", code)
	}
	platforms := make([]uintptr, count)
	if err := check("looking for drivers", l.getPlatformIDs(count, &platforms[0], nil)); err != nil {
		return nil, err
	}
	var cards, others []Found
	for _, p := range platforms {
		if l.getDeviceIDs(p, allDevices, 0, nil, &count) != 0 || count == 0 {
			continue // a driver without a device
		}
		ids := make([]uintptr, count)
		if err := check("looking for devices", l.getDeviceIDs(p, allDevices, count, &ids[0], nil)); err != nil {
			return nil, err
		}
		for _, id := range ids {
			f := Found{id: id, Name: l.text(id, deviceName) + ", " + l.text(id, deviceVersion) + ", driver " + l.text(id, driverVersion),
				memory: int64(l.number(id, globalMemory)), largest: int64(l.number(id, maxAlloc))}
			switch kind := l.number(id, deviceType); {
			case kind&4 != 0:
				f.Kind = "gpu"
				cards = append(cards, f)
				continue
			case kind&2 != 0:
				f.Kind = "cpu"
			default:
				f.Kind = "accelerator"
			}
			others = append(others, f)
		}
	}
	return append(cards, others...), nil
}

func (l *functions) text(device uintptr, what uint32) string {
	buf, n := make([]byte, 1024), uintptr(0)
	if l.getDeviceInfo(device, what, uintptr(len(buf)), unsafe.Pointer(&buf[0]), &n) != 0 {
		return "?"
	}
	return strings.TrimSpace(strings.TrimRight(string(buf[:n]), "\x00"))
}

func (l *functions) number(device uintptr, what uint32) (x uint64) {
	l.getDeviceInfo(device, what, 8, unsafe.Pointer(&x), nil)
	return x
}

// Driver is one open device.
type Driver struct {
	*functions
	found                   Found
	context, queue, program uintptr
	kernels                 map[string]*kernel
	staged                  []staged // writes on their way
}

// unclosed are the drivers that nobody has closed. Who forgets one must not end the program,
// as the collector would when it finds memory that a write still reads.
var unclosed sync.Map

// kernel is a kernel with the arguments that it has now.
type kernel struct {
	object        uintptr
	threads       int
	memory, table uintptr
}

// Options are for tests.
type Options struct {
	Source string // in place of the kernels'
}

// Open opens device n of [List].
func Open(n int, o Options) (*Driver, error) {
	found, err := List()
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(found) {
		var names []string
		for i, f := range found {
			names = append(names, fmt.Sprintf("opencl:%d (%s)", i, f.Name))
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("opencl: the library is there, and no device; install the card's driver, or pocl-opencl-icd to compute on the processor")
		}
		return nil, fmt.Errorf("opencl: no device %d, want one of %s", n, strings.Join(names, ", "))
	}
	l, _ := load()
	d := &Driver{functions: l, found: found[n], kernels: map[string]*kernel{}}
	unclosed.Store(d, true)
	if err := d.open(o); err != nil {
		d.Close()
		return nil, fmt.Errorf("%w (%s)", err, d.found.Name)
	}
	return d, nil
}

func (d *Driver) open(o Options) error {
	if d.number(d.found.id, available)&1 == 0 {
		return fmt.Errorf("opencl: the device is not available")
	}
	var code int32
	d.context = d.createContext(nil, 1, &d.found.id, 0, 0, &code)
	if err := check("opening", code); err != nil {
		return err
	}
	d.queue = d.createCommandQueue(d.context, d.found.id, 0, &code)
	if err := check("making a queue", code); err != nil {
		return err
	}
	source := o.Source
	if source == "" {
		source = kernels.Source()
	}
	text, size := append([]byte(source), 0), uintptr(len(source))
	first := &text[0]
	var pin runtime.Pinner
	pin.Pin(first)
	defer pin.Unpin()
	d.program = d.createProgramWithSource(d.context, 1, &first, &size, &code)
	if err := check("taking the kernels", code); err != nil {
		return err
	}
	options := append([]byte("-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt"), 0)
	if code := d.buildProgram(d.program, 1, &d.found.id, &options[0], 0, 0); code != 0 {
		log, n := make([]byte, 1<<16), uintptr(0)
		d.getProgramBuildInfo(d.program, d.found.id, buildLog, uintptr(len(log)), unsafe.Pointer(&log[0]), &n)
		return fmt.Errorf("opencl: compiling the kernels: %w: %s", status(code), firstError(string(log[:min(int(n), len(log))])))
	}
	return d.find()
}

// firstError is the line of a compiler's that says what is wrong, the first one where
// none does.
func firstError(log string) string {
	lines := strings.Split(strings.Trim(log, "\x00\n\t "), "\n")
	for _, line := range lines {
		if strings.Contains(line, "error") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[0])
}

// find makes an object of each kernel.
func (d *Driver) find() error {
	var count uint32
	if err := check("looking for kernels", d.createKernelsInProgram(d.program, 0, nil, &count)); err != nil {
		return err
	}
	objects := make([]uintptr, count)
	if err := check("looking for kernels", d.createKernelsInProgram(d.program, count, &objects[0], nil)); err != nil {
		return err
	}
	for _, object := range objects {
		name, n := make([]byte, 256), uintptr(0)
		if err := check("asking a kernel's name", d.getKernelInfo(object, functionName, uintptr(len(name)), unsafe.Pointer(&name[0]), &n)); err != nil {
			return err
		}
		var size [3]uintptr
		if err := check("asking a kernel's groups", d.getKernelWorkGroupInfo(object, d.found.id, groupSize, unsafe.Sizeof(size), unsafe.Pointer(&size[0]), nil)); err != nil {
			return err
		}
		k := &kernel{object: object, threads: int(size[0])}
		d.kernels[strings.TrimRight(string(name[:n]), "\x00")] = k
		var most uintptr
		if err := check("asking a kernel's groups", d.getKernelWorkGroupInfo(object, d.found.id, mostThreads, unsafe.Sizeof(most), unsafe.Pointer(&most), nil)); err != nil {
			return err
		}
		if int(most) < k.threads {
			return fmt.Errorf("opencl: kernel %s wants %d threads in a group, and the device has no more than %d", name[:n-1], k.threads, most)
		}
	}
	return nil
}

// Name implements [gpu.Driver].
func (d *Driver) Name() string { return d.found.Name }

// Memory implements [gpu.Driver].
func (d *Driver) Memory() (all, block int64) { return d.found.memory, d.found.largest }

// Kernels names all kernels.
func (d *Driver) Kernels() (names []string) {
	for name := range d.kernels {
		names = append(names, name)
	}
	return names
}

// Alloc implements [gpu.Driver].
func (d *Driver) Alloc(words int) (gpu.Block, error) {
	var code int32
	b := d.createBuffer(d.context, readWrite, 4*uintptr(words), nil, &code)
	return gpu.Block(b), check("memory", code)
}

// Free implements [gpu.Driver].
func (d *Driver) Free(b gpu.Block) {
	d.finish(d.queue)
	d.releaseMemObject(uintptr(b))
	for _, k := range d.kernels { // the next block may get the same name
		if k.memory == uintptr(b) {
			k.memory = 0
		}
		if k.table == uintptr(b) {
			k.table = 0
		}
	}
}

// staged is what a write on its way reads, out of the collector's reach.
type staged struct {
	words []uint32
	pin   *runtime.Pinner
	event uintptr
}

// Write implements [gpu.Driver]. It copies and does not wait.
func (d *Driver) Write(b gpu.Block, at int, src []uint32) error {
	if len(src) == 0 {
		return nil
	}
	const most = 8
	if len(d.staged) == most {
		if err := d.landed(); err != nil {
			return err
		}
	}
	s := staged{words: append([]uint32(nil), src...), pin: new(runtime.Pinner)}
	s.pin.Pin(&s.words[0])
	code := d.enqueueWriteBuffer(d.queue, uintptr(b), 0, 4*uintptr(at), 4*uintptr(len(src)), unsafe.Pointer(&s.words[0]), 0, nil, &s.event)
	if err := check("writing", code); err != nil {
		s.pin.Unpin()
		return err
	}
	d.staged = append(d.staged, s)
	return nil
}

// landed waits for the oldest write.
func (d *Driver) landed() error {
	s := d.staged[0]
	d.staged = append(d.staged[:0], d.staged[1:]...)
	defer s.pin.Unpin()
	code := d.waitForEvents(1, &s.event)
	d.releaseEvent(s.event)
	return check("writing", code)
}

// Read implements [gpu.Driver].
func (d *Driver) Read(b gpu.Block, at int, dst []uint32) error {
	if len(dst) == 0 {
		return nil
	}
	return check("reading", d.enqueueReadBuffer(d.queue, uintptr(b), 1, 4*uintptr(at), 4*uintptr(len(dst)), unsafe.Pointer(&dst[0]), 0, nil, nil))
}

// Sync implements [gpu.Driver].
func (d *Driver) Sync() error {
	err := check("waiting", d.finish(d.queue))
	for len(d.staged) > 0 {
		if e := d.landed(); err == nil {
			err = e
		}
	}
	return err
}

// Close implements [gpu.Driver].
func (d *Driver) Close() {
	defer unclosed.Delete(d)
	if d.queue != 0 {
		d.Sync()
	}
	for _, k := range d.kernels {
		d.releaseKernel(k.object)
	}
	if d.program != 0 {
		d.releaseProgram(d.program)
	}
	if d.queue != 0 {
		d.releaseCommandQueue(d.queue)
	}
	if d.context != 0 {
		d.releaseContext(d.context)
	}
}

// set gives a kernel an argument.
//
//go:uintptrescapes
func (d *Driver) set(k *kernel, i int, size uintptr, value uintptr) error {
	r, _, _ := purego.SyscallN(d.setKernelArg, k.object, uintptr(i), size, value)
	return check("setting an argument", int32(r))
}

// start puts a kernel into the queue.
//
//go:uintptrescapes
func (d *Driver) start(k *kernel, global, local uintptr) error {
	r, _, _ := purego.SyscallN(d.enqueueKernel, d.queue, k.object, 1, 0, global, local, 0, 0, 0)
	return check("starting a kernel", int32(r))
}

func (d *Driver) kernel(name string) (*kernel, error) {
	if k, ok := d.kernels[name]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("opencl: no kernel %q", name)
}

func (k *kernel) on(d *Driver, memory gpu.Block) error {
	if k.memory == uintptr(memory) {
		return nil
	}
	handle := uintptr(memory)
	if err := d.set(k, 0, 8, uintptr(unsafe.Pointer(&handle))); err != nil {
		return err
	}
	k.memory = uintptr(memory)
	return nil
}

// Run implements [gpu.Driver].
func (d *Driver) Run(memory gpu.Block, l gpu.Launch, a *gpu.Args) error {
	k, err := d.kernel(l.Kernel)
	if err != nil {
		return err
	}
	if err := k.on(d, memory); err != nil {
		return err
	}
	if err := d.set(k, 1, unsafe.Sizeof(*a), uintptr(unsafe.Pointer(a))); err != nil {
		return err
	}
	global, local := uintptr(l.Groups*k.threads), uintptr(k.threads)
	return d.start(k, uintptr(unsafe.Pointer(&global)), uintptr(unsafe.Pointer(&local)))
}

// sequence is a [gpu.Sequence]: arguments are set as it goes.
type sequence struct {
	driver *Driver
	table  uintptr
	list   []prepared
}

type prepared struct {
	*kernel
	global, local uintptr
	row           uint32
}

// Load implements [gpu.Driver].
func (d *Driver) Load(table gpu.Block, list []gpu.Launch) (gpu.Sequence, error) {
	s := &sequence{driver: d, table: uintptr(table)}
	for _, l := range list {
		k, err := d.kernel(l.Kernel)
		if err != nil {
			return nil, err
		}
		s.list = append(s.list, prepared{k, uintptr(l.Groups * k.threads), uintptr(k.threads), uint32(l.Row)})
	}
	return s, nil
}

// Run implements [gpu.Sequence].
func (s *sequence) Run(memory gpu.Block) error {
	for i := range s.list {
		if err := s.start(memory, i); err != nil {
			return err
		}
	}
	return check("starting", s.driver.flush(s.driver.queue))
}

func (s *sequence) start(memory gpu.Block, i int) error {
	p, d := &s.list[i], s.driver
	if err := p.on(d, memory); err != nil {
		return err
	}
	if p.table != s.table {
		handle := s.table
		if err := d.set(p.kernel, 1, 8, uintptr(unsafe.Pointer(&handle))); err != nil {
			return err
		}
		p.table = s.table
	}
	if err := d.set(p.kernel, 2, 4, uintptr(unsafe.Pointer(&p.row))); err != nil {
		return err
	}
	return d.start(p.kernel, uintptr(unsafe.Pointer(&p.global)), uintptr(unsafe.Pointer(&p.local)))
}

// Profile implements [gpu.Sequence]. It waits after each launch, so that what starting
// costs is counted as well.
func (s *sequence) Profile(memory gpu.Block) ([]time.Duration, error) {
	times := make([]time.Duration, len(s.list))
	for i := range s.list {
		begin := time.Now()
		if err := s.start(memory, i); err != nil {
			return nil, err
		}
		if err := s.driver.Sync(); err != nil {
			return nil, err
		}
		times[i] = time.Since(begin)
	}
	return times, nil
}

// Close implements [gpu.Sequence].
func (s *sequence) Close() {}
