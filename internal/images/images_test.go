package images

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// tiny is n images of h×w×c whose bytes are all different from their neighbours',
// with labels 0, 1, 2, 0, ...
func tiny(n, h, w, c int) *Set {
	s := &Set{Name: "tiny", N: n, H: h, W: w, C: c, Classes: 3}
	for i := range n * h * w * c {
		s.Pixels = append(s.Pixels, byte(i*37+i/256))
	}
	for i := range n {
		s.Labels = append(s.Labels, uint8(i%3))
	}
	return s
}

// wantError fails unless err has every one of parts in its message.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error is %q, want it to say %q", err, part)
		}
	}
}

func TestSetCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Set)
		want   string
	}{
		{"no images", func(s *Set) { s.N = 0 }, "[0,2,2,1]"},
		{"pixels missing", func(s *Set) { s.Pixels = s.Pixels[:15] }, "15 pixel bytes, want 16"},
		{"labels missing", func(s *Set) { s.Labels = s.Labels[:3] }, "3 labels, want 4"},
		{"too many classes for a byte", func(s *Set) { s.Classes = 257 }, "257 classes"},
		{"label out of range", func(s *Set) { s.Labels[2] = 3 }, "image 2: label 3, want 0 to 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tiny(4, 2, 2, 1)
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			tt.change(s)
			wantError(t, s.Check(), "tiny", tt.want)
		})
	}
}

func TestHashSeesEverything(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Set){
		"nothing": func(*Set) {},
		"a pixel": func(s *Set) { s.Pixels[7]++ },
		"a label": func(s *Set) { s.Labels[0] = 2 },
		"shape":   func(s *Set) { s.H, s.W = s.W, s.H },
		"classes": func(s *Set) { s.Classes = 4 },
	} {
		s := tiny(4, 2, 3, 1)
		change(s)
		if other, dup := seen[s.hash()]; dup {
			t.Errorf("changing %s and %s give the same hash", name, other)
		}
		seen[s.hash()] = name
	}
}

func TestSubset(t *testing.T) {
	s := tiny(5, 2, 2, 3)
	sub, err := s.Subset("sub", []int{4, 1})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sub.Image(0), s.Image(4)) || !slices.Equal(sub.Image(1), s.Image(1)) || !slices.Equal(sub.Labels, []uint8{1, 1}) {
		t.Errorf("subset [4 1] has labels %v and pixels of other images", sub.Labels)
	}
	_, err = s.Subset("sub", []int{0, 5})
	wantError(t, err, "indices[1] is 5, want 0 to 4")
}

func TestMeanStd(t *testing.T) {
	// Two channels: 0, 255, 255, 255 and a constant 51.
	s := &Set{Name: "two", N: 2, H: 1, W: 2, C: 2, Classes: 1, Pixels: []byte{0, 51, 255, 51, 255, 51, 255, 51}, Labels: []uint8{0, 0}}
	mean, std := s.MeanStd(nil)
	want := []float64{0.75, 0.2, math.Sqrt(0.75 * 0.25), 0}
	for i, got := range append(mean, std...) {
		if math.Abs(got-want[i]) > 1e-15 {
			t.Errorf("mean, std = %v, %v; want %v", mean, std, want)
			break
		}
	}
	if mean, _ := s.MeanStd([]int{1}); mean[0] != 1 {
		t.Errorf("mean of image 1 = %v, want 1", mean[0])
	}
}

func TestResize(t *testing.T) {
	for _, tt := range []struct {
		name       string
		h, w       int
		pixels     []byte
		newH, newW int
		want       []byte
	}{
		{"same size", 2, 2, []byte{1, 2, 3, 4}, 2, 2, []byte{1, 2, 3, 4}},
		{"2x2 to one: (1+2+3+5)/4 = 2.75", 2, 2, []byte{1, 2, 3, 5}, 1, 1, []byte{3}},
		{"halves go up: (0+1)/2", 1, 2, []byte{0, 1}, 1, 1, []byte{1}},
		{"3 to 2: (2*0+90)/3, (90+2*30)/3", 1, 3, []byte{0, 90, 30}, 1, 2, []byte{30, 50}},
		{"2 to 3: whole, half and half, whole", 2, 1, []byte{10, 20}, 3, 1, []byte{10, 15, 20}},
		{"constant stays", 3, 3, []byte{255, 255, 255, 255, 255, 255, 255, 255, 255}, 2, 2, []byte{255, 255, 255, 255}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Set{Name: "one", N: 1, H: tt.h, W: tt.w, C: 1, Classes: 1, Pixels: tt.pixels, Labels: []uint8{0}}
			got, err := s.Resize("new", tt.newH, tt.newW)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Pixels, tt.want) {
				t.Errorf("pixels = %v, want %v", got.Pixels, tt.want)
			}
		})
	}
	_, err := tiny(1, 2, 2, 1).Resize("none", 0, 2)
	wantError(t, err, "0x2")
}

// The channels of a resized image do not mix: each is the resized channel.
func TestResizeKeepsChannelsApart(t *testing.T) {
	s := tiny(2, 7, 7, 3)
	whole, err := s.Resize("whole", 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	for c := range 3 {
		one := &Set{Name: fmt.Sprint(c), N: 2, H: 7, W: 7, C: 1, Classes: 3, Labels: s.Labels}
		for i := c; i < len(s.Pixels); i += 3 {
			one.Pixels = append(one.Pixels, s.Pixels[i])
		}
		got, err := one.Resize("one", 4, 4)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got.Pixels {
			if whole.Pixels[3*i+c] != v {
				t.Fatalf("channel %d, pixel %d: %d in colour, %d alone", c, i, whole.Pixels[3*i+c], v)
			}
		}
	}
}
