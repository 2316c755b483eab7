package protocol

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"idarts/internal/statistics"
	"idarts/internal/trials"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/testdata"
)

// Question is what a user asks a table about one architecture. What is empty was not
// said.
type Question struct {
	Arch  string // in the text of the space, or by another name that its table knows
	Space string // that it must be of
	Table string // file; that inside the program

	// The numbers that are meant: one key of a benchmark and a choice of its trials, see
	// [trials.Parse], or a list of keys by the name of a protocol.
	Dataset, TrainedOn, Split string
	Epochs                    int
	Release                   string // of the benchmark; "": each that the table has, one by one
	Seeds                     string
	Protocol                  string
	Alike                     bool // also what the cells of the same network have
	// Without is the error for those of the flags with these names that were given, since
	// they have no effect, with the reason; nil where none was.
	Without func(why string, flags ...string) error
}

// everything is the protocol of all keys of a table.
const everything = "everything"

// asked is a benchmark's table and how its answers are worded.
type asked[C fmt.Stringer, K trials.Key[K]] struct {
	table    *trials.Results[C, K]
	readings []trials.Reading[K]
	of       func(key K) []K // the keys that one means: of each release
	key      func(key K, seeds trials.Seeds) string
	trial    func(trials.Trial) string
	alike    []C // cells of the same network, the one asked about among them; nil where they are not asked for
}

// others is the line about the cells of the same network. Benchmarks give several of them the
// numbers of one training, so that only different numbers count.
func (a asked[C, K]) others(key K, seeds trials.Seeds) string {
	var all []float64
	for _, c := range a.alike {
		if answer, err := a.table.Query(c, key, seeds); err == nil {
			all = append(all, answer.Accuracy)
		}
	}
	n := len(all)
	slices.Sort(all)
	switch all = slices.Compact(all); {
	case n < 2:
		return "no other cell has this network"
	case len(all) == 1:
		return fmt.Sprintf("%d cells have this network, and one number", n)
	}
	return fmt.Sprintf("%d cells have this network, and %d different numbers: mean %.2f %%, sample std %.2f, %.2f to %.2f",
		n, len(all), statistics.Mean(all), statistics.SD(all), all[0], all[len(all)-1])
}

