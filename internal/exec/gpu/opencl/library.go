package opencl

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"idarts/internal/exec/gpu/library"
)

// functions are what of libOpenCL the driver calls. Kernels are started through raw
// addresses, which costs the least.
type functions struct {
	getPlatformIDs              func(n uint32, ids *uintptr, count *uint32) int32
	getDeviceIDs                func(platform uintptr, kind uint64, n uint32, ids *uintptr, count *uint32) int32
	getDeviceInfo               func(device uintptr, what uint32, size uintptr, value unsafe.Pointer, got *uintptr) int32
	createContext               func(properties unsafe.Pointer, n uint32, devices *uintptr, notify, data uintptr, status *int32) uintptr
	createCommandQueue          func(context, device uintptr, properties uint64, status *int32) uintptr
	createProgramWithSource     func(context uintptr, n uint32, texts **byte, sizes *uintptr, status *int32) uintptr
	buildProgram                func(program uintptr, n uint32, devices *uintptr, options *byte, notify, data uintptr) int32
	getProgramBuildInfo         func(program, device uintptr, what uint32, size uintptr, value unsafe.Pointer, got *uintptr) int32
	createKernelsInProgram      func(program uintptr, n uint32, kernels *uintptr, count *uint32) int32
	getKernelInfo               func(kernel uintptr, what uint32, size uintptr, value unsafe.Pointer, got *uintptr) int32
	getKernelWorkGroupInfo      func(kernel, device uintptr, what uint32, size uintptr, value unsafe.Pointer, got *uintptr) int32
	createBuffer                func(context uintptr, flags uint64, size uintptr, host unsafe.Pointer, status *int32) uintptr
	enqueueWriteBuffer          func(queue, buffer uintptr, blocking uint32, offset, size uintptr, from unsafe.Pointer, n uint32, wait unsafe.Pointer, event *uintptr) int32
	enqueueReadBuffer           func(queue, buffer uintptr, blocking uint32, offset, size uintptr, to unsafe.Pointer, n uint32, wait unsafe.Pointer, event *uintptr) int32
	waitForEvents               func(n uint32, events *uintptr) int32
	releaseEvent                func(event uintptr) int32
	releaseKernel               func(kernel uintptr) int32
	releaseMemObject            func(buffer uintptr) int32
	releaseProgram              func(program uintptr) int32
	releaseCommandQueue         func(queue uintptr) int32
	releaseContext              func(context uintptr) int32
	finish                      func(queue uintptr) int32
	flush                       func(queue uintptr) int32
	setKernelArg, enqueueKernel uintptr
}

// libraryName is the loader of all installed drivers. IDARTS_OPENCL names another one.
func libraryName() string {
	if name := os.Getenv("IDARTS_OPENCL"); name != "" {
		return name
	}
	return map[string]string{
		"darwin":  "/System/Library/Frameworks/OpenCL.framework/OpenCL",
		"windows": "OpenCL.dll",
		"linux":   "libOpenCL.so.1",
	}[runtime.GOOS]
}

// load finds the library once.
var load = sync.OnceValues(func() (*functions, error) {
	opened, err := library.Open(libraryName())
	if err != nil {
		return nil, fmt.Errorf("opencl: no driver: %w; install the card's, or pocl-opencl-icd to compute on the processor", err)
	}
	l := &functions{}
	err = opened.Find(map[string]any{
		"clGetPlatformIDs": &l.getPlatformIDs, "clGetDeviceIDs": &l.getDeviceIDs,
		"clGetDeviceInfo": &l.getDeviceInfo, "clCreateContext": &l.createContext, "clCreateCommandQueue": &l.createCommandQueue,
		"clCreateProgramWithSource": &l.createProgramWithSource, "clBuildProgram": &l.buildProgram,
		"clGetProgramBuildInfo": &l.getProgramBuildInfo, "clCreateKernelsInProgram": &l.createKernelsInProgram,
		"clGetKernelInfo": &l.getKernelInfo, "clGetKernelWorkGroupInfo": &l.getKernelWorkGroupInfo, "clCreateBuffer": &l.createBuffer,
		"clEnqueueWriteBuffer": &l.enqueueWriteBuffer, "clEnqueueReadBuffer": &l.enqueueReadBuffer, "clWaitForEvents": &l.waitForEvents,
		"clReleaseEvent": &l.releaseEvent, "clReleaseKernel": &l.releaseKernel,
		"clReleaseMemObject": &l.releaseMemObject, "clReleaseProgram": &l.releaseProgram,
		"clReleaseCommandQueue": &l.releaseCommandQueue, "clReleaseContext": &l.releaseContext, "clFinish": &l.finish, "clFlush": &l.flush,
		"clSetKernelArg": &l.setKernelArg, "clEnqueueNDRangeKernel": &l.enqueueKernel,
	})
	if err != nil {
		return nil, fmt.Errorf("opencl: %s: %w", libraryName(), err)
	}
	return l, nil
})

// status is an error code of the standard in words, for those that users meet.
type status int32

func (s status) Error() string {
	if text, ok := map[status]string{
		-1: "no device found", -2: "device not available", -3: "compiler not available", -4: "no memory for it on the device",
		-5: "out of resources", -6: "out of host memory", -11: "kernels do not compile", -36: "the device is lost or its queue broken",
		-54: "groups of this size are not possible", -61: "the block is larger than the device allows",
	}[s]; ok {
		return fmt.Sprintf("%s (error %d)", text, int32(s))
	}
	return fmt.Sprintf("error %d", int32(s))
}

func check(what string, code int32) error {
	if code != 0 {
		return fmt.Errorf("opencl: %s: %w", what, status(code))
	}
	return nil
}
