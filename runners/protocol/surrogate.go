package protocol

import (
	"cmp"
	"fmt"
	"slices"

	dartsspace "idarts/darts_space"
	"idarts/internal/result"
	"idarts/internal/training"
)

// surrogate scores genotypes by a prediction. It knows one number of each, a validation
// accuracy, which stands for the test accuracy as well.
type surrogate struct{ *dartsspace.Surrogate }

func openSurrogate(name string, content []byte, _, _ Column) (Table, error) {
	s, err := dartsspace.DecodeSurrogate(name, content)
	if err != nil {
		return nil, err
	}
	return surrogate{s}, nil
}

// Score implements [Table].
func (s surrogate) Score(arch string) (result.Scored, error) {
	g, err := dartsspace.Parse(arch)
	if err != nil {
		return result.Scored{}, err
	}
	accuracy, err := s.Accuracy(g, dartsspace.SurrogateEpochs)
	return result.Scored{Score: result.Score{Valid: accuracy, Test: accuracy}}, err
}

// Optimum implements [Table]: nobody has asked for all genotypes.
func (surrogate) Optimum() (*result.Optimum, error) { return nil, nil }

// Expected implements [Table].
func (surrogate) Expected(int) (*result.Expected, error) { return nil, nil }

// Kind implements [Kinded].
func (surrogate) Kind() string { return "surrogate" }

// Kinded is a table whose scores are something else than measurements.
type Kinded interface {
	// Kind is the word that sources of scores begin with in place of "table".
	Kind() string
}

// dartsSurrogate is the laptop search of the DARTS space, judged by the surrogate of
// NAS-Bench-301.
var dartsSurrogate = Protocol{
	Name: "laptop-nb301", Title: "the searches of laptop; genotypes are scored by a surrogate of NAS-Bench-301, which predicts their validation accuracy on CIFAR-10",
	Space: "darts", Dataset: dartsLaptop.Dataset,
	Supernet: dartsLaptop.Supernet, Batch: dartsLaptop.Batch, Augment: dartsLaptop.Augment,
	Score: Scoring{
		Table: true, TableFrom: "idarts data fetch nb301 --out",
		Valid: Column{Dataset: "cifar10", TrainedOn: "cifar10", Split: "valid", Epochs: dartsspace.SurrogateEpochs},
		Test:  Column{Dataset: "cifar10", TrainedOn: "cifar10", Split: "valid", Epochs: dartsspace.SurrogateEpochs},
		// How the networks behind it were trained; only their cost is computed from this.
		Fitted: &TrainingSet{Images: 40000, Size: 32, Channels: 3, Classes: 10},
		Recipe: Recipe{Net: dartsspace.Net{C: 32, N: 8, Aux: true}, Recipe: training.Recipe{Epochs: 100, Batch: 96}},
	},
	Search: slices.Concat(pick(blackBox, "random", "rea", "local"), laptopSearches(2, 60, 60/4), aside(inSurrogate(relatedSearches(budgetOf{2, 60, 32, 100, 512, 2, false})))),
}

// inSurrogate are those methods whose genotypes give each node two different inputs through
// operations, which the surrogate asks for.
func inSurrogate(searches []Search) []Search {
	return slices.DeleteFunc(slices.Clone(searches), func(s Search) bool { return slices.Contains(OutsideSurrogate, s.Method) })
}

// OutsideSurrogate are the methods whose genotypes may leave nodes out or give one two edges
// from one input.
var OutsideSurrogate = []string{"fair-darts", "ista-nas"}

// AskSurrogate answers a question to the surrogate about a genotype, in text.
func AskSurrogate(q Question) (string, error) {
	if err := q.Without("the surrogate knows one number, a validation accuracy on CIFAR-10 after so many epochs", "dataset", "trained-on", "split", "seeds", "release", "protocol", "alike"); err != nil {
		return "", err
	}
	s, err := dartsspace.OpenSurrogate(q.Table)
	if err != nil {
		return "", err
	}
	g, err := dartsspace.Parse(q.Arch)
	if err != nil {
		return "", err
	}
	epochs := cmp.Or(q.Epochs, dartsspace.SurrogateEpochs)
	accuracy, err := s.Accuracy(g, epochs)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\npredicted by a surrogate, not measured: validation accuracy on CIFAR-10 after %d epochs %.2f %%\n", g, epochs, accuracy), nil
}