// reading is that of the protocol that was asked for, or the one key.
func (a asked[C, K]) reading(q Question, key K) (trials.Reading[K], error) {
	if q.Protocol == "" {
		seeds, err := trials.Parse(q.Seeds)
		return trials.Reading[K]{Questions: []trials.Question[K]{{Key: key}}, Seeds: seeds}, err
	}
	all := trials.Reading[K]{Name: everything, About: "all keys of the table, all trials", Seeds: trials.All}
	for _, key := range a.table.Keys() {
		all.Questions = append(all.Questions, trials.Question[K]{Key: key})
	}
	var names []string
	for _, r := range append(slices.Clone(a.readings), all) {
		if r.Name == q.Protocol {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return trials.Reading[K]{}, fmt.Errorf("no protocol %q for this table, want one of %q", q.Protocol, names)
}

// answers prints what a table says to a reading's questions. Those of a protocol that
// the table or the cell has no answer to are told; it is an error when that is all of
// them.
func (a asked[C, K]) answers(q Question, out io.Writer, cell C, r trials.Reading[K]) error {
	if q.Protocol != "" {
		fmt.Fprintf(out, "protocol %s: %s\n", q.Protocol, r.About)
	}
	var first error
	missing := 0
	var questions []trials.Question[K]
	for _, question := range r.Questions {
		for _, key := range a.of(question.Key) {
			questions = append(questions, trials.Question[K]{Name: question.Name, Key: key})
		}
	}
	for _, question := range questions {
		answer, err := a.table.Query(cell, question.Key, r.Seeds)
		if err != nil && q.Protocol == "" {
			return err
		}
		line := a.key(question.Key, r.Seeds)
		if question.Name != "" {
			line = question.Name + " = " + line
		}
		if err != nil {
			fmt.Fprintf(out, "%s: nothing\n", line)
			missing++
			if first == nil {
				first = err
			}
			continue
		}
		fmt.Fprintf(out, "%s: %.4f %%", line, answer.Accuracy)
		if !math.IsNaN(answer.Std) {
			fmt.Fprintf(out, " (sample std %.4f)", answer.Std)
		}
		if answer.Count() == 0 {
			fmt.Fprintln(out, ", mean over trials whose number the table does not know")
		} else {
			fmt.Fprintf(out, ", mean of %d\n", answer.Count())
			for _, trial := range answer.Trials {
				fmt.Fprintf(out, "  %s\n", a.trial(trial))
			}
		}
		if a.alike != nil {
			fmt.Fprintf(out, "  %s\n", a.others(question.Key, r.Seeds))
		}
		for _, trial := range answer.LeftOut {
			fmt.Fprintf(out, "  left out: %s, a training of another network (docs/errata.md)\n", a.trial(trial))
		}
		if answer.OtherNetwork > 0 {
			fmt.Fprintf(out, "  %.0f %% of the trainings behind it are of a network with one convolution more or less (docs/errata.md)\n", 100*answer.OtherNetwork)
		}
	}
	if missing == len(questions) {
		return first
	}
	return nil
}

// ask201 asks a table of cells of NAS-Bench-201, be it the official one, the public
// extracts or one that was trained here.
func ask201(q Question) (string, error) {
	cell, err := nb201.Parse(q.Arch)
	if err != nil {
		return "", err
	}
	table, err := OpenNB201(q.Table)
	if err != nil {
		return "", err
	}
	ask := asked[nb201.Cell, nb201.Key]{
		table: table.Results, readings: nb201.Readings, of: table.Of,
		key:   func(key nb201.Key, seeds trials.Seeds) string { return fmt.Sprintf("%s, seeds %s", key, seeds) },
		trial: func(t trials.Trial) string { return fmt.Sprintf("seed %d: %.4f %%", t.Seed, t.Accuracy) },
	}
	if q.Alike {
		for _, other := range table.Cells() {
			if other.Network() == cell.Network() {
				ask.alike = append(ask.alike, other)
			}
		}
	}
	reading, err := ask.reading(q, nb201.Key{Dataset: q.Dataset, TrainedOn: q.TrainedOn, Split: q.Split, Epochs: q.Epochs, Release: q.Release})
	if err != nil {
		return "", err
	}
	if q.Release != "" {
		reading.Questions = slices.Clone(reading.Questions)
		for i := range reading.Questions {
			reading.Questions[i].Key.Release = q.Release
		}
		reading.Questions = slices.Compact(reading.Questions)
	}
	if q.Protocol != "" && q.Dataset != "" {
		reading.Questions = slices.DeleteFunc(slices.Clone(reading.Questions), func(asked trials.Question[nb201.Key]) bool { return asked.Key.Dataset != q.Dataset })
		if len(reading.Questions) == 0 {
			return "", fmt.Errorf("protocol %q has no columns of data set %q", q.Protocol, q.Dataset)
		}
	}
	var out strings.Builder
	if err := ask.answers(q, &out, cell, reading); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\n%s", cell, out.String()), nil
}

// Micro is what errors call the table of NAS-Bench-201 inside the program.
const Micro = "nb201-micro.arrow in this program"

// OpenNB201 reads a table of NAS-Bench-201 cells, that inside the program where path
// is "".
func OpenNB201(path string) (*nb201.Table, error) {
	if path == "" {
		return nb201.Decode(Micro, testdata.NB201Micro)
	}
	return nb201.Open(path)
}

// cell101 is the cell of NAS-Bench-101 with a text or a hash, of the space that was named.
func cell101(q Question, table *nb1b1.Table, s nb1b1.OneShot) (cell nb1b1.Cell, err error) {
	if nb1b1.IsHash(q.Arch) {
		hash, err := nb1b1.ParseHash(q.Arch)
		if err != nil {
			return cell, err
		}
		if cell, err = table.Find(hash); err != nil {
			return cell, err
		}
	} else if cell, err = nb1b1.Parse(q.Arch); err != nil {
		return cell, err
	}
	if q.Space == "" {
		return cell, nil
	}
	return cell, s.Check(cell)
}

// ask101 asks a table of NAS-Bench-101; a cell must be of s where the space was named.
func ask101(q Question, s nb1b1.OneShot) (string, error) {
	if err := q.Without("NAS-Bench-101 has one release, and each network once", "release", "alike"); err != nil {
		return "", err
	}
	if q.Dataset != "" && q.Dataset != nb1b1.Dataset || q.TrainedOn != "" && q.TrainedOn != nb1b1.TrainedOn {
		return "", fmt.Errorf("%q has only networks of data set %q trained on %q", q.Table, nb1b1.Dataset, nb1b1.TrainedOn)
	}
	table, err := nb1b1.Open(q.Table)
	if err != nil {
		return "", err
	}
	cell, err := cell101(q, table, s)
	if err != nil {
		return "", err
	}
	ask := asked[nb1b1.Cell, nb1b1.Key]{
		table: table.Results, readings: nb1b1.Readings,
		of: func(key nb1b1.Key) []nb1b1.Key { return []nb1b1.Key{key} },
		key: func(key nb1b1.Key, seeds trials.Seeds) string {
			return fmt.Sprintf("%s trained on %s, %s, repeats %s", nb1b1.Dataset, nb1b1.TrainedOn, key, seeds)
		},
		trial: func(t trials.Trial) string {
			text := fmt.Sprintf("repeat %d: %.4f %%", t.Seed, t.Accuracy)
			if !math.IsNaN(t.Seconds) {
				text += fmt.Sprintf(", %.0f s", t.Seconds)
			}
			return text
		},
	}
	reading, err := ask.reading(q, nb1b1.Key{Epochs: q.Epochs, Split: q.Split})
	if err != nil {
		return "", err
	}
	parameters, err := table.Parameters(cell)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := ask.answers(q, &out, cell, reading); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\n%d parameters\n%s", cell, parameters, out.String()), nil
}
