package cuda

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"idarts/internal/exec/gpu/cuda/ptx"
	"idarts/internal/exec/gpu/library"
)

// functions are what of libcuda the driver calls. What is called at each step of a search
// is called by its address, which costs the least.
type functions struct {
	init             func(flags uint32) int32
	driverVersion    func(version *int32) int32
	deviceCount      func(n *int32) int32
	deviceGet        func(device *int32, n int32) int32
	deviceName       func(name *byte, size, device int32) int32
	deviceAttribute  func(value *int32, what, device int32) int32
	deviceMemory     func(bytes *uintptr, device int32) int32
	contextRetain    func(context *uintptr, device int32) int32
	contextRelease   func(device int32) int32
	memAlloc         func(at *uint64, bytes uintptr) int32
	memFree          func(at uint64) int32
	hostAlloc        func(at *unsafe.Pointer, bytes uintptr, flags uint32) int32
	hostFree         func(at unsafe.Pointer) int32
	moduleLoad       func(module *uintptr, text *byte, n uint32, options *uint32, values *uintptr) int32
	moduleUnload     func(module uintptr) int32
	moduleFunction   func(function *uintptr, module uintptr, name *byte) int32
	streamCreate     func(stream *uintptr, flags uint32) int32
	streamDestroy    func(stream uintptr) int32
	beginCapture     func(stream uintptr, mode uint32) int32
	endCapture       func(stream uintptr, graph *uintptr) int32
	graphInstantiate func(executable *uintptr, graph uintptr, flags uint64) int32
	graphDestroy     func(graph uintptr) int32
	executableEnd    func(executable uintptr) int32
	eventCreate      func(event *uintptr, flags uint32) int32
	eventDestroy     func(event uintptr) int32
	eventElapsed     func(ms *float32, from, to uintptr) int32

	setCurrent, launchKernel, graphLaunch, toDevice, toHost, streamWait, eventRecord, eventWait uintptr
}

// call calls a function by its address. What arguments point at stays where it is
// meanwhile.
//
//go:uintptrescapes
func (l *functions) call(function uintptr, args ...uintptr) int32 {
	r, _, _ := purego.SyscallN(function, args...)
	return int32(r)
}

// oldest is the oldest driver that has all that is called: it brought graphs as they
// are made here. 470 is its version in the makers' other counting.
const oldest = 11040

var errOld = fmt.Errorf("the driver is too old, want one of CUDA %s or newer (470 or newer in the makers' other counting)", release(oldest))

// release writes a version that the driver counts.
func release(version int32) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }

// libraryName is the driver's library. IDARTS_CUDA names another one. Systems without
// drivers of NVIDIA's, as macOS, do not find it.
func libraryName() string {
	if name := os.Getenv("IDARTS_CUDA"); name != "" {
		return name
	}
	if runtime.GOOS == "windows" {
		return "nvcuda.dll"
	}
	return "libcuda.so.1"
}

var (
	loading sync.Mutex
	loaded  = map[string]*functions{}
)

// load finds the library, each by its name once, and asks for its version.
func load() (l *functions, version int32, err error) {
	loading.Lock()
	defer loading.Unlock()
	name := libraryName()
	if l = loaded[name]; l == nil {
		opened, err := library.Open(name)
		if err != nil {
			return nil, 0, fmt.Errorf("cuda: no driver: %w; install that of the card's maker", err)
		}
		if l, err = find(opened); err != nil {
			return nil, 0, fmt.Errorf("cuda: %s: %w", name, err)
		}
		loaded[name] = l
	}
	if err := check("starting the driver", l.init(0)); err != nil {
		return nil, 0, err
	}
	if err := check("asking the driver's version", l.driverVersion(&version)); err != nil {
		return nil, 0, err
	}
	if version < oldest {
		return nil, 0, fmt.Errorf("cuda: %w; this one is of CUDA %s", errOld, release(version))
	}
	return l, version, nil
}

