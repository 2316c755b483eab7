package images

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/rng"
)

// plain normalises n channels with distinct numbers.
func plain(channels int) Augment {
	a := Augment{}
	for c := range channels {
		a.Mean, a.Std = append(a.Mean, 0.5-0.1*float64(c)), append(a.Std, 0.25+0.125*float64(c))
	}
	return a
}

func TestEpochsSeeEveryImage(t *testing.T) {
	indices := []int{9, 3, 5, 7, 1, 0, 2}
	for _, tt := range []struct {
		name     string
		batch    int
		dropLast bool
		batches  int
		images   int // different ones seen in an epoch
	}{
		{"batch 3 wraps around", 3, false, 3, 7},
		{"batch 3 drops one", 3, true, 2, 6},
		{"batch 7 fits", 7, false, 1, 7},
		{"batch 16 goes round twice", 16, false, 1, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &Loader{Set: tiny(10, 1, 1, 1), Indices: indices, Batch: tt.batch, DropLast: tt.dropLast, Augment: plain(1), Name: "t"}
			if l.Batches() != tt.batches {
				t.Errorf("%d batches, want %d", l.Batches(), tt.batches)
			}
			var orders []string
			for epoch := range 3 {
				var order []int
				for i := range tt.batches {
					order = append(order, l.Epochs(uint64(epoch*tt.batches+i))...)
				}
				if len(order) != tt.batches*tt.batch {
					t.Errorf("%d images, want %d: every batch is full", len(order), tt.batches*tt.batch)
				}
				for k := tt.images; k < len(order); k++ {
					if order[k] != order[k-7] {
						t.Errorf("image %d of the epoch is %d, want %d: a wrapped epoch starts over", k, order[k], order[k-7])
					}
				}
				orders = append(orders, fmt.Sprint(order))
				slices.Sort(order)
				if got := slices.Compact(order); len(got) != tt.images {
					t.Errorf("epoch %d sees %v, want %d different images", epoch, got, tt.images)
				}
			}
			if orders[0] == orders[1] && orders[1] == orders[2] {
				t.Errorf("all epochs have the order %s", orders[0])
			}
		})
	}
}

// Fresh must give the start of a whole permutation, and leave no trace.
func TestFreshIsTheStartOfAPermutation(t *testing.T) {
	indices := []int{8, 6, 4, 2, 0, 1, 3}
	l := &Loader{Set: tiny(10, 1, 1, 1), Indices: indices, Batch: 4, Augment: plain(1), Seed: 3, Name: "t"}
	for i := range uint64(50) {
		want := slices.Clone(indices)
		shuffle(want, len(want), rng.New(3, "t", streamPick, uint64(batch.Fresh), i), nil)
		if got := l.Fresh(i); !slices.Equal(got, want[:4]) {
			t.Fatalf("fresh batch %d = %v, want %v", i, got, want[:4])
		}
	}
	whole := &Loader{Set: l.Set, Indices: indices, Batch: 9, Augment: plain(1), Name: "t"}
	got := whole.Fresh(0)
	if got[7] != got[0] || got[8] != got[1] {
		t.Errorf("fresh batch of 9 from 7 images = %v, want it to start over", got)
	}
}

func TestReplacedIsUniform(t *testing.T) {
	l := &Loader{Set: tiny(5, 1, 1, 1), Indices: []int{0, 2, 3, 4}, Batch: 10, Augment: plain(1), Name: "t"}
	counts := [5]int{}
	for i := range uint64(1000) {
		for _, id := range l.Replaced(i) {
			counts[id]++
		}
	}
	for id, n := range counts {
		if want := []int{2500, 0, 2500, 2500, 2500}[id]; n < want-200 || n > want+200 {
			t.Errorf("image %d drawn %d times of 10000, want about %d", id, n, want)
		}
	}
}

// moved is what place does, from the definition: a black frame, then a window.
func moved(s *Set, id int, m shift, table []float64) []float64 {
	var out []float64
	for y := range s.H {
		for x := range s.W {
			for c := range s.C {
				v := byte(0)
				if fy, fx := y+m.dy, x+m.dx; fy >= 0 && fy < s.H && fx >= 0 && fx < s.W {
					if m.flip {
						fx = s.W - 1 - fx
					}
					v = s.Image(id)[(fy*s.W+fx)*s.C+c]
				}
				out = append(out, table[256*c+int(v)])
			}
		}
	}
	return out
}

