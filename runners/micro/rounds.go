package micro

import (
	"cmp"
	"math"
	"slices"

	"idarts/internal/rng"
	"idarts/nb201"
)

// Rounds is how many rounds a build has. What a round trains depends on what came of
// those before it, so it begins when these are complete:
//
//  1. every network with seed 0;
//  2. the networks drawn at random, and the Promising best of the others, with seeds 1
//     to Trials-1;
//  3. the Finalists best of those of round 2 with seeds Trials to FinalTrials-1.
//
// The best are those with the highest mean of validation and test accuracy over their
// trainings so far. The table has an optimum by test accuracy and a best cell by
// validation accuracy, and neither may rest on one lucky number: a list of the best by
// one of the two would leave the other's best with a single seed. Of equal networks
// those of lower index are taken.
const Rounds = 3

// plan is what is known of a benchmark before anything is trained.
type plan struct {
	networks             []nb201.Cell // by index
	repeated             map[nb201.Cell]bool
	promising, finalists int // no more than there are networks for it
}

func (m Benchmark) plan() plan {
	var cells []nb201.Cell
	for _, c := range nb201.All() {
		if c.Network() == c {
			cells = append(cells, c)
		}
	}
	draw := func(purpose string, n int) []nb201.Cell {
		drawn := slices.Clone(cells)
		r := rng.New(drawSeed, purpose)
		r.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
		return drawn[:min(n, len(drawn))]
	}
	if m.Networks > 0 {
		cells = draw("micro networks", m.Networks)
		slices.SortFunc(cells, byIndex)
	}
	p := plan{networks: cells, repeated: map[nb201.Cell]bool{}}
	for _, c := range draw("micro repeated", m.Repeated) {
		p.repeated[c] = true
	}
	p.promising = min(m.Promising, len(cells)-len(p.repeated))
	p.finalists = min(m.Finalists, p.promising+len(p.repeated))
	return p
}

func byIndex(a, b nb201.Cell) int { return cmp.Compare(a.Index(), b.Index()) }

// Sizes are how many trainings each round has, which does not depend on results.
func (m Benchmark) Sizes() [Rounds]int {
	p := m.plan()
	return [Rounds]int{
		len(p.networks),
		max(0, m.Trials-1) * (len(p.repeated) + p.promising),
		max(0, m.FinalTrials-m.Trials) * p.finalists,
	}
}

// Tasks lists the trainings of a round, from 0 on, in the order in which they are done:
// a fixed random one, so that the rate of the first ones holds to the end. rows are what
// came of all rounds before.
func (m Benchmark) Tasks(round int, rows []Row) []Task {
	p := m.plan()
	cells, from, to := p.networks, 0, 1
	if round > 0 {
		cells, from, to = p.again(m.right(rows, 1)), 1, m.Trials
	}
	if round > 1 {
		cells, from, to = best(cells, m.right(rows, m.Trials), p.finalists), m.Trials, m.FinalTrials
	}
	var tasks []Task
	for _, c := range cells {
		for seed := from; seed < to; seed++ {
			tasks = append(tasks, Task{Cell: c, Seed: uint64(seed), Curve: m.curve(p, c, seed)})
		}
	}
	r := rng.New(drawSeed, "micro order", uint64(round))
	r.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	return tasks
}

// curve says whether a training is measured after each epoch.
func (m Benchmark) curve(p plan, c nb201.Cell, seed int) bool {
	return m.Curves && p.repeated[c] && seed < m.Trials
}

// again are the networks of round 2 in the order of their index. right ranks them.
func (p plan) again(right map[nb201.Cell]int) []nb201.Cell {
	var others []nb201.Cell
	for _, c := range p.networks {
		if !p.repeated[c] {
			others = append(others, c)
		}
	}
	cells := best(others, right, p.promising)
	for c := range p.repeated {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, byIndex)
	return cells
}

// right counts for each network the images that its trainings with seeds below the given
// one got right, validation and test together. Networks that were trained equally often
// stand in the same order by it as by mean accuracy, and equal ones are equal whatever
// order sums are taken in.
func (m Benchmark) right(rows []Row, seeds int) map[nb201.Cell]int {
	out := map[nb201.Cell]int{}
	for _, r := range rows {
		if r.Epoch == m.Epochs && r.Seed < uint64(seeds) {
			for _, percent := range []float64{r.Valid, r.Test} {
				out[r.Cell] += int(math.Round(percent / 100 * float64(m.Held)))
			}
		}
	}
	return out
}

// best are the n of cells with the most right images, in the order of their index.
func best(cells []nb201.Cell, right map[nb201.Cell]int, n int) []nb201.Cell {
	sorted := slices.SortedFunc(slices.Values(cells), func(a, b nb201.Cell) int {
		return cmp.Or(cmp.Compare(right[b], right[a]), byIndex(a, b))
	})[:n]
	slices.SortFunc(sorted, byIndex)
	return sorted
}
