package limits

import (
	"os"
	"testing"
	"testing/fstest"
	"time"
)

func TestMain(m *testing.M) {
	patience = time.Millisecond // no test looks at a speed
	os.Exit(m.Run())
}

// With x = y = 1 and sums from zero, the sums add up to the multiply-adds done.
func TestRegisterLoopsDoWhatIsCounted(t *testing.T) {
	ran := 0
	for i, l := range measured {
		for _, kind := range []struct {
			name string
			loop func(int, *[16]float32)
		}{{"fused", l.fused}, {"apart", l.apart}} {
			for _, steps := range []int{0, 1, 2, 1000} {
				var sums [16]float32
				kind.loop(steps, &sums)
				got := 0.0
				for _, s := range sums {
					got += float64(s)
				}
				if want := float64(steps * l.perStep); got != want {
					t.Errorf("%v, %s: %d steps did %v multiply-adds, want %v", Set(i), kind.name, steps, got, want)
				}
				ran++
			}
		}
	}
	t.Logf("%d sets, %d runs", len(measured), ran)
}

// Every element of what is read has a value of its own, so the sum tells when one is
// left out or read twice.
func TestLoopsGoThroughAllOfMemory(t *testing.T) {
	const margin = 64 // elements around the arrays, which must be left alone
	for i, l := range measured {
		for _, bytes := range []int{piece, 2 * piece, 7 * piece} {
			for _, times := range []int{1, 3} {
				n := bytes / 4
				x, y, z := make([]uint32, n+2*margin), make([]uint32, n+2*margin), make([]uint32, n+2*margin)
				want := uint32(0)
				for k := range x {
					x[k], y[k], z[k] = uint32(k*k+1), uint32(5*k), 7
					if k >= margin && k < n+margin {
						want += uint32(times) * x[k]
					}
				}
				var sums [16]uint32
				l.load(x[margin:][:n], times, &sums)
				got := uint32(0)
				for _, s := range sums {
					got += s
				}
				if got != want {
					t.Errorf("%v: %d bytes read %d times add up to %d, want %d", Set(i), bytes, times, got, want)
				}
				l.add(z[margin:][:n], x[margin:][:n], y[margin:][:n], times)
				for k := range z {
					want := uint32(7)
					if k >= margin && k < n+margin {
						want = x[k] + y[k]
					}
					if z[k] != want {
						t.Fatalf("%v: %d bytes: sum %d of %d = %d, want %d", Set(i), bytes, k-margin, n, z[k], want)
					}
				}
			}
		}
	}
}

func TestMeasuredSpeedsArePositive(t *testing.T) {
	caches := Caches{L1: 8 << 10, L2: 32 << 10, L3: 128 << 10}
	for _, set := range Sets() {
		for _, workers := range []int{1, 3} {
			if ops := Arithmetic(set, workers); !(ops.Fused > 0 && ops.Apart > 0) {
				t.Errorf("%v, %d workers: %+v, want speeds above zero", set, workers, ops)
			}
			data := make([][]uint32, workers)
			for i := range data {
				data[i] = make([]uint32, caches.L3/4)
			}
			for _, level := range caches.Levels(workers)[:3] {
				if m := traffic(measured[set], level, data, 1<<16); !(m.Load > 0 && m.Add > 0) {
					t.Errorf("%v, %d workers: %+v, want speeds above zero", set, workers, m)
				}
			}
		}
	}
	if hertz, ok := Clock(); ok && !(hertz > 1e8 && hertz < 1e10) {
		t.Errorf("clock is %v Hz, want between 0.1 and 10 GHz", hertz)
	}
}

func TestThirdsDoNotBeginAlike(t *testing.T) {
	for _, tt := range []struct{ bytes, want int }{
		{1536, 512},
		{12 << 10, 1536},
		{16 << 10, 1536}, // 5461 at most, and the next is 5632
		{32 << 10, 2*4096 + 1536},
		{256 << 20, 21844*4096 + 1536},
	} {
		if got := third(tt.bytes); got != tt.want || got%piece != 0 || 3*got > tt.bytes {
			t.Errorf("third of %d = %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func TestReadCaches(t *testing.T) {
	index := func(level, kind, size, shared string) map[string]string {
		return map[string]string{"level": level, "type": kind, "size": size, "shared_cpu_list": shared}
	}
	l1, code, l2 := index("1", "Data", "48K", "0"), index("1", "Instruction", "32K", "0"), index("2", "Unified", "2M", "0")
	for _, tt := range []struct {
		name  string
		index []map[string]string
		want  Caches
		ok    bool
	}{
		{"L3 is divided among its cores", []map[string]string{l1, code, l2, index("3", "Unified", "36M", "0-3,8-11,16")}, Caches{48 << 10, 2 << 20, 4 << 20}, true},
		{"no L3", []map[string]string{l1, code, l2}, Caches{48 << 10, 2 << 20, 0}, true},
		{"no L2", []map[string]string{l1, code}, assumed, false},
		{"no caches", nil, assumed, false},
		{"a size without a unit", []map[string]string{l1, index("2", "Unified", "2048", "0")}, assumed, false},
		{"a level that is no number", []map[string]string{l1, l2, index("x", "Unified", "8M", "0")}, assumed, false},
		{"a list that is none", []map[string]string{l1, l2, index("3", "Unified", "8M", "")}, assumed, false},
		{"a list that runs backwards", []map[string]string{l1, l2, index("3", "Unified", "8M", "3-0")}, assumed, false},
	} {
		system := fstest.MapFS{}
		for i, files := range tt.index {
			for name, content := range files {
				system["index"+string(rune('0'+i))+"/"+name] = &fstest.MapFile{Data: []byte(content + "\n")}
			}
		}
		if got, ok := ReadCaches(system); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestLevelsReachBeyondTheCacheBefore(t *testing.T) {
	for _, tt := range []struct {
		name    string
		caches  Caches
		workers int
		want    []Level
	}{
		{"half of each", Caches{32 << 10, 1 << 20, 16 << 20}, 2, []Level{{"L1", 16 << 10}, {"L2", 512 << 10}, {"L3", 8 << 20}, {"memory", 128 << 20}}},
		{"a share of L3 as small as L2", Caches{32 << 10, 1 << 20, 1 << 20}, 1, []Level{{"L1", 16 << 10}, {"L2", 512 << 10}, {"L3", 2 << 20}, {"memory", 256 << 20}}},
		{"no L3", Caches{32 << 10, 1 << 20, 0}, 1, []Level{{"L1", 16 << 10}, {"L2", 512 << 10}, {"memory", 256 << 20}}},
		{"memory of many workers", Caches{32 << 10, 1 << 20, 4 << 20}, 64, []Level{{"L1", 16 << 10}, {"L2", 512 << 10}, {"L3", 2 << 20}, {"memory", 16 << 20}}},
	} {
		got := tt.caches.Levels(tt.workers)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got[i], tt.want[i])
			}
		}
	}
}