func TestPlaceAgainstDefinition(t *testing.T) {
	cases := 0
	for _, channels := range []int{1, 3} {
		s := tiny(2, 3, 5, channels)
		a := plain(channels)
		l := &Loader{Set: s, Batch: 1, Augment: a}
		l.prepare()
		for _, flip := range []bool{false, true} {
			for dy := -4; dy <= 4; dy++ {
				for dx := -6; dx <= 6; dx++ {
					m := shift{flip, dy, dx}
					got := slices.Repeat([]float64{math.NaN()}, 15*channels)
					place(l, 1, m, got)
					if want := moved(s, 1, m, l.table); !slices.Equal(got, want) {
						t.Fatalf("%d channels, %+v: %v, want %v", channels, m, got, want)
					}
					cases++
				}
			}
		}
	}
	if cases != 2*2*9*13 {
		t.Errorf("%d cases ran", cases)
	}
}

func TestCutout(t *testing.T) {
	s := tiny(1, 4, 5, 1)
	for _, tt := range []struct {
		name         string
		side, cy, cx int
		want         string
	}{
		{"inside, even: rows 1-2, columns 2-3", 2, 2, 3, "11111 11001 11001 11111"},
		{"inside, odd", 3, 2, 2, "11111 10001 10001 10001"},
		{"cut at the top left corner", 2, 0, 0, "01111 11111 11111 11111"},
		{"cut at the bottom right corner", 4, 3, 4, "11111 11000 11000 11000"},
		{"larger than the image", 20, 1, 1, "00000 00000 00000 00000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := slices.Repeat([]float32{1}, 20)
			cutout(s, tt.side, tt.cy, tt.cx, image)
			got := ""
			for i, v := range image {
				if i > 0 && i%5 == 0 {
					got += " "
				}
				got += fmt.Sprint(v)
			}
			if got != tt.want {
				t.Errorf("left over:\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Fill must be flip, crop, normalise, cutout with the draws in that order.
func TestFillAgainstDefinition(t *testing.T) {
	for _, tt := range []struct {
		name    string
		augment Augment
	}{
		{"none", Augment{}},
		{"flip", Augment{Flip: true}},
		{"crop", Augment{Crop: 2}},
		{"cutout", Augment{Cutout: 3}},
		{"all", Augment{Flip: true, Crop: 1, Cutout: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tiny(7, 4, 6, 3)
			a := tt.augment
			a.Mean, a.Std = plain(3).Mean, plain(3).Std
			l := &Loader{Set: s, Batch: 5, Augment: a, Seed: 11, Name: "train"}
			ids := l.Fresh(4)
			pixels, targets := make([]float64, 5*72), slices.Repeat([]float64{math.NaN()}, 5*3)
			Fill(l, ids, batch.Fresh, 4, pixels, targets)

			r := rng.New(11, "train", streamAugment, uint64(batch.Fresh), 4)
			for k, id := range ids {
				m := shift{}
				if a.Flip {
					m.flip = r.Uint64()>>63 == 1
				}
				if a.Crop > 0 {
					m.dy = r.IntN(2*a.Crop+1) - a.Crop
					m.dx = r.IntN(2*a.Crop+1) - a.Crop
				}
				want := moved(s, id, m, a.table(3))
				if a.Cutout > 0 {
					cy, cx := r.IntN(s.H), r.IntN(s.W)
					for i := range want {
						y, x := i/18, i/3%6
						top, left := cy-a.Cutout/2, cx-a.Cutout/2
						if y >= top && y < top+a.Cutout && x >= left && x < left+a.Cutout {
							want[i] = 0
						}
					}
				}
				if got := pixels[k*72 : (k+1)*72]; !slices.Equal(got, want) {
					t.Fatalf("image %d of the batch: %v, want %v", k, got, want)
				}
				label := []float64{0, 0, 0}
				label[id%3] = 1
				if got := targets[3*k : 3*k+3]; !slices.Equal(got, label) {
					t.Errorf("target of image %d = %v, want %v", id, got, label)
				}
			}
			small, tags := make([]float32, 5*72), make([]float32, 5*3)
			Fill(l, ids, batch.Fresh, 4, small, tags)
			for i, v := range pixels {
				if small[i] != float32(v) {
					t.Fatalf("pixel %d = %v in float32, want %v rounded", i, small[i], v)
				}
			}
			other := make([]float64, len(pixels))
			Fill(l, ids, batch.Replaced, 4, other, targets)
			if random := a.Flip || a.Crop > 0 || a.Cutout > 0; slices.Equal(other, pixels) == random {
				t.Errorf("another draw gives the same batch: %v, want %v", !random, random)
			}
		})
	}
}

func TestNormalise(t *testing.T) {
	s := &Set{Name: "one", N: 1, H: 1, W: 1, C: 2, Classes: 1, Pixels: []byte{255, 51}, Labels: []uint8{0}}
	l := &Loader{Set: s, Batch: 1, Augment: Augment{Mean: []float64{0.5, 0.2}, Std: []float64{0.25, 0.1}}}
	pixels, targets := make([]float64, 2), make([]float64, 1)
	Fill(l, []int{0}, batch.Epochs, 0, pixels, targets)
	if pixels[0] != 2 || pixels[1] != 0 {
		t.Errorf("pixels = %v, want [(1-0.5)/0.25 (0.2-0.2)/0.1]", pixels)
	}
}

func TestAugmentationIsUniform(t *testing.T) {
	a := Augment{Flip: true, Crop: 2}
	r := rng.New(1, "t")
	flips, places := 0, map[[2]int]int{}
	const n = 25_000
	for range n {
		m := a.draw(r)
		if m.flip {
			flips++
		}
		places[[2]int{m.dy, m.dx}]++
	}
	if flips < n/2-400 || flips > n/2+400 {
		t.Errorf("%d flips of %d", flips, n)
	}
	for dy := -2; dy <= 2; dy++ {
		for dx := -2; dx <= 2; dx++ {
			if got := places[[2]int{dy, dx}]; got < 850 || got > 1150 {
				t.Errorf("window (%d,%d) drawn %d times, want about %d", dy, dx, got, n/25)
			}
		}
	}
	if len(places) != 25 {
		t.Errorf("%d different windows, want 25", len(places))
	}
}

func TestFillEval(t *testing.T) {
	s := tiny(10, 2, 3, 1)
	indices := []int{4, 9, 2, 2, 7}
	a := plain(1)
	a.Flip, a.Crop, a.Cutout = true, 1, 1 // must have no effect here
	l := &Loader{Set: s, Indices: indices, Batch: 3, Augment: a}
	if l.EvalBatches() != 2 {
		t.Fatalf("%d batches, want 2", l.EvalBatches())
	}
	pixels, targets := make([]float64, 18), make([]float64, 9)
	for i, want := range []struct {
		ids   []int
		count int
	}{{[]int{4, 9, 2}, 3}, {[]int{2, 7, 7}, 2}} {
		if got := FillEval(l, i, pixels, targets); got != want.count {
			t.Errorf("batch %d counts %d images, want %d", i, got, want.count)
		}
		for k, id := range want.ids {
			if !slices.Equal(pixels[6*k:6*k+6], moved(s, id, shift{}, l.table)) || targets[3*k+id%3] != 1 {
				t.Errorf("batch %d, place %d is not image %d", i, k, id)
			}
		}
	}
}

// Batches asked for by many goroutines in any order have the bits of those
// asked for one after the other.
func TestSameBitsFromAnyGoroutine(t *testing.T) {
	s := tiny(50, 6, 6, 3)
	a := plain(3)
	a.Flip, a.Crop, a.Cutout = true, 2, 3
	content := func(l *Loader, i int) []float32 {
		draw, index := batch.Draw(i%3), uint64(i/3)
		pixels := make([]float32, 8*(108+3))
		Fill(l, l.Pick(draw, index, make([]int, 8)), draw, index, pixels[:8*108], pixels[8*108:])
		return pixels
	}
	const n = 90
	var want [n][]float32
	first := &Loader{Set: s, Batch: 8, Augment: a, Seed: 5, Name: "train"}
	for i := range n {
		want[i] = content(first, i)
	}
	for _, workers := range []int{1, 2, 7} {
		l := &Loader{Set: s, Batch: 8, Augment: a, Seed: 5, Name: "train"}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := n - 1 - w; i >= 0; i -= workers {
					if !slices.Equal(content(l, i), want[i]) {
						t.Errorf("%d goroutines: batch %d differs", workers, i)
					}
				}
			})
		}
		wg.Wait()
	}
	for name, l := range map[string]*Loader{
		"seed": {Set: s, Batch: 8, Augment: a, Seed: 6, Name: "train"},
		"name": {Set: s, Batch: 8, Augment: a, Seed: 5, Name: "valid"},
	} {
		for draw := range 3 {
			if slices.Equal(content(l, draw), want[draw]) {
				t.Errorf("another %s gives the same batch of draw %d", name, draw)
			}
		}
	}
}

func TestLoaderCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Loader)
		want   string
	}{
		{"no set", func(l *Loader) { l.Set = nil }, "has no set"},
		{"no images", func(l *Loader) { l.Indices = []int{} }, "no images"},
		{"index out of range", func(l *Loader) { l.Indices = []int{0, 4} }, "indices[1] is 4, want 0 to 3"},
		{"batch of 0", func(l *Loader) { l.Batch = 0 }, "batch of 0"},
		{"no batch is ever full", func(l *Loader) { l.Batch, l.DropLast = 5, true }, "batch of 5 from 4 images"},
		{"mean missing", func(l *Loader) { l.Augment.Mean = nil }, "0 means and 1 deviations, want 1"},
		{"deviation 0", func(l *Loader) { l.Augment.Std[0] = 0 }, "deviation 0"},
		{"deviation not a number", func(l *Loader) { l.Augment.Std[0] = math.NaN() }, "deviation NaN"},
		{"mean infinite", func(l *Loader) { l.Augment.Mean[0] = math.Inf(1) }, "mean +Inf"},
		{"negative padding", func(l *Loader) { l.Augment.Crop = -1 }, "crop padding -1"},
		{"negative cutout", func(l *Loader) { l.Augment.Cutout = -1 }, "cutout -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &Loader{Set: tiny(4, 1, 1, 1), Batch: 2, Augment: plain(1), Name: "t"}
			if err := l.Check(); err != nil {
				t.Fatal(err)
			}
			tt.change(l)
			wantError(t, l.Check(), tt.want)
		})
	}
}

