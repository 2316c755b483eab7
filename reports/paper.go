package reports

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/result"
)

// Evidence is what a paper's page is made from.
type Evidence struct {
	Runs  []result.Run
	Study *result.HyperStudy // nil: not measured
	Facts []Fact             // what follows without a search
	// Needs says what the published search of a method on a space takes: a command and its
	// size; "" where no protocol has it.
	Needs func(space, method string) string
}

// Fact is a published statement that a table or a count decides.
type Fact struct {
	What, Published, Ours string
	Verdict               Verdict
	Why                   string
}

// Paper is the page of published tables and figures beside ours.
type Paper struct {
	Title string
	Text  []string // paragraphs before the parts
	Parts []Part
	Count map[Verdict]int // rows by verdict
}

// Part is a table or figure of a paper.
type Part struct {
	Title   string
	Text    []string
	Tables  Tables
	Figures []Figure
}

// NewPaper is the page of iDARTS and of the systems beside it.
func NewPaper(e Evidence, opts Options) Paper {
	p := Paper{Title: "iDARTS and its neighbours: published and here", Count: map[Verdict]int{}}
	all := groups(e.Runs, opts)
	p.Parts = []Part{
		p.nb201(e, all),
		p.facts(e.Facts),
		p.oneShot(e, opts),
		p.ablations(e, all),
		p.darts(),
		p.restricted(),
		hypergradientPart(e.Study),
	}
	var counts []string
	for _, v := range Verdicts {
		counts = append(counts, fmt.Sprintf("%s %d", v, p.Count[v]))
	}
	p.Text = []string{
		"Every table and figure of iDARTS (Zhang et al., ICML 2021, arXiv:2106.10784), and of the systems that it is compared with, as far as a text that we have read has its numbers. Numbers from memory are left out. " +
			"What is said to be ours comes from " + count(len(e.Runs), "run") + " below the output folder; each has its protocol, seed, versions, device and data in its own record.",
		judgeRule,
		"Rows: " + strings.Join(counts, ", ") + ".",
	}
	return p
}

// verdict counts and returns v with its mark for a note.
func (p *Paper) verdict(v Verdict, t *Table, why string) string {
	p.Count[v]++
	if why == "" {
		return string(v)
	}
	at := slices.Index(t.Notes, why)
	if at < 0 {
		t.Notes = append(t.Notes, why)
		at = len(t.Notes) - 1
	}
	return fmt.Sprintf("%s [%d]", v, at+1)
}

// marked puts their numbers before notes.
func marked(t Table) Table {
	for i := range t.Notes {
		t.Notes[i] = fmt.Sprintf("[%d] %s", i+1, t.Notes[i])
	}
	return t
}

// setLetters are what the page calls the sets of published rows.
var setLetters = map[string]string{SetOfTable: "A", OtherSet: "B"}

// nb201 is the table of NAS-Bench-201.
func (p *Paper) nb201(e Evidence, all []group) Part {
	published := Table{
		Name:    "paper-nb201-published",
		Caption: "NAS-Bench-201, accuracy of the derived cell in percent, searched on CIFAR-10, as published. How many runs are behind a mean is not stated by any source.",
		Header:  append([]string{"Method"}, append(nb201Columns(), "set", "source")...),
	}
	ours := Table{
		Name:    "paper-nb201",
		Caption: "The same methods here: test accuracy on CIFAR-10, and further columns where the published search was run.",
		Header:  []string{"Method", "Column", "Published", "Ours", "n", "95 % interval", "Verdict"},
	}
	for _, row := range PublishedRows() {
		if row.Dataset != nb201Datasets[0].name {
			continue
		}
		cells := []string{row.Title}
		for _, d := range nb201Datasets {
			valid, test := publishedOn(row, d.name).stats()
			cells = append(cells, valid.plusMinus(2), test.plusMinus(2))
		}
		source := row.Source + "; " + row.Settings
		at := slices.Index(published.Notes, source)
		if at < 0 {
			published.Notes = append(published.Notes, source)
			at = len(published.Notes) - 1
		}
		published.Rows = append(published.Rows, append(cells, setLetters[row.Set], fmt.Sprintf("[%d]", at+1)))
		p.compare201(&ours, row, e, all)
	}
	return Part{
		Title: "NAS-Bench-201",
		Text: []string{"Two sets of baselines are in circulation and contradict each other on CIFAR-100 and ImageNet16-120. Set A is that in which DARTS has 15.61 % on CIFAR-100, which is the cell of skips alone in the benchmark's table; " +
			"set B has 38.97 %. iDARTS's paper prints its row beside set A; which release of the table it asked is not stated, and its notebook asks the file NAS-Bench-102-v1_0-e61699. Rows of the two sets are not compared with each other."},
		Tables: Tables{marked(published), marked(ours)},
	}
}

