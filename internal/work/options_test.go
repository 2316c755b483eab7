package work

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// What a process leaves that is killed while it looks whether it can write is gone when the next
// one looks, and several that look at the same time do not see one another.
func TestLooksLeaveNothing(t *testing.T) {
	out := t.TempDir()
	for _, left := range []string{"..probe.tmp-1", ".probe"} {
		if err := os.WriteFile(filepath.Join(out, left), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if err := Writable(out); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if entries, err := os.ReadDir(out); err != nil || len(entries) > 0 {
		t.Errorf("%v left, %v", entries, err)
	}
}
