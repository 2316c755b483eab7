package search

import (
	"cmp"
	"fmt"
)

// IDARTS are the settings of iDARTS as in the paper.
type IDARTS struct {
	Bilevel
	Implicit
	Solver       System  `json:"solver,omitempty" doc:"how H u = v is solved: neumann; first-order (u = 0); cg, minres or warm, with neumann_terms products"`
	GammaFactor  float64 `json:"gamma_factor,omitempty" doc:"times the learning rate of the weights, where gamma is 0; 0: once"`
	ValidBatches int     `json:"valid_batches,omitempty" doc:"validation batches over which an architecture step takes the mean; 0: one"`
}

// Check implements [Settings].
func (s IDARTS) Check() error {
	if s.NeumannTerms == 0 && s.Solver > FirstOrderSystem {
		return fmt.Errorf("solver is %v, which takes a product at least, and neumann_terms is 0", s.Solver)
	}
	return cmp.Or(s.Bilevel.Check(), s.Implicit.Check(), notBelow(0, "gamma_factor", s.GammaFactor), notBelow(0, "valid_batches", float64(s.ValidBatches)))
}

// ownStep is an error for methods of these settings that take an architecture step of their
// own.
func (s IDARTS) ownStep() error {
	if s.Solver != NeumannSystem || s.GammaFactor != 0 || s.ValidBatches != 0 {
		return fmt.Errorf("solver, gamma_factor and valid_batches are %q, %v and %d, want %q, 0 and 0: the method has a step of its own",
			s.Solver, s.GammaFactor, s.ValidBatches, NeumannSystem)
	}
	return nil
}

// System says how the linear system of a hypergradient is solved.
type System uint8

const (
	NeumannSystem    System = iota // [Neumann], as in the paper
	FirstOrderSystem               // [Ignore]
	CGSystem                       // [CG]
	MINRESSystem                   // [MINRES]
	WarmSystem                     // [Warm]
)

var systems = names{NeumannSystem: "neumann", FirstOrderSystem: "first-order", CGSystem: "cg", MINRESSystem: "minres", WarmSystem: "warm"}

// String is "neumann", "first-order" and so on.
func (s System) String() string { return systems.of(uint8(s)) }

// MarshalText gives the name.
func (s System) MarshalText() ([]byte, error) { return systems.marshal(uint8(s)) }

// UnmarshalText takes a name.
func (s *System) UnmarshalText(text []byte) error { return systems.parse(text, (*uint8)(s)) }

// solve is the solver with so many products, or of K+1 terms.
func (s System) solve(k int) Solver {
	switch s {
	case FirstOrderSystem:
		return Ignore{}
	case CGSystem:
		return CG{Iters: k}
	case MINRESSystem:
		return MINRES{Iters: k}
	case WarmSystem:
		return &Warm{Steps: k}
	}
	return Neumann{k}
}

var idarts = Method{
	Name: "idarts", Title: "iDARTS", Paper: "Zhang et al., ICML 2021, arXiv:2106.10784",
	Note:   "as in the paper: inner weight steps that move the weights, then an architecture step with K+1 Neumann terms on one more training batch; exact products; weights unchanged by it",
	Zero:   IDARTS{},
	Traits: Traits{bilevel, "softmax", "Adam, T steps and K+1 Neumann terms", byArgmax, "T + 2 + 2K + 2"},
	Begin: with(func(env Env, s IDARTS) (Searcher, error) {
		parts := s.parts(env)
		parts.OnePass = s.OnePass
		solve := s.Solver.solve(s.NeumannTerms)
		if warm, ok := solve.(*Warm); ok {
			parts.Memory = []Stateful{warm}
		}
		parts.Moves = []Move{
			Repeat(s.InnerSteps, WeightStep{}.Move()),
			ArchStep{Solve: solve, Gamma: s.Gamma, GammaFactor: s.GammaFactor, ValidBatches: s.ValidBatches, ValidDraw: s.ValidDraw}.Move(),
		}
		return NewEngine(env, parts)
	}),
}