func find(in library.Library) (*functions, error) {
	l := &functions{}
	err := in.Find(map[string]any{
		"cuInit": &l.init, "cuDriverGetVersion": &l.driverVersion, "cuDeviceGetCount": &l.deviceCount, "cuDeviceGet": &l.deviceGet,
		"cuDeviceGetName": &l.deviceName, "cuDeviceGetAttribute": &l.deviceAttribute, "cuDeviceTotalMem_v2": &l.deviceMemory,
		"cuDevicePrimaryCtxRetain": &l.contextRetain, "cuDevicePrimaryCtxRelease_v2": &l.contextRelease,
		"cuMemAlloc_v2": &l.memAlloc, "cuMemFree_v2": &l.memFree, "cuMemHostAlloc": &l.hostAlloc, "cuMemFreeHost": &l.hostFree,
		"cuModuleLoadDataEx": &l.moduleLoad, "cuModuleUnload": &l.moduleUnload, "cuModuleGetFunction": &l.moduleFunction,
		"cuStreamCreate": &l.streamCreate, "cuStreamDestroy_v2": &l.streamDestroy, "cuStreamBeginCapture_v2": &l.beginCapture,
		"cuStreamEndCapture": &l.endCapture, "cuGraphInstantiateWithFlags": &l.graphInstantiate, "cuGraphDestroy": &l.graphDestroy,
		"cuGraphExecDestroy": &l.executableEnd, "cuEventCreate": &l.eventCreate, "cuEventDestroy_v2": &l.eventDestroy,
		"cuEventElapsedTime": &l.eventElapsed,
		"cuCtxSetCurrent":    &l.setCurrent, "cuLaunchKernel": &l.launchKernel, "cuGraphLaunch": &l.graphLaunch,
		"cuMemcpyHtoDAsync_v2": &l.toDevice, "cuMemcpyDtoHAsync_v2": &l.toHost, "cuStreamSynchronize": &l.streamWait,
		"cuEventRecord": &l.eventRecord, "cuEventSynchronize": &l.eventWait,
	})
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errOld, err)
	}
	return l, nil
}

// status is an error code of the driver.
type status int32

const (
	noCard      = 100
	badText     = 218
	oldForText  = 222
	wrongCard   = 209
	outOfMemory = 2
)

// lost are the codes after which a card does nothing more for this process.
var lost = map[status]string{
	4:   "the driver is shutting down",
	214: "its memory has an error that could not be corrected",
	220: "its link has an error that could not be corrected",
	700: "a kernel touched memory that is not there",
	702: "a kernel took longer than the system allows",
	714: "a kernel failed",
	715: "a kernel has an instruction that it does not know",
	716: "a kernel touched memory that is not aligned",
	717: "a kernel touched memory that is not there",
	718: "a kernel went astray",
	719: "a kernel failed",
	999: "for a reason that the driver does not know; the system's log may say more",
}

var words = map[status]string{
	1: "a value that is not allowed", outOfMemory: "no memory for it on the card", 3: "the driver is not started",
	46: "the card is not available; another process may have it for itself", noCard: "no card", 101: "no such card", 201: "no context", wrongCard: fmt.Sprintf("the kernels are not for this card, which must have compute capability %d.%d or more", ptx.Card/10, ptx.Card%10),
	badText: "the driver does not take the kernels", oldForText: errOld.Error(), 221: "the driver's compiler is not installed, libnvidia-ptxjitcompiler",
	304: "the operating system refuses",
	701: "groups of this size are not possible", 800: "not permitted", 801: "not supported by this card or driver",
	802: "the system is not ready; on machines with NVSwitch its service must run", 803: "the driver's library and its part in the kernel are of two versions; restart the machine",
	804: "the card does not work with a driver of compatibility", 900: "not possible while launches are recorded", 901: "the recording of launches has failed",
}

func (s status) Error() string {
	text, gone := lost[s]
	if gone {
		text = "the card is lost: " + text
	} else if text = words[s]; text == "" {
		return fmt.Sprintf("error %d", int32(s))
	}
	return fmt.Sprintf("%s (error %d)", text, int32(s))
}

func check(what string, code int32) error {
	if code != 0 {
		return fmt.Errorf("cuda: %s: %w", what, status(code))
	}
	return nil
}

// isLost says that nothing works any more after err.
func isLost(err error) bool {
	var s status
	return errors.As(err, &s) && lost[s] != ""
}
