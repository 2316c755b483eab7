package search

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// sparseCodes is the relaxation of ISTA-NAS: what a node takes is a sparse code z of a
// short vector b under a fixed random dictionary A. θ are the vectors b. The atoms of a
// node are all operations of its edges but none, and its code has as many entries as the
// node keeps edges: an edge may get two operations, or none at all. Rows of other kinds
// have a code each.
//
// With z̃ the largest entries of z, E = AᵀA − I and everything but the support of z̃ at 0,
// the coefficient of atom j of the support is one linearised step of ISTA around z̃,
//
//	p_j = a_jᵀ b − Σ_k E_kj z̃_k
//
// which is z̃_j + λ·sign z̃_j where b is what it was when the code was found and nothing of
// the code was cut. Rows may be negative and do not add up to 1; what is not in a support
// is 0 and is not run.
//
// Source: Yang et al., ISTA-NAS, NeurIPS 2020, arXiv:2010.06176; iboing/ISTA-NAS.
type sparseCodes struct {
	codes  []code
	b      []float64 // of all codes
	z      []float64 // [A]: z̃
	offset []float64 // [A]: Σ_k E_kj z̃_k
	lambda float64
}

type code struct {
	atoms  []int // places in [A]
	keep   int   // entries of z̃
	a      *mat.Dense
	b      []float64 // a part of sparseCodes.b
	frozen bool
}

// newSparseCodes draws dictionaries with entries uniform in [0,1) from r, and b as
// scale·N(0,1), and finds the first codes.
func newSparseCodes(rows Layout, lambda, scale float64, r *rand.Rand) (*sparseCodes, error) {
	s := &sparseCodes{z: make([]float64, rows.Len()), offset: make([]float64, rows.Len()), lambda: lambda}
	none := noneOf(rows)
	var sizes []int
	for _, node := range codesOf(rows) {
		c, options := code{keep: len(node)}, 0
		if node[0].NodeKeep > 0 {
			c.keep = node[0].NodeKeep
		}
		for _, row := range node {
			options = 0
			for i := row.start; i < row.end(); i++ {
				if row.Kind != Edge || !none[i] {
					c.atoms = append(c.atoms, i)
					options++
				}
			}
		}
		size := max(options, c.keep) // of b: as many as operations
		if node[0].Kind != Edge {
			c.keep = node[0].Keep
			size = max(c.keep, (3*options+4)/5) // 3 for 5 options
		}
		c.a = mat.NewDense(size, len(c.atoms), nil)
		for i := range size {
			for j := range c.atoms {
				c.a.Set(i, j, r.Float64())
			}
		}
		s.codes, sizes = append(s.codes, c), append(sizes, size)
		s.b = append(s.b, make([]float64, size)...)
	}
	for i := range s.b {
		s.b[i] = scale * r.NormFloat64()
	}
	start := 0
	for i, size := range sizes {
		s.codes[i].b = s.b[start : start+size : start+size]
		start += size
	}
	_, err := s.recover(-1)
	return s, err
}

// recover finds the codes of b, but of frozen ones, and freezes those that moved by no
// more than still. It returns how far the one that moved farthest did.
func (s *sparseCodes) recover(still float64) (moved float64, err error) {
	for k := range s.codes {
		c := &s.codes[k]
		if c.frozen {
			continue
		}
		z, err := Lasso(c.a, c.b, s.lambda)
		if err != nil {
			return 0, err
		}
		largest(z, c.keep)
		apart := 0.0
		for j, at := range c.atoms {
			apart += (z[j] - s.z[at]) * (z[j] - s.z[at])
			s.z[at] = z[j]
		}
		apart = math.Sqrt(apart)
		c.frozen = apart <= still
		moved = math.Max(moved, apart)
	}
	s.shift()
	return moved, nil
}

// shift computes the offsets of z̃.
func (s *sparseCodes) shift() {
	clear(s.offset)
	for _, c := range s.codes {
		sum := make([]float64, len(c.b)) // A z̃
		for j, at := range c.atoms {
			for i := range sum {
				sum[i] += c.a.At(i, j) * s.z[at]
			}
		}
		for j, at := range c.atoms {
			if s.z[at] != 0 {
				s.offset[at] = column(c.a, j, sum) - s.z[at]
			}
		}
	}
}

// largest leaves the entries of z of the largest absolute value, the first of equal ones.
func largest(z []float64, keep int) {
	order := make([]int, len(z))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(math.Abs(z[j]), math.Abs(z[i])) })
	for _, i := range order[min(keep, len(order)):] {
		z[i] = 0
	}
}

func (s *sparseCodes) Params() []float64 { return s.b }

// Drawn implements [Drawing]: the dictionaries one after the other, [size of b, atoms] each.
func (s *sparseCodes) Drawn() []float64 {
	var all []float64
	for _, c := range s.codes {
		all = append(all, c.a.RawMatrix().Data...)
	}
	return all
}

func (s *sparseCodes) Mix(coefs []float64, _ Use) Pullback {
	clear(coefs)
	for _, c := range s.codes {
		for j, at := range c.atoms {
			if s.z[at] != 0 {
				coefs[at] = column(c.a, j, c.b) - s.offset[at]
			}
		}
	}
	return func(dcoefs, db []float64) {
		clear(db)
		start := 0
		for _, c := range s.codes {
			part := db[start : start+len(c.b)]
			start += len(c.b)
			for j, at := range c.atoms {
				if s.z[at] == 0 || c.frozen {
					continue
				}
				for i := range part {
					part[i] += c.a.At(i, j) * dcoefs[at]
				}
			}
		}
	}
}

func (s *sparseCodes) Scores(scores []float64) {
	for i, z := range s.z {
		scores[i] = math.Abs(z)
	}
}

// frozen says whether all codes are.
func (s *sparseCodes) frozen() bool {
	return !slices.ContainsFunc(s.codes, func(c code) bool { return !c.frozen })
}

func (s *sparseCodes) State() []byte {
	all := append(slices.Clone(s.b), s.z...)
	for _, c := range s.codes {
		if c.frozen {
			all = append(all, 1)
		} else {
			all = append(all, 0)
		}
	}
	return Floats(all)
}

func (s *sparseCodes) SetState(state []byte) error {
	all := make([]float64, len(s.b)+len(s.z)+len(s.codes))
	if err := SetFloats(all, state); err != nil {
		return fmt.Errorf("sparse codes: %w", err)
	}
	copy(s.b, all)
	copy(s.z, all[len(s.b):])
	for i := range s.codes {
		s.codes[i].frozen = all[len(s.b)+len(s.z)+i] != 0
	}
	s.shift()
	return nil
}
