package main

import (
	"fmt"
	"io"
	"slices"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/nb201"
	"idarts/runners"
	"idarts/runners/protocol"
)

type queryCmd struct {
	Cell      string `arg:"" help:"Architecture in the text of its space, the hash of a cell of NAS-Bench-101, or the name of a published genotype of the DARTS space."`
	Space     string `help:"Search space of the architecture. Where no table is given, darts asks the published genotypes inside the program." placeholder:"NAME"`
	Table     string `help:"Arrow table: a benchmark, published genotypes, or scores.arrow of an output folder; or the surrogate of NAS-Bench-301 (.onnx); when left out, the complete table of NAS-Bench-201 cells inside the program." placeholder:"FILE"`
	Dataset   string `help:"Whose images it was measured on. A benchmark needs this and the next four, or --protocol; an error lists what its table has." placeholder:"NAME"`
	TrainedOn string `help:"Whose images it was trained on: cifar10-valid is one half of CIFAR-10's." placeholder:"NAME"`
	Split     string `help:"Which images it was measured on: train, x-valid, x-test or ori-test; train, valid or test." placeholder:"NAME"`
	Epochs    int    `help:"Length of the training." placeholder:"N"`
	Seeds     string `help:"Which trials the mean is over: all that there are, or numbers such as 777,888." placeholder:"LIST"`
	Release   string `help:"Release of the benchmark, such as NATS-Bench v1.0; when left out, every one that the table has, one by one." placeholder:"NAME"`
	Alike     bool   `help:"Also the numbers of all cells of NAS-Bench-201 with the same network, up to the names of nodes: how much trainings of it differ."`
	Protocol  string `help:"A list of keys with a name, which is printed: paper, short (12 epochs), or everything that the table has." placeholder:"NAME"`
}

// Run asks the table by its own kind.
func (q *queryCmd) Run(c console) error {
	if q.Space != "" {
		if _, err := protocol.LookupSpace(q.Space); err != nil {
			return err
		}
	}
	if q.Protocol != "" {
		why := fmt.Sprintf("--protocol %s says what it was trained on, split, epochs and seeds; want it or them", q.Protocol)
		if err := c.without(why, "trained-on", "split", "epochs", "seeds"); err != nil {
			return err
		}
	}
	format, err := q.format()
	if err != nil {
		return missing(err, place{"table", q.Table})
	}
	question := protocol.Question{
		Arch: q.Cell, Space: q.Space, Table: q.Table,
		Dataset: q.Dataset, TrainedOn: q.TrainedOn, Split: q.Split, Epochs: q.Epochs, Seeds: q.Seeds, Release: q.Release, Protocol: q.Protocol, Alike: q.Alike,
		Without: c.without,
	}
	if format == dartsspace.SurrogateFormat {
		if err := q.inSpace("darts"); err != nil {
			return err
		}
		if question.Arch, err = architecture("darts", q.Cell); err != nil {
			return err
		}
		return answer(c, protocol.AskSurrogate, question)
	}
	if format == runners.ScoresFormat || format == runners.ScoresFormat1 {
		return q.scores(c)
	}
	space, err := q.spaceOf(format)
	if err != nil {
		return err
	}
	return answer(c, space.Query, question)
}

// answer prints what is said to a question.
func answer(c console, ask func(protocol.Question) (string, error), q protocol.Question) error {
	text, err := ask(q)
	if err == nil {
		_, err = io.WriteString(c.out, text)
	}
	return err
}

// format is that of the table to ask: of the file, else of the table inside the program
// for the space that was named or whose texts begin so.
func (q *queryCmd) format() (string, error) {
	if dartsspace.IsSurrogate(q.Table) {
		return dartsspace.SurrogateFormat, nil
	}
	if q.Table != "" {
		meta, err := arrowio.Meta(q.Table)
		return meta["format"], err
	}
	var inside []string
	for _, s := range protocol.Spaces {
		if s.TableInside && s.Name == q.Space {
			return s.TableFormat, nil
		}
		if s.TableInside {
			inside = append(inside, s.Name)
		}
	}
	switch {
	case q.Space != "":
		return "", fmt.Errorf("--space %s: without --table only %q can be asked", q.Space, inside)
	case dartsspace.IsText(q.Cell):
		return dartsspace.Format, nil
	}
	return nb201.Format, nil
}

// spaceOf is the space that a table of this format is asked by: that which was named,
// or the first.
func (q *queryCmd) spaceOf(format string) (protocol.Space, error) {
	var formats, names []string
	var found []protocol.Space
	for _, s := range protocol.Spaces {
		if s.Query == nil {
			continue
		}
		if !slices.Contains(formats, s.TableFormat) {
			formats = append(formats, s.TableFormat)
		}
		if s.TableFormat == format {
			found, names = append(found, s), append(names, s.Name)
		}
	}
	if len(found) == 0 {
		return protocol.Space{}, fmt.Errorf("%q has format %q, want one of %q", q.Table, format, append(formats, runners.ScoresFormat))
	}
	if q.Space == "" {
		return found[0], nil
	}
	if err := q.inSpace(names...); err != nil {
		return protocol.Space{}, err
	}
	return found[slices.Index(names, q.Space)], nil
}

// inSpace refuses a --space that the table has no architectures of.
func (q *queryCmd) inSpace(spaces ...string) error {
	if q.Space == "" || slices.Contains(spaces, q.Space) {
		return nil
	}
	return fmt.Errorf("--space %s: %q has architectures of %q", q.Space, q.Table, spaces)
}
