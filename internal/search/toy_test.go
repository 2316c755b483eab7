package search

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/ref"
	"idarts/internal/svge"
)

// vec is an exec.Vec in memory.
type vec struct{ x []float64 }

func (v *vec) Len() int        { return len(v.x) }
func (v *vec) Zero()           { clear(v.x) }
func (v *vec) Copy(x exec.Vec) { copy(v.x, x.(*vec).x) }
func (v *vec) Scale(a float64) {
	for i := range v.x {
		v.x[i] *= a
	}
}
func (v *vec) Axpy(a float64, x exec.Vec) {
	for i, xi := range x.(*vec).x {
		v.x[i] += a * xi
	}
}
func (v *vec) Dot(x exec.Vec) exec.Number {
	sum := 0.0
	for i, xi := range x.(*vec).x {
		sum += v.x[i] * xi
	}
	return exec.Known(sum)
}
func (v *vec) Step(grad, buf exec.Vec, s exec.SGDStep) exec.Number { return ref.Step(v, grad, buf, s) }
func (v *vec) Slice(offset, n int) exec.Vec                        { return &vec{v.x[offset : offset+n]} }
func (v *vec) Read(dst []float64)                                  { copy(dst, v.x) }
func (v *vec) Write(src []float64)                                 { copy(v.x, src) }
func (v *vec) Bytes() []byte {
	var b []byte
	for _, x := range v.x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}
