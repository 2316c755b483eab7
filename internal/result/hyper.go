package result

// HyperPlan says what is measured. All numbers of a [HyperStudy] follow from it and the data.
type HyperPlan struct {
	Space    string `json:"space"`
	Protocol string `json:"protocol"`
	Method   string `json:"method"` // whose search it is; it has the settings of the protocol
	Seed     uint64 `json:"seed"`
	Epochs   []int  `json:"epochs"`   // after which the search is looked at, ascending
	Batch    int    `json:"batch"`    // images behind the references
	Unrolled int    `json:"unrolled"` // steps of gradient descent that are differentiated through
	Batches  int    `json:"batches"`  // of the protocol's size, over which solvers are averaged
	MINRES   int    `json:"minres"`   // products of the reference at most
	Most     int    `json:"most"`     // budget of a solver: K, products, columns, steps
	// Calls are how many outer steps a solver with a warm start has behind it when it is
	// judged; the weights rest meanwhile, which is in its favour.
	Calls int `json:"calls"`
}

// HyperStudy is what was measured.
type HyperStudy struct {
	Plan HyperPlan `json:"plan"`
	// Settings are those of the search that was looked at.
	Settings any               `json:"settings"`
	Revision int               `json:"revision"` // of how it is measured
	Device   string            `json:"device"`   // the class of it, which says the bits
	Versions map[string]string `json:"versions"`
	Data     map[string]string `json:"data"`
	Params   int               `json:"params"` // of the supernet
	Small    int               `json:"small"`  // images of a batch of the protocol
	Points   []HyperPoint      `json:"points"`
	Ridge    []HyperRidge      `json:"ridge"`
}

// HyperPoint is one moment of the search. Implicit is the part of a hypergradient that comes
// from the weights, in α; direct is the other. References and solvers are at the weights
// after Unrolled steps of gradient descent on one batch.
type HyperPoint struct {
	Epoch    int     `json:"epoch"`
	Rate     float64 `json:"rate"`     // γ: the learning rate of the weights in that epoch
	Residual float64 `json:"residual"` // ‖v − Hu‖/‖v‖ that MINRES ended with
	// Curvature is vᵀHv/vᵀv. Below 0 H is not positive definite.
	Curvature float64      `json:"curvature"`
	Direct    float64      `json:"direct_norm"`
	Unrolled  float64      `json:"unrolled_norm"` // of the implicit part, through all steps
	Exact     float64      `json:"exact_norm"`    // of the implicit part by MINRES
	Cosine    float64      `json:"cosine"`        // of the two
	Curves    []HyperCurve `json:"curves"`
}

// HyperCurve is a solver for growing budgets.
type HyperCurve struct {
	Solver string       `json:"solver"`
	Values []HyperValue `json:"values"`
	// Diverged is the budget at which its numbers were no longer finite, 0: never. It has no
	// values from there on.
	Diverged int `json:"diverged,omitempty"`
}

// HyperValue is a solver at one budget: its implicit part beside that of the unrolled reference,
// on the batch of the reference (Same) and on batches of the protocol (Small, means), and
// beside that by MINRES, on the same batch.
type HyperValue struct {
	Budget int     `json:"budget"` // K, products, columns, or steps a call
	GFLOP  float64 `json:"gflop"`  // of a hypergradient on a batch of the protocol
	Same   Apart   `json:"same"`
	Exact  Apart   `json:"exact"`
	Small  Apart   `json:"small"`
	// Spread is the sample standard deviation of the cosines behind Small.
	Spread float64 `json:"spread"`
	Norm   float64 `json:"norm"` // of the implicit part on the batch of the reference
}

// Apart is how far a vector is from another.
type Apart struct {
	Cosine float64 `json:"cosine"`
	Error  float64 `json:"error"` // ‖a − b‖/‖b‖
}

// HyperRidge is the error of a truncated series on ridge regression beside its bound, and what
// searches with it come to.
type HyperRidge struct {
	Gamma float64   `json:"gamma"`
	K     []int     `json:"k"`
	Error []float64 `json:"error"` // ‖estimate − exact‖/‖exact‖ at w*(c)
	Bound []float64 `json:"bound"` // (1−γμ)^{K+1} ‖M‖‖v‖/μ, by ‖exact‖
	// Descent is the validation loss at w*(c) after each outer step of a search in the
	// penalties, for the K of Searches.
	Searches []int       `json:"searches"`
	Descent  [][]float64 `json:"descent"`
}
