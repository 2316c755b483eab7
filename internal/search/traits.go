package search

// Traits say in a few words what a method is. Nothing reads them but people.
type Traits struct {
	Level      string // which data weights and architecture take: "bi", "single", "table"
	Relaxation string // what architecture parameters stand for
	Update     string // what moves them
	Selection  string // what decides the architecture
	Cost       string // of an outer step, in gradients of the supernet
}

// What many rows have in common.
const (
	bilevel     = "bi"
	singleLevel = "single"
	ofTable     = "table"

	byAdam   = "Adam on the validation gradient"
	byArgmax = "argmax"
)