func (v *vec) SetBytes(b []byte) error {
	if len(b) != 8*len(v.x) {
		return fmt.Errorf("toy: %d bytes, want %d", len(b), 8*len(v.x))
	}
	for i := range v.x {
		v.x[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return nil
}

type matrix [][]float64 // rows

func (m matrix) times(x []float64) []float64 {
	y := make([]float64, len(m))
	for i, row := range m {
		for j, a := range row {
			y[i] += a * x[j]
		}
	}
	return y
}

func (m matrix) transposedTimes(x []float64, columns int) []float64 {
	y := make([]float64, columns)
	for i, row := range m {
		for j, a := range row {
			y[j] += a * x[i]
		}
	}
	return y
}

func diag(d ...float64) matrix {
	m := make(matrix, len(d))
	for i := range m {
		m[i] = make([]float64, len(d))
		m[i][i] = d[i]
	}
	return m
}

// bowl is L(w,c) = ½wᵀAw − wᵀ(Bc + b) + ½Σᵢ(Rc)ᵢwᵢ² + qᵀc + r. With A = XᵀX/n,
// b = Xᵀy/n and R summing coefficients over layers it is ridge regression with one
// penalty for each weight. A nil part is zero.
type bowl struct {
	A, B, R matrix
	b, q    []float64
	r       float64
}

func (l bowl) gradient(w, c []float64) (loss float64, dw, dc []float64) {
	dw, dc = make([]float64, len(w)), make([]float64, len(c))
	loss = l.r
	for i, aw := range l.A.times(w) {
		dw[i] += aw
		loss += w[i] * aw / 2
	}
	linear := make([]float64, len(w))
	copy(linear, l.b)
	if l.B != nil {
		for i, x := range l.B.times(c) {
			linear[i] += x
		}
		for j, x := range l.B.transposedTimes(w, len(c)) {
			dc[j] -= x
		}
	}
	for i, x := range linear {
		dw[i] -= x
		loss -= w[i] * x
	}
	if l.R != nil {
		half := make([]float64, len(w))
		for i, x := range l.R.times(c) {
			dw[i] += x * w[i]
			loss += x * w[i] * w[i] / 2
			half[i] = w[i] * w[i] / 2
		}
		for j, x := range l.R.transposedTimes(half, len(c)) {
			dc[j] += x
		}
	}
	for j, x := range l.q {
		dc[j] += x
		loss += x * c[j]
	}
	return loss, dw, dc
}

func (l bowl) product(w, c, v []float64) (hv, mixed []float64) {
	hv, mixed = l.A.times(v), make([]float64, len(c))
	if l.B != nil {
		for j, x := range l.B.transposedTimes(v, len(c)) {
			mixed[j] -= x
		}
	}
	if l.R != nil {
		wv := make([]float64, len(w))
		for i, x := range l.R.times(c) {
			hv[i] += x * v[i]
			wv[i] = w[i] * v[i]
		}
		for j, x := range l.R.transposedTimes(wv, len(c)) {
			mixed[j] += x
		}
	}
	return hv, mixed
}

// toy is a Problem of bowls, one for each batch.
type toy struct {
	layers       int
	train, valid []bowl
	perEpoch     int
	w            *vec

	drift    float64 // plays the batch-norm buffers: every Gradient moves it
	gflop    float64
	asked    []batch.Batch // by Gradient and Linearize
	products int
	skips    bool

	at     bowl
	atW    []float64
	atC    []float64
	linear bool
}

func (p *toy) batch(b batch.Batch) bowl {
	p.asked = append(p.asked, b)
	set := p.train
	if b.Split == batch.Valid {
		set = p.valid
	}
	return set[(b.Index+uint64(b.Draw))%uint64(len(set))]
}

func (p *toy) Layers() int                     { return p.layers }
func (p *toy) Weights() exec.Vec               { return p.w }
func (p *toy) NewVec() exec.Vec                { return &vec{make([]float64, len(p.w.x))} }
func (p *toy) BatchesPerEpoch(batch.Split) int { return p.perEpoch }
func (p *toy) GFLOP() float64                  { return p.gflop }

func (p *toy) Gradient(b batch.Batch, coefs []float64, dw exec.Vec, dcoefs []float64) (exec.Number, error) {
	loss, gw, gc := p.batch(b).gradient(p.w.x, coefs)
	if dw != nil {
		copy(dw.(*vec).x, gw)
	}
	if dcoefs != nil {
		copy(dcoefs, gc)
	}
	p.linear = false
	p.gflop++
	p.drift = 0.9*p.drift + 0.1*loss
	return exec.Known(loss), nil
}

func (p *toy) Linearize(b batch.Batch, coefs []float64) error {
	p.at, p.atW, p.atC, p.linear = p.batch(b), slices.Clone(p.w.x), slices.Clone(coefs), true
	p.gflop++
	return nil
}

func (p *toy) Product(v, hv exec.Vec, mixed []float64) error {
	if !p.linear {
		return fmt.Errorf("toy: Product without a linearization point")
	}
	h, m := p.at.product(p.atW, p.atC, v.(*vec).x)
	if hv != nil {
		copy(hv.(*vec).x, h)
	}
	if mixed != nil {
		copy(mixed, m)
	}
	p.gflop += 2
	p.products++
	return nil
}

// Curvature: the loss is linear in the coefficients.
func (p *toy) Curvature(b batch.Batch, coefs, dcoefs []float64, _, products [][]float64) error {
	_, _, gc := p.batch(b).gradient(p.w.x, coefs)
	copy(dcoefs, gc)
	for _, product := range products {
		clear(product)
	}
	p.linear = false
	p.gflop += float64(1 + len(products))
	return nil
}

func (p *toy) Evaluate(b batch.Batch, coefs []float64, norm exec.NormMode) (batch.Evaluation, error) {
	loss, _, _ := p.batch(b).gradient(p.w.x, coefs)
	p.linear = false
	p.gflop++
	if norm == exec.NormUpdate {
		p.drift = 0.9*p.drift + 0.1*loss
	}
	return batch.Evaluation{Loss: loss, Accuracy: 100 * math.Exp(-loss*loss)}, nil
}

func (p *toy) EvaluateSplit(s batch.Split, coefs []float64, norm exec.NormMode) (batch.Evaluation, error) {
	var sum batch.Evaluation
	for i := range p.train {
		one, err := p.Evaluate(batch.Batch{Split: s, Index: uint64(i)}, coefs, norm)
		if err != nil {
			return sum, err
		}
		sum.Loss += one.Loss / float64(len(p.train))
		sum.Accuracy += one.Accuracy / float64(len(p.train))
	}
	return sum, nil
}

func (p *toy) SkipZeros(on bool) { p.skips = on }

type toySnapshot struct {
	w     []float64
	drift float64
}

func (p *toy) Snapshot() any { return toySnapshot{slices.Clone(p.w.x), p.drift} }

func (p *toy) Restore(snapshot any) error {
	s := snapshot.(toySnapshot)
	copy(p.w.x, s.w)
	p.drift = s.drift
	return nil
}

func (p *toy) Carry(from any) (int, error) { return copy(p.w.x, from.(*toy).w.x), nil }

func (p *toy) Widen(from any, old, momentum exec.Vec, _ *rand.Rand) error {
	copy(p.w.x, from.(*toy).w.x)
	momentum.Copy(old)
	return nil
}

func (p *toy) State() []byte {
	b := p.w.Bytes()
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.drift))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(p.gflop))
}

func (p *toy) SetState(b []byte) error {
	n := 8 * len(p.w.x)
	if len(b) != n+16 {
		return fmt.Errorf("toy: %d bytes, want %d", len(b), n+16)
	}
	p.drift = math.Float64frombits(binary.LittleEndian.Uint64(b[n:]))
	p.gflop = math.Float64frombits(binary.LittleEndian.Uint64(b[n+8:]))
	return p.w.SetBytes(b[:n])
}

// fixed is a toy with one batch for each level.
func fixed(train, valid bowl, w ...float64) *toy {
	return &toy{layers: 1, train: []bowl{train}, valid: []bowl{valid}, perEpoch: 1, w: &vec{w}}
}