// The allocations are the streams' own and do not grow with the batch.
func TestBatchesAllocateOnlyTheirStream(t *testing.T) {
	a := plain(3)
	a.Flip, a.Crop, a.Cutout = true, 2, 3
	for _, size := range []int{4, 64} {
		l := &Loader{Set: tiny(128, 8, 8, 3), Batch: size, Augment: a, Name: "t"}
		pixels, targets, ids := make([]float32, size*192), make([]float32, size*3), make([]int, size)
		index := uint64(0)
		for _, draw := range []batch.Draw{batch.Epochs, batch.Fresh, batch.Replaced} {
			if got := testing.AllocsPerRun(50, func() {
				Fill(l, l.Pick(draw, index, ids), draw, index, pixels, targets)
				index++
			}); got > 12 {
				t.Errorf("batch %d, draw %d: %v allocations, want at most 12", size, draw, got)
			}
		}
		if got := testing.AllocsPerRun(50, func() { FillEval(l, 0, pixels, targets) }); got != 0 {
			t.Errorf("batch %d: evaluation makes %v allocations, want none", size, got)
		}
	}
}

// One search batch as the laptop protocol makes it.
func BenchmarkBatch(b *testing.B) {
	d, err := Fashion()
	if err != nil {
		b.Fatal(err)
	}
	colour := tiny(5000, 32, 32, 3)
	for _, bb := range []struct {
		name string
		l    *Loader
	}{
		{"fashion16", &Loader{Set: d.Train.Set, Indices: d.Train.Indices, Batch: 64, Augment: Augment{Flip: true, Crop: d.Crop, Mean: d.Mean, Std: d.Std}}},
		{"32x32x3", &Loader{Set: colour, Batch: 64, Augment: Augment{Flip: true, Crop: 4, Mean: plain(3).Mean, Std: plain(3).Std}}},
	} {
		s := bb.l.Set
		pixels, targets, ids := make([]float32, 64*s.H*s.W*s.C), make([]float32, 64*s.Classes), make([]int, 64)
		for _, draw := range []batch.Draw{batch.Epochs, batch.Fresh} {
			b.Run(fmt.Sprintf("%s/%s", bb.name, []string{"epochs", "fresh"}[draw]), func(b *testing.B) {
				b.SetBytes(int64(4 * len(pixels)))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					Fill(bb.l, bb.l.Pick(draw, uint64(i), ids), draw, uint64(i), pixels, targets)
				}
			})
		}
	}
}
