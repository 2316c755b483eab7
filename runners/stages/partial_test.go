package stages

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// Supernets of partial channels, with weights of edges and options left out: first and
// second derivatives by differences in double precision.
func TestDerivativesOfPartialSupernets(t *testing.T) {
	d := cpu.Open[float64](2)
	defer d.Close()
	for _, tt := range []struct {
		space string
		n     int
		o     search.SupernetOptions
	}{
		{"nb201", 1, search.SupernetOptions{Partial: 2}},
		{"nb201", 1, search.SupernetOptions{Partial: 2, EdgeWeights: true, Width: 8}},
		{"nb201", 1, search.SupernetOptions{Partial: 3, Width: 6}},
		{"darts", 3, search.SupernetOptions{Partial: 2, EdgeWeights: true}},
		{"nb1b1-s1", 1, search.SupernetOptions{Partial: 2}},
		{"nb1b1-s3", 1, search.SupernetOptions{Partial: 4, EdgeWeights: true}},
	} {
		t.Run(fmt.Sprintf("%s %+v", tt.space, tt.o.Partial), func(t *testing.T) {
			space, err := protocol.LookupSpace(tt.space)
			if err != nil {
				t.Fatal(err)
			}
			train := Loader("train", 8, 4)
			build, cells, err := space.Sized(4, tt.n).SearchWith(tt.o, supernet.DataOf(train.Set))
			if err != nil {
				t.Fatal(err)
			}
			a := space.Search().Layout.Len()
			p, err := supernet.New(build, supernet.Options{Images: exec.Shape{4, 8, 8, 3}, Classes: Classes, Layers: cells, LayerCoefs: a, Seed: 1, Device: d}, supernet.Loaders(train))
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			normals := func(n int) []float64 {
				x := make([]float64, n)
				for i := range x {
					x[i] = r.NormFloat64()
				}
				return x
			}
			coefs := make([]float64, cells*a)
			for i := range coefs {
				coefs[i] = 0.1 + 0.3*r.Float64()
			}
			var b batch.Batch
			w, grad := p.Weights(), p.NewVec()
			along, dcoefs := normals(w.Len()), make([]float64, len(coefs))
			v, dc := p.NewVec(), normals(len(coefs))
			v.Write(along)
			loss := func(step float64) float64 { // along v and dc
				w.Axpy(step, v)
				at := append([]float64(nil), coefs...)
				for i := range at {
					at[i] += step * dc[i]
				}
				l, err := p.Gradient(b, at, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.Axpy(-step, v)
				return l.Value()
			}
			if _, err := p.Gradient(b, coefs, grad, dcoefs); err != nil {
				t.Fatal(err)
			}
			got := grad.Dot(v).Value()
			for i := range dc {
				got += dcoefs[i] * dc[i]
			}
			const h = 1e-7 // small, since ReLU has kinks close by
			if want := (loss(h) - loss(-h)) / (2 * h); !(math.Abs(got-want) < 1e-6*math.Abs(want)) {
				t.Errorf("the derivative along a direction is %v, by differences %v", got, want)
			}
			hv, mixed := p.NewVec(), make([]float64, len(coefs))
			if err := p.Linearize(b, coefs); err != nil {
				t.Fatal(err)
			}
			if err := p.Product(v, hv, mixed); err != nil {
				t.Fatal(err)
			}
			up, down := p.NewVec(), p.NewVec()
			cup, cdown := make([]float64, len(coefs)), make([]float64, len(coefs))
			w.Axpy(h, v)
			if _, err := p.Gradient(b, coefs, up, cup); err != nil {
				t.Fatal(err)
			}
			w.Axpy(-2*h, v)
			if _, err := p.Gradient(b, coefs, down, cdown); err != nil {
				t.Fatal(err)
			}
			up.Axpy(-1, down)
			up.Scale(1 / (2 * h))
			up.Axpy(-1, hv)
			if far, size := search.Norm(up), search.Norm(hv); !(far < 1e-5*size) {
				t.Errorf("H v is %v from differences, its norm is %v", far, size)
			}
			for i := range mixed {
				if want := (cup[i] - cdown[i]) / (2 * h); !(math.Abs(mixed[i]-want) < 1e-5*(1+math.Abs(want))) {
					t.Errorf("mixed product %d is %v, by differences %v", i, mixed[i], want)
					break
				}
			}
		})
	}
}

// Channels that cannot be parted are refused with the number that was asked for.
func TestSupernetOptions(t *testing.T) {
	data := supernet.DataOf(Loader("train", 8, 4).Set)
	for _, name := range []string{"nb201", "nb1b1-s2", "darts"} {
		space, err := protocol.LookupSpace(name)
		if err != nil {
			t.Fatal(err)
		}
		net := space.Sized(6, 3)
		if _, _, err := net.SearchWith(search.SupernetOptions{Partial: 4}, data); err == nil || !strings.Contains(err.Error(), "1/4 of 6 channels") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
