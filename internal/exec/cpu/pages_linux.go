package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// zeros are n numbers, in large pages as far as the system has them. In pages of 4 KB a
// supernet's memory is a million of them, and to find where one lies takes a processor
// about as long as to read it.
func zeros[T Float](n int) []T {
	const page = 2 << 20
	x := make([]T, n)
	bytes := uintptr(n) * unsafe.Sizeof(T(0))
	if bytes < 2*page {
		return x
	}
	from := -uintptr(unsafe.Pointer(&x[0])) % page
	whole := (bytes - from) / page * page
	// Where it is refused, small pages do as well.
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), bytes)[from:from+whole], unix.MADV_HUGEPAGE)
	return x
}