// compare201 adds what there is of a published row here.
func (p *Paper) compare201(t *Table, row Published, e Evidence, all []group) {
	_, test := row.stats()
	title := row.Title
	if row.Set == OtherSet {
		title += " (set " + setLetters[row.Set] + ")"
	}
	add := func(column, published, ours, n, interval, verdict string) {
		t.Rows = append(t.Rows, []string{title, column, published, ours, n, interval, verdict})
	}
	found := false
	for _, g := range all {
		if g.space != row.Space {
			continue
		}
		for _, m := range g.methods {
			if row.Method == "" || m.name != row.Method || len(m.done) == 0 || m.varies != "" {
				continue
			}
			found = true
			if _, same := g.published(m); !same || row.Set != SetOfTable {
				values := m.values(testOf)
				why := fmt.Sprintf("protocol %s searches %s and is scored by %s; the published search has protocol %s", g.protocol, g.dataset, m.done[0].Result.Score.Source, row.Protocol)
				if same {
					why = "the lookups of this set are not known; the table gives set A"
				}
				add("cifar10 test; protocol "+g.protocol, test.plusMinus(2), Summarize(values).plusMinus(2), strconv.Itoa(len(values)), interval(values), p.verdict(NotComparable, t, why))
				continue
			}
			for _, d := range nb201Datasets {
				other := publishedOn(row, d.name)
				valid, test := other.stats()
				for _, c := range []struct {
					name string
					of   Stats
				}{{d.column + " valid", valid}, {d.column + " test", test}} {
					if math.IsNaN(c.of.Mean) {
						continue
					}
					values, _ := m.column(c.name)
					if values == nil {
						add(c.name, c.of.plusMinus(2), missing, "0", missing, p.verdict(NotRun, t, "the table that these runs were scored by lacks the column"))
						continue
					}
					add(c.name, c.of.plusMinus(2), Summarize(values).plusMinus(2), strconv.Itoa(len(values)), interval(values), p.verdict(Judge(values, c.of.Mean, c.of.Std), t, ""))
				}
			}
		}
	}
	if found {
		return
	}
	why := "no method of this program"
	if row.Method != "" {
		if why = e.Needs(row.Space, row.Method); why == "" {
			why = "no protocol here has the published settings"
		}
	}
	add("all", test.plusMinus(2)+" (cifar10 test)", missing, "0", missing, p.verdict(NotRun, t, why))
}

// facts are what a table or a count decides.
func (p *Paper) facts(facts []Fact) Part {
	t := Table{
		Name:    "paper-facts",
		Caption: "Published statements that follow without a search: from the benchmark's table, or by counting.",
		Header:  []string{"Statement", "Published", "Ours", "Verdict"},
	}
	for _, f := range facts {
		t.Rows = append(t.Rows, []string{f.What, f.Published, f.Ours, p.verdict(f.Verdict, &t, f.Why)})
	}
	part := Part{Title: "What tables and counts say", Text: []string{"The one authentic run of iDARTS is the log inside its notebook (T=1, K=2, seed 0). It ends in the cell of six 3x3 convolutions, which is better than the mean of the paper in all six columns."}}
	if len(facts) > 0 {
		part.Tables = Tables{marked(t)}
	}
	return part
}

// oneShot is the figure of NAS-Bench-1Shot1.
func (p *Paper) oneShot(e Evidence, opts Options) Part {
	t := Table{
		Name:    "paper-nb1b1",
		Caption: "NAS-Bench-1Shot1: what the paper shows, and what there is here.",
		Header:  []string{"Published", "Numbers printed", "Ours", "Verdict"},
	}
	var runs []result.Run
	for _, run := range e.Runs {
		if strings.HasPrefix(run.Cell.Space, "nb1b1") {
			runs = append(runs, run)
		}
	}
	figures := Epochs(runs, opts)
	have := missing
	if len(figures) > 0 {
		have = fmt.Sprintf("a demonstration of %s, drawn below", count(len(runs), "run"))
	}
	t.Rows = append(t.Rows,
		[]string{"validation and test error by epoch, mean and spread over seeds, iDARTS with several T beside DARTS", "none: curves", have,
			p.verdict(NotRun, &t, e.Needs("nb1b1-s3", "idarts")+"; and the table of NAS-Bench-101, whose download has moved: idarts data import nas-bench-101 nasbench_only108.tfrecord")})
	return Part{
		Title:  "NAS-Bench-1Shot1",
		Text:   []string{"The paper's Figure 1. Only summaries of it could be read, without its numbers."},
		Tables: Tables{marked(t)}, Figures: figures,
	}
}

