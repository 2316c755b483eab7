package reports

import (
	"fmt"
	"strconv"

	"idarts/internal/result"
)

// Hypergradients are the tables and figures of a study of solvers.
func Hypergradients(s *result.HyperStudy) (tables Tables, figures []Figure) {
	figures = append(figures, ridgeFigures(s.Ridge)...)
	for _, p := range s.Points {
		figures = append(figures, momentFigures(s, p)...)
	}
	return Tables{momentsTable(s), solversTable(s)}, figures
}

// momentsTable has a row for each moment of the search.
func momentsTable(s *result.HyperStudy) Table {
	t := Table{
		Name: "hypergradient-moments",
		Caption: fmt.Sprintf("The hypergradient of %s in protocol %s, seed %d, on one batch of %d images, %d weights: norms, in alpha, of the direct part, and of the part that comes from the weights: "+
			"by differentiating through %d steps of gradient descent, and by solving the linear system at their end with minimal residuals. K=2 is what iDARTS takes there.",
			s.Plan.Method, s.Plan.Protocol, s.Plan.Seed, s.Plan.Batch, s.Params, s.Plan.Unrolled),
		Header: []string{"After epoch", "gamma", "vHv/vv", "direct", "unrolled", "linear system", "cosine of the two", "residual", "K=2", "K=2 / direct"},
	}
	for _, p := range s.Points {
		row := []string{strconv.Itoa(p.Epoch), digits(p.Rate), digits(p.Curvature), digits(p.Direct), digits(p.Unrolled), digits(p.Exact), fixed(p.Cosine, 2), fixed(p.Residual, 2), missing, missing}
		if v, ok := valueOf(p.Curves[0], 2); ok {
			row[8], row[9] = digits(v.Norm), fixed(v.Norm/p.Direct, 3)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("residual: what is left of the linear system after %d products at most; H is not positive definite here, and the reference is no better than this.", s.Plan.MINRES))
	return t
}

// valueOf is the value of a curve at a budget.
func valueOf(c result.HyperCurve, budget int) (result.HyperValue, bool) {
	for _, v := range c.Values {
		if v.Budget == budget {
			return v, true
		}
	}
	return result.HyperValue{}, false
}

// solversTable has a row for each solver, budget and moment.
func solversTable(s *result.HyperStudy) Table {
	t := Table{
		Name: "hypergradient-solvers",
		Caption: fmt.Sprintf("Part of the hypergradient that comes from the weights, by solver, beside that through %d unrolled steps: cosine and relative error on the batch of the reference, and the mean cosine ± standard deviation over %d batches of %d images, as a search takes them.",
			s.Plan.Unrolled, s.Plan.Batches, s.Small),
		Header: []string{"Solver"},
	}
	for _, p := range s.Points {
		at := fmt.Sprintf("epoch %d: ", p.Epoch)
		t.Header = append(t.Header, at+"cosine", at+"error", at+"small batches")
	}
	t.Header = append(t.Header, "GFLOP")
	for i, curve := range s.Points[0].Curves {
		for _, v := range curve.Values {
			row := []string{fmt.Sprintf("%s %d", curve.Solver, v.Budget)}
			for _, p := range s.Points {
				if v, ok := valueOf(p.Curves[i], v.Budget); ok {
					row = append(row, fixed(v.Same.Cosine, 2), digits(v.Same.Error), fmt.Sprintf("%s ± %s", fixed(v.Small.Cosine, 2), fixed(v.Spread, 2)))
				} else {
					row = append(row, missing, missing, missing)
				}
			}
			t.Rows = append(t.Rows, append(row, fixed(v.GFLOP, 2)))
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("GFLOP: of one hypergradient on a small batch, the gradients behind it included. A solver with a warm start has %d calls behind it, on other batches, while the weights rest.", s.Plan.Calls))
	return t
}

// momentFigures are the charts of one moment.
func momentFigures(s *result.HyperStudy, p result.HyperPoint) (figures []Figure) {
	for _, kind := range []struct {
		name, y string
		of      func(result.HyperValue) float64
		spread  bool
		log     bool
	}{
		{"cosine", "cosine, same batch", func(v result.HyperValue) float64 { return v.Same.Cosine }, false, false},
		{"error", "relative error, same batch", func(v result.HyperValue) float64 { return v.Same.Error }, false, true},
		{"small", fmt.Sprintf("mean cosine, batches of %d", s.Small), func(v result.HyperValue) float64 { return v.Small.Cosine }, true, false},
		{"system", "cosine with the linear system", func(v result.HyperValue) float64 { return v.Exact.Cosine }, false, false},
	} {
		var lines []Line
		for _, curve := range p.Curves {
			l := Line{Label: curve.Solver, Marks: true}
			for _, v := range curve.Values {
				y := kind.of(v)
				l.X, l.Y = append(l.X, v.GFLOP), append(l.Y, y)
				if kind.spread {
					l.Low, l.High = append(l.Low, y-v.Spread), append(l.High, y+v.Spread)
				}
			}
			lines = append(lines, l)
		}
		reference := fmt.Sprintf("%d unrolled steps", s.Plan.Unrolled)
		if kind.name == "system" {
			reference = "the linear system"
		}
		figures = append(figures, Lines(Axes{
			Name:  fmt.Sprintf("hypergradient-epoch-%d-%s", p.Epoch, kind.name),
			Title: fmt.Sprintf("implicit part of the hypergradient beside %s, %s %s, after epoch %d", reference, s.Plan.Method, s.Plan.Protocol, p.Epoch),
			X:     "arithmetic of a hypergradient on a small batch (GFLOP)", Y: kind.y,
		}, true, kind.log, lines...))
	}
	return figures
}

// ridgeFigures are the error of the series beside its bound, and searches with it.
func ridgeFigures(ridges []result.HyperRidge) []Figure {
	var errors, descents []Line
	for _, r := range ridges {
		e, b := Line{Label: fmt.Sprintf("error, gamma %s", digits(r.Gamma))}, Line{Label: fmt.Sprintf("bound, gamma %s", digits(r.Gamma))}
		for i, k := range r.K {
			e.X, e.Y = append(e.X, float64(k)), append(e.Y, r.Error[i])
			b.X, b.Y = append(b.X, float64(k)), append(b.Y, r.Bound[i])
		}
		errors = append(errors, e, b)
	}
	last := ridges[len(ridges)-1]
	for i, k := range last.Searches {
		l := Line{Label: fmt.Sprintf("K=%d", k)}
		for step, loss := range last.Descent[i] {
			l.X, l.Y = append(l.X, float64(step)), append(l.Y, loss)
		}
		descents = append(descents, l)
	}
	return []Figure{
		Lines(Axes{"hypergradient-ridge-error", "ridge regression: the truncated series and its bound", "K", "relative error of the hypergradient"}, false, true, errors...),
		Lines(Axes{"hypergradient-ridge-descent", fmt.Sprintf("ridge regression: searches in its penalties, T=4, gamma %s", digits(last.Gamma)), "outer steps", "validation loss at the solution"}, false, false, descents...),
	}
}
