package reports

// publishedDARTS is one row of papers on the DARTS space, as they print it: errors in percent,
// "" where a source has none.
type publishedDARTS struct {
	Method   string // as in [result.Cell]; "" for one that is not here
	Title    string
	CIFAR10  string // mean test error
	Best     string // of single genotypes
	Params   string // millions
	Days     string // of search, graphics cards
	CIFAR100 string
	ImageNet string // top-1, top-5 behind it
	Source   string
}

// Sources of rows of the DARTS space, by the letters with which they are named there.
var dartsSources = map[string]string{
	"D": "README of DrNAS", "N": "DARTS-PT (arXiv:2108.04392), Tables 2 and 3", "A": "the APD paper", "M": "the ROME paper", "Z": "the ZiCo paper",
	"I": "the NASI paper", "W": "a paper on the connectivity of DAGs", "L": "a paper on zero-cost proxies", "own": "README of its repository",
	"survey": "a survey of differentiable search, its Table 1",
}

// dartsRows are those that are known here. None is from memory.
var dartsRows = []publishedDARTS{
	{"enas", "ENAS", "2.89", "", "4.6", "0.5", "", "", "D, N, Z"},
	{"darts-v1", "DARTS, first order", "3.00 ± 0.14", "", "3.3", "0.4", "20.58 ± 0.44", "", "N, A, Z; CIFAR-100: M"},
	{"darts-v2", "DARTS, second order", "2.76 ± 0.09", "2.63", "3.3", "1.0", "17.54", "26.7 (8.7)", "D, A, W; best: own"},
	{"snas", "SNAS (moderate)", "2.85 ± 0.02", "", "2.8", "1.5", "", "27.3 (9.2), mild", "D, N, W"},
	{"gdas", "GDAS", "2.93", "", "3.4", "0.2–0.3", "18.38", "26.0 (8.5)", "M, N, W"},
	{"p-darts", "P-DARTS", "2.50", "", "3.4", "0.3", "17.46–17.49", "24.4 (7.4)", "N, I, own; trained again 2.70 ± 0.15 (A), searched again 2.81 ± 0.14 (M)"},
	{"pc-darts", "PC-DARTS", "2.57 ± 0.07", "", "3.6", "0.1", "17.11", "25.1 (7.8); searched there 24.2 (7.3)", "D, N, Z, W, A; searched again 2.89 ± 0.22 (M)"},
	{"rdarts-l2", "R-DARTS (L2)", "2.95 ± 0.21", "", "", "1.6", "18.01 ± 0.26", "", "N, I, M"},
	{"sdarts-rs", "SDARTS-RS", "2.67 ± 0.03", "", "3.4", "0.4", "", "", "N"},
	{"sdarts-adv", "SDARTS-ADV", "2.61 ± 0.02", "", "3.3", "1.3", "", "", "Z, I, M"},
	{"sgas", "SGAS, criterion 1", "2.66 ± 0.24", "2.39", "3.7", "0.25", "", "24.42 ± 0.16 (7.29)", "N, W; best: own"},
	{"", "SGAS, criterion 2", "", "2.44", "4.1", "0.25", "", "24.1", "own"},
	{"fair-darts", "Fair-DARTS", "2.54 ± 0.05", "2.49", "2.6–3.9", "0.4", "", "24.9 (7.5)", "A, M, own; of seven genotypes"},
	{"beta-darts", "β-DARTS", "2.53 ± 0.08", "", "3.8", "0.4", "16.52", "24.2 (7.1)", "A"},
	{"darts-pt", "DARTS-PT", "2.61 ± 0.08", "2.48", "3.0", "0.8", "19.05", "25.5 (8.0)", "N, A; CIFAR-100: L"},
	{"", "DARTS-PT, fixed α", "2.87", "", "", "", "", "", "N"},
	{"", "SDARTS-RS + PT", "2.54 ± 0.10", "2.44", "3.3", "0.8", "", "", "N"},
	{"", "SGAS + PT", "2.56 ± 0.10", "2.46", "3.9", "0.29", "", "", "N"},
	{"drnas-p", "DrNAS", "2.46 ± 0.03", "", "4.1", "0.6", "", "23.7 (7.1)", "D, W"},
	{"lambda-darts", "Λ-DARTS", "2.52 ± 0.11", "", "3.5", "0.8", "16.53", "24.3", "A"},
	{"zarts", "ZARTS", "2.54 ± 0.07", "2.46", "3.7", "1.0", "16.29 ± 0.53", "24.3", "M; best and ImageNet: its abstract"},
	{"shapley-nas", "Shapley-NAS", "", "2.43", "", "", "", "", "a stored leaderboard"},
	{"ista-nas", "ISTA-NAS, two stages", "", "", "3.3", "0.05", "", "", "searched again by others: 2.71 ± 0.10 (M)"},
	{"idarts", "iDARTS", "", "", "", "", "", "24.3", "survey"},
}

// publishedSpaces are errors on the spaces S1 to S4 of RobustDARTS, in percent.
type publishedSpaces struct {
	Title, Data string
	Errors      [4]string
	Source      string
}

var restrictedRows = []publishedSpaces{
	{"DARTS", "CIFAR-10", [4]string{"3.84", "4.85", "3.34", "7.20"}, "N"},
	{"DARTS-PT", "CIFAR-10", [4]string{"3.50", "2.79", "2.49", "2.64"}, "N"},
	{"DARTS-PT, fixed α", "CIFAR-10", [4]string{"2.86", "2.59", "2.52", "2.58"}, "N"},
	{"DARTS", "CIFAR-100", [4]string{"29.46", "26.05", "28.90", "22.85"}, "N"},
	{"DARTS-PT", "CIFAR-100", [4]string{"24.48", "23.16", "22.03", "20.80"}, "N"},
	{"DARTS-PT, fixed α", "CIFAR-100", [4]string{"24.40", "23.30", "21.94", "20.66"}, "N"},
	{"DARTS", "SVHN", [4]string{"4.58", "3.53", "3.41", "3.05"}, "N"},
	{"DARTS-PT", "SVHN", [4]string{"2.62", "2.53", "2.42", "2.42"}, "N"},
	{"DARTS-PT, fixed α", "SVHN", [4]string{"2.39", "2.32", "2.32", "2.39"}, "N"},
	{"DARTS", "CIFAR-10", [4]string{"4.66 ± 0.71", "4.42 ± 0.40", "4.12 ± 0.85", "6.95 ± 0.18"}, "M"},
	{"DARTS-ES", "CIFAR-10", [4]string{"3.05 ± 0.07", "3.41 ± 0.14", "3.71 ± 1.14", "4.17 ± 0.21"}, "M"},
	{"DARTS-ADA", "CIFAR-10", [4]string{"3.03 ± 0.08", "3.59 ± 0.31", "2.99 ± 0.34", "3.89 ± 0.67"}, "M"},
}