// ablations are those over T, gamma and K.
func (p *Paper) ablations(e Evidence, all []group) Part {
	part := Part{Title: "Ablations over T, gamma and K", Text: []string{"The paper draws the test accuracy on NAS-Bench-201 for several T and for several gamma; no number of it could be read. K is hardly varied."}}
	t := Table{
		Name:    "paper-ablations",
		Caption: "iDARTS with other numbers than the protocol's, test accuracy in percent.",
		Header:  []string{"Numbers", "Protocol", "Test (%)", "n", "95 % interval", "Verdict"},
	}
	for _, g := range all {
		for _, m := range g.methods {
			if m.name != "idarts" || m.varies == "" || len(m.done) == 0 {
				continue
			}
			values := m.values(testOf)
			t.Rows = append(t.Rows, []string{m.varies, g.name(), Summarize(values).plusMinus(2), strconv.Itoa(len(values)), interval(values),
				p.verdict(NotComparable, &t, "the figure has no numbers that could be read, and other settings")})
		}
	}
	if t.Rows == nil {
		t.Rows = append(t.Rows, []string{"T, gamma, K", missing, missing, "0", missing, p.verdict(NotRun, &t,
			"small: idarts run --protocol fair --methods idarts --set inner_steps=1,2,4,8 --set neumann_terms=0,1,2,5 --set gamma_factor=1,0.1 --seeds 0-4, some ten minutes on two cores; as published: "+e.Needs("nb201", "idarts"))})
	}
	part.Tables = Tables{marked(t)}
	return part
}

// darts is the table of the DARTS space.
func (p *Paper) darts() Part {
	t := Table{
		Name:    "paper-darts",
		Caption: "DARTS space, test error in percent as published; parameters in millions, search in days of a graphics card.",
		Header:  []string{"Method", "CIFAR-10", "best", "params", "days", "CIFAR-100", "ImageNet top-1 (top-5)", "Source", "Verdict"},
	}
	or := func(text string) string {
		if text == "" {
			return missing
		}
		return text
	}
	var letters []string
	for letter, source := range dartsSources {
		letters = append(letters, letter+": "+source)
	}
	slices.Sort(letters)
	for _, r := range dartsRows {
		why := "no method of this program; training a cell for 600 epochs on CIFAR-10 takes days of a graphics card: idarts retrain NAME --protocol paper --space darts"
		if r.Method != "" {
			why = "the search, and then 600 epochs of training: idarts run --space darts --protocol paper --methods METHOD --data DIR, idarts retrain GENOTYPE --space darts --protocol paper --data DIR; days of a graphics card each"
		}
		t.Rows = append(t.Rows, []string{r.Title, or(r.CIFAR10), or(r.Best), or(r.Params), or(r.Days), or(r.CIFAR100), or(r.ImageNet), r.Source, p.verdict(NotRun, &t, why)})
	}
	t = marked(t)
	t.Notes = append(t.Notes, "Sources: "+strings.Join(letters, "; ")+".")
	return Part{
		Title:  "DARTS space",
		Text:   []string{"Of iDARTS's own row only the top-1 error on ImageNet could be read; no genotype, log or search script of it is public. Parameters of published genotypes are counted in the part on counts."},
		Tables: Tables{t},
	}
}

// restricted are the spaces S1 to S4.
func (p *Paper) restricted() Part {
	t := Table{
		Name:    "paper-s1-s4",
		Caption: "Spaces S1 to S4 of RobustDARTS, test error in percent as published.",
		Header:  []string{"Method", "Data", "S1", "S2", "S3", "S4", "Source", "Verdict"},
	}
	for _, r := range restrictedRows {
		row := append([]string{r.Title, r.Data}, r.Errors[:]...)
		t.Rows = append(t.Rows, append(row, dartsSources[r.Source], p.verdict(NotRun, &t, "these spaces are not in this program")))
	}
	svge := Table{
		Name: "paper-svge", Caption: "SVGe.", Header: []string{"Statement", "Published", "Ours", "Verdict"},
	}
	svge.Rows = append(svge.Rows, []string{"test accuracy on CIFAR-10 of a cell beyond those of NAS-Bench-101", "95.18", missing,
		p.verdict(NotRun, &svge, "the cell is larger than those of the space here, and a training of it takes hours of a graphics card")})
	return Part{Title: "Further tables of the other systems", Tables: Tables{marked(t), marked(svge)}}
}

// hypergradientPart is what the paper does not ask: what a hypergradient is worth.
func hypergradientPart(s *result.HyperStudy) Part {
	part := Part{Title: "Beyond the paper: which hypergradient is worth its arithmetic"}
	if s == nil {
		part.Text = []string{"Not measured; idarts paper measures it, unless it is told not to."}
		return part
	}
	part.Text = []string{
		"iDARTS solves the linear system of the implicit function theorem by K+1 terms of a Neumann series. Beside it stand solvers that the field has used since, on the supernet of a search and on ridge regression, each by the arithmetic that it takes.",
		"Two references: the derivative through many steps of gradient descent, which is what the search could move along if it looked that far back, and the solution of the linear system. They are not the same where the weights are not at a minimum, which they are not in a search.",
	}
	part.Tables, part.Figures = Hypergradients(s)
	return part
}
