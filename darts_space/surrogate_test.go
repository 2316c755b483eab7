package dartsspace

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"idarts/internal/statistics"
)

// surrogate is the real one, where it is.
func surrogate(t *testing.T) *Surrogate {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", "yahpo-nb301", SurrogateFile.Name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference data %q is not here", path)
	}
	s, err := OpenSurrogate(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The columns are those of the file that describes them, with its numbers for each level.
func TestSurrogateColumns(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", "yahpo-nb301", "encoding_v2.json"))
	if err != nil {
		t.Skip("the description of the surrogate is not here")
	}
	var encoding map[string]map[string]int64
	if err := json.Unmarshal(content, &encoding); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(encoding))
	for name := range encoding {
		names = append(names, name)
	}
	slices.Sort(names)
	g, err := Parse("Genotype(normal=[('sep_conv_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 0), ('dil_conv_5x5', 2), ('avg_pool_3x3', 1), ('sep_conv_5x5', 3), ('dil_conv_3x3', 2), ('skip_connect', 4)], normal_concat=[2, 3, 4, 5], " +
		"reduce=[('skip_connect', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 2), ('sep_conv_3x3', 3), ('sep_conv_3x3', 3), ('sep_conv_3x3', 4)], reduce_concat=[2, 3, 4, 5])")
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
	want := map[string]string{ // by hand: edges of node 3 begin at 2, of node 4 at 5, of node 5 at 9
		"edge_normal_0": "sep_conv_3x3", "edge_normal_1": "max_pool_3x3", "edge_normal_2": "skip_connect", "edge_normal_4": "dil_conv_5x5",
		"edge_normal_6": "avg_pool_3x3", "edge_normal_8": "sep_conv_5x5", "edge_normal_11": "dil_conv_3x3", "edge_normal_13": "skip_connect",
		"edge_reduce_0": "sep_conv_3x3", "edge_reduce_1": "skip_connect", "edge_reduce_2": "sep_conv_3x3", "edge_reduce_3": "sep_conv_3x3",
		"edge_reduce_7": "sep_conv_3x3", "edge_reduce_8": "sep_conv_3x3", "edge_reduce_12": "sep_conv_3x3", "edge_reduce_13": "sep_conv_3x3",
		"inputs_node_normal_3": "0_2", "inputs_node_normal_4": "1_3", "inputs_node_normal_5": "2_4",
		"inputs_node_reduce_3": "0_1", "inputs_node_reduce_4": "2_3", "inputs_node_reduce_5": "3_4",
	}
	got, err := surrogateColumns(g)
	if err != nil || len(got) != len(names) {
		t.Fatalf("%d columns, %v; want %d", len(got), err, len(names))
	}
	for i, name := range names {
		level := want[strings.TrimPrefix(name, prefix)]
		if level == "" {
			level = "#na#"
		}
		number, ok := encoding[name][level]
		if !ok || got[i] != number {
			t.Errorf("%s is %d, want %d for %s", name, got[i], number, level)
		}
	}
	for _, wrong := range []string{
		"Genotype(normal=[('none', 0), ('max_pool_3x3', 1)], normal_concat=[2], reduce=[('none', 0), ('max_pool_3x3', 1)], reduce_concat=[2])",
		"Genotype(normal=[('sep_conv_3x3', 0), ('max_pool_3x3', 1)], normal_concat=[2], reduce=[('sep_conv_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])",
	} {
		if g, err := Parse(wrong); err == nil {
			if _, err = surrogateColumns(g); err == nil {
				t.Errorf("%s is taken", wrong)
			}
		}
	}
}

// What is known of real networks: published cells are good, of skips alone bad; more epochs
// are better; and genotypes that somebody else trained for 200 epochs are ranked so.
func TestSurrogateOnRealNetworks(t *testing.T) {
	s := surrogate(t)
	table, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"DARTS_V2", "PC_DARTS_cifar", "DrNAS_cifar10", "PDARTS"} {
		e, err := table.Query(name)
		if err != nil {
			t.Fatal(err)
		}
		early, err := s.Accuracy(e.Genotype, 10)
		if err != nil {
			t.Fatal(err)
		}
		late, err := s.Accuracy(e.Genotype, SurrogateEpochs)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.2f %% after 10 epochs, %.2f %% after %d", name, early, late, SurrogateEpochs)
		if late < 92 || late > 95 || early > late-10 {
			t.Errorf("%s: %v after 10 epochs, %v at the end", name, early, late)
		}
	}
	// The same model in NumPy, written for this check alone: 76.70031206 and 92.87691437.
	e, err := table.Query("DARTS_V2")
	if err != nil {
		t.Fatal(err)
	}
	for epochs, want := range map[int]float64{10: 76.70031206183523, SurrogateEpochs: 92.87691436834355} {
		if got, err := s.Accuracy(e.Genotype, epochs); err != nil || math.Abs(got-want) > 1e-5 {
			t.Errorf("DARTS_V2 after %d epochs: %v, %v; want %v", epochs, got, err, want)
		}
	}
	file, err := os.Open(filepath.Join("..", "..", "shared", "data", "darts-1000-archs", "DARTS_archs_CIFAR10.csv"))
	if err != nil {
		t.Skip("trained genotypes are not here")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var predicted, trained []float64
	for _, row := range rows {
		g, err := Parse(row[0])
		if err != nil {
			continue
		}
		accuracy, err := s.Accuracy(g, SurrogateEpochs)
		if err != nil {
			continue
		}
		real, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		predicted, trained = append(predicted, accuracy), append(trained, real)
	}
	tau := statistics.KendallTauB(predicted, trained)
	t.Logf("%d of %d genotypes are in its space; Kendall's tau %.3f", len(predicted), len(rows), tau)
	if len(predicted) < 50 || tau < 0.2 {
		t.Errorf("%d genotypes, tau %v", len(predicted), tau)
	}
}
