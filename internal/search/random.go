package search

import "idarts/internal/rng"

const randomName = "random"

// randomSearch draws distinct architectures uniformly.
type randomSearch struct{ *blackBox }

func newRandom(env Env) (Searcher, error) {
	return newBlackBox(randomName, env, func(b *blackBox) strategy { return randomSearch{b} })
}

func (r randomSearch) next() (string, error) {
	return r.unseen(rng.New(r.env.Seed, "random search", uint64(len(r.archs))))
}

func (r randomSearch) learn(string, float64) {}