var toyRows = Layout{
	{Name: "1<-0", Options: []string{"a", "b", "c"}, Node: 1, Keep: 1},
	{Name: "2<-0", Options: []string{"a", "b", "c"}, Node: 2, Keep: 1},
}

func toySpace() Space {
	return Space{
		Layout: toyRows,
		Derive: func(scores []float64) string {
			var picks []string
			for _, row := range toyRows.Parts(scores) {
				picks = append(picks, toyRows[0].Options[slices.Index(row, slices.Max(row))])
			}
			return strings.Join(picks, "|")
		},
		Random: func(r *rand.Rand) string {
			return toyRows[0].Options[r.IntN(3)] + "|" + toyRows[1].Options[r.IntN(3)]
		},
		Neighbours: func(arch string) ([]string, error) {
			var out []string
			for edge := range toyRows {
				for _, option := range toyRows[edge].Options {
					picks := strings.Split(arch, "|")
					if picks[edge] != option {
						picks[edge] = option
						out = append(out, strings.Join(picks, "|"))
					}
				}
			}
			return out, nil
		},
		Graphs: &Graphs{
			Types: svge.FirstOp + 3, Nodes: 4,
			Of: func(arch string) (svge.Graph, error) {
				picks := strings.Split(arch, "|")
				types := []int{svge.Start}
				for _, pick := range picks {
					types = append(types, svge.FirstOp+slices.Index(toyRows[0].Options, pick))
				}
				return svge.Graph{Types: append(types, svge.End), Edges: [][2]int{{0, 1}, {0, 2}, {1, 3}, {2, 3}}}, nil
			},
			Arch: func(g svge.Graph) (string, error) {
				if len(g.Types) != 4 || g.Types[1] < svge.FirstOp || g.Types[2] < svge.FirstOp {
					return "", fmt.Errorf("toy: types %v", g.Types)
				}
				return toyRows[0].Options[g.Types[1]-svge.FirstOp] + "|" + toyRows[0].Options[g.Types[2]-svge.FirstOp], nil
			},
		},
		Choose: func(options []int) string {
			return toyRows[0].Options[options[0]] + "|" + toyRows[1].Options[options[1]]
		},
	}
}

// parseToy checks that arch is in the toy space.
func parseToy(t *testing.T, arch string) {
	t.Helper()
	picks := strings.Split(arch, "|")
	ok := len(picks) == 2
	for _, pick := range picks {
		ok = ok && slices.Contains(toyRows[0].Options, pick)
	}
	if !ok {
		t.Errorf("arch = %q, which is not in the space", arch)
	}
}

// searchable is a two-layer toy whose weights follow the mixture: the minimum of
// L₁ is near w = p (six weights, p the coefficients of layer 0 plus those of layer
// 1, halved), and L₂ = ½‖w − e‖² with e the one-hot point "b|c". L₂ does not name
// c, so all that α can learn comes through the weights. Batches differ a little.
func searchable() *toy { return searchableOf(2) }

// searchableOf is that with another number of layers.
func searchableOf(layers int) *toy {
	p := &toy{layers: layers, perEpoch: 5, w: &vec{[]float64{0.1, -0.2, 0.3, 0, 0.2, -0.1}}}
	r := rand.New(rand.NewPCG(1, 2))
	for range 7 {
		l := bowl{A: diag(1, 1, 1, 1, 1, 1), B: make(matrix, 6), b: make([]float64, 6)}
		for i := range l.A {
			l.A[i][i] += 0.2 * r.Float64()
			l.B[i] = make([]float64, 6*layers)
			for layer := range layers {
				l.B[i][i+6*layer] = (1 + 0.2*r.Float64()) / float64(layers)
			}
			l.b[i] = 0.05 * r.NormFloat64()
		}
		p.train = append(p.train, l)
		v := bowl{A: diag(1, 1, 1, 1, 1, 1), b: []float64{0, 1, 0, 0, 0, 1}, r: 1}
		for i := range v.b {
			v.b[i] += 0.05 * r.NormFloat64()
		}
		p.valid = append(p.valid, v)
	}
	return p
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.15g, want %.15g within %g", what, got, want, tolerance)
	}
}

func nearAll(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d entries, want %d", what, len(got), len(want))
	}
	for i := range got {
		near(t, fmt.Sprintf("%s[%d]", what, i), got[i], want[i], tolerance)
	}
}

func norm2(x []float64) float64 {
	sum := 0.0
	for _, a := range x {
		sum += a * a
	}
	return math.Sqrt(sum)
}

func minus(x, y []float64) []float64 {
	z := make([]float64, len(x))
	for i := range z {
		z[i] = x[i] - y[i]
	}
	return z
}
