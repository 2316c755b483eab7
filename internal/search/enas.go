package search

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"idarts/internal/exec"
	"idarts/internal/rng"
)

// ENAS are the settings of search by a controller.
type ENAS struct {
	Schedule
	Restart  int      `json:"restart" doc:"epochs after which the learning rate starts over; 0: never"`
	Hidden   int      `json:"hidden" doc:"units of a layer of the controller"`
	Layers   int      `json:"layers" doc:"layers of the controller"`
	Arch     Adam     `json:"arch"` // moves the controller
	ArchClip float64  `json:"arch_clip" doc:"largest norm of the controller's gradient; 0: no clipping"`
	Updates  int      `json:"updates" doc:"steps of the controller after each epoch of the weights"`
	Rollouts int      `json:"rollouts" doc:"architectures of a step of the controller, each on a validation batch of its own"`
	Entropy  float64  `json:"entropy" doc:"weight of the entropy in the reward"`
	Baseline float64  `json:"baseline" doc:"weight of the newest reward in the baseline"`
	Sampling Sampling `json:"sampling"`
}

// Check implements [Settings].
func (s ENAS) Check() error {
	return cmp.Or(s.Schedule.Check(), notBelow(0, "restart", float64(s.Restart)), notBelow(1, "hidden", float64(s.Hidden)), notBelow(1, "layers", float64(s.Layers)),
		above(0, "arch.lr", s.Arch.LR), notBelow(0, "arch_clip", s.ArchClip), notBelow(0, "updates", float64(s.Updates)), notBelow(1, "rollouts", float64(s.Rollouts)), s.Sampling.Check())
}

var enas = Method{
	Name: "enas", Title: "ENAS", Paper: "Pham et al., ICML 2018, arXiv:1802.03268",
	Note:   "an epoch of weight steps on architectures that a controller samples, then steps of the controller along the policy gradient of their validation accuracy; of sampled architectures the best by shared weights is the answer. The baseline is carried on within an epoch, where the code goes back to that of the epoch before at each reward; batch norm has batch statistics in rewards",
	Traits: Traits{bilevel, "single path of an LSTM controller", "Adam on the policy gradient", "best of sampled by shared weights", "1 of one path, and forward passes each epoch"},
	Zero:   ENAS{},
	Begin: with(func(env Env, s ENAS) (Searcher, error) {
		c := newController(env.Space.Layout, s.Hidden, s.Layers, rng.New(env.Seed, "controller"))
		c.set = s
		parts := s.parts(c)
		parts.SkipZeros = true
		parts.Moves = []Move{WeightStep{}.Move()}
		parts.Arch = Clipped(NewAdam(s.Arch, len(c.lstm.theta)), s.ArchClip)
		best := newBestSampled(s.Sampling, env.Space.Layout, func(e *Engine, n int) [][]float64 {
			r, paths := e.Rand("sampled architectures", 0), make([][]float64, n)
			for i := range paths {
				_, paths[i] = c.sample(r)
			}
			return paths
		})
		parts.Select = best
		parts.Hooks = []Hook{{Before: func(e *Engine) error {
			if s.Restart > 0 {
				e.Clock.Epoch, e.Clock.Epochs = e.Clock.Epoch%s.Restart, s.Restart
			}
			return nil
		}, After: c.update}, best.hook()}
		return NewEngine(env, parts)
	}),
}

// controller is the relaxation whose mixtures are single architectures that an LSTM
// samples. A row is one decision; of a node that keeps some of its edges the edges are
// decided first, one after another, and then the operation of each, none aside; a row that
// keeps several options decides them one after another.
type controller struct {
	set      ENAS
	lstm     *lstm
	rows     Layout
	plan     []planned
	baseline []float64 // [2]: whether there is one, and it
}

// planned is a decision of the plan, as far as it is known from the start.
type planned struct {
	node  []span // whose edges are decided, or nil
	edge  int    // the operation of the edge that was decided as number edge; −1
	row   span   // whose option is decided
	again bool   // what was decided just before may not be decided again
}

func newController(rows Layout, hidden, layers int, r *rand.Rand) *controller {
	c := &controller{rows: rows, baseline: make([]float64, 2)}
	var heads []int
	head := func(n int) { // heads by number of options
		if !slices.Contains(heads, n) {
			heads = append(heads, n)
		}
	}
	for _, node := range nodesOf(rows) {
		if keep := node[0].NodeKeep; keep > 0 && len(node) > keep {
			for k := range keep {
				c.plan = append(c.plan, planned{node: node, edge: -1, again: k > 0})
			}
			head(len(node))
			for k := range keep {
				c.plan = append(c.plan, planned{node: node, edge: k})
			}
			head(len(node[0].Options))
			continue
		}
		for _, row := range node {
			for k := range row.Keep {
				c.plan = append(c.plan, planned{edge: -1, row: row, again: k > 0})
			}
			head(len(row.Options))
		}
	}
	// Embeddings: one of each option, then one of each row, for decisions of edges.
	c.lstm = newLSTM(hidden, layers, rows.Len()+len(rows), heads, r)
	return c
}

// next is the decision that follows from those that were made.
func (c *controller) next(made []step) (decision, bool) {
	if len(made) == len(c.plan) {
		return decision{}, false
	}
	p := c.plan[len(made)]
	head := func(n int) int { return slices.Index(c.lstm.heads, n) }
	var d decision
	switch {
	case p.node != nil && p.edge < 0:
		d = decision{head: head(len(p.node)), first: c.rows.Len() + c.index(p.node[0])}
	case p.node != nil:
		row := c.edge(made, p)
		d = decision{head: head(len(row.Options)), first: row.start, allowed: make([]bool, len(row.Options))}
		for o, option := range row.Options {
			d.allowed[o] = option != NoOperation
		}
	default:
		d = decision{head: head(len(p.row.Options)), first: p.row.start}
		if p.row.NodeKeep > 0 {
			d.allowed = make([]bool, len(p.row.Options))
			for o, option := range p.row.Options {
				d.allowed[o] = option != NoOperation
			}
		}
	}
	if p.again { // not what the decisions just before have taken
		if d.allowed == nil {
			d.allowed = slices.Repeat([]bool{true}, c.lstm.heads[d.head])
		} else {
			d.allowed = slices.Clone(d.allowed)
		}
		for k := len(made) - 1; k >= 0; k-- {
			d.allowed[made[k].choice] = false
			if !c.plan[k].again {
				break
			}
		}
	}
	return d, true
}

// edge is the row of an operation's edge.
func (c *controller) edge(made []step, p planned) span {
	keep := p.node[0].NodeKeep
	first := len(made) - keep - p.edge // the first decision of the node's edges
	var chosen []int
	for k := range keep {
		chosen = append(chosen, made[first+k].choice)
	}
	return p.node[chosen[p.edge]]
}

// index is the place of a row in the layout.
func (c *controller) index(row span) int {
	at := 0
	for i := range c.rows {
		if at == row.start {
			return i
		}
		at += len(c.rows[i].Options)
	}
	return -1
}

// sample draws an architecture: the decisions, and its path [A].
func (c *controller) sample(r *rand.Rand) ([]step, []float64) {
	made := c.lstm.unroll(c.next, func(p []float64) int { return draw(p, r) })
	path := make([]float64, c.rows.Len())
	for k, s := range made {
		if p := c.plan[k]; p.node == nil || p.edge >= 0 {
			path[s.first+s.choice] = 1
		}
	}
	return made, path
}

// update takes the steps of the controller after an epoch of the weights. With the reward
//
//	R = accuracy in [0,1] + Entropy·H,  b ← b + Baseline·(R − b)
//
// of each rollout it moves against the gradient of −log p·(R − b)/Rollouts, through H too,
// as the code does.
func (c *controller) update(e *Engine) error {
	grad := make([]float64, len(c.lstm.theta))
	for k := range c.set.Updates {
		clear(grad)
		r := e.Rand("rollouts", uint64(k))
		for range c.set.Rollouts {
			made, path := c.sample(r)
			repeat(e.Coefs, path)
			found, err := e.Problem.Evaluate(e.NextValid(c.set.ValidDraw), e.Coefs, exec.NormBatch)
			if err != nil {
				return err
			}
			if !isFinite(found.Loss) {
				return fmt.Errorf("loss of a sampled architecture is %v: %w", found.Loss, ErrDiverged)
			}
			e.Add("valid_loss", found.Loss)
			entropy, log := entropyOf(made), logProbability(made)
			reward := found.Accuracy/100 + c.set.Entropy*entropy
			if c.baseline[0] == 0 {
				c.baseline[0], c.baseline[1] = 1, found.Accuracy/100
			}
			c.baseline[1] += c.set.Baseline * (reward - c.baseline[1])
			advantage := reward - c.baseline[1]
			n := float64(c.set.Rollouts)
			// −∂/∂θ [log p·(R − b)] has the entropy in R, weighted by log p, in it.
			c.lstm.back(made, -advantage/n, -log*c.set.Entropy/n, grad)
			e.Add("reward", reward)
			e.Add("policy_entropy", entropy)
		}
		e.Add("policy_gradient_norm", math.Sqrt(dot(grad, grad)))
		e.Arch.Step(c.lstm.theta, grad, e.Clock)
		if err := finite("controller", c.lstm.theta); err != nil {
			return err
		}
	}
	return nil
}

func (c *controller) Params() []float64 { return c.lstm.theta }

func (c *controller) Mix(coefs []float64, use Use) Pullback {
	_, path := c.sample(use.Rand)
	copy(coefs, path)
	return nil
}

func (c *controller) Scores(scores []float64) { copy(scores, Uniform(c.rows, 1)) }
func (c *controller) State() []byte           { return Floats(slices.Concat(c.lstm.theta, c.baseline)) }

func (c *controller) SetState(b []byte) error {
	all := make([]float64, len(c.lstm.theta)+2)
	if err := SetFloats(all, b); err != nil {
		return err
	}
	copy(c.lstm.theta, all)
	copy(c.baseline, all[len(c.lstm.theta):])
	return nil
}
