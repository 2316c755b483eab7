package dartsspace

import (
	"fmt"
	"os"
	"strings"

	"idarts/internal/download"
	"idarts/internal/onnx"
)

// SurrogateFile is the surrogate of NAS-Bench-301 that [OpenSurrogate] reads: a network by YAHPO
// Gym that predicts validation accuracies of genotypes, learnt from those that NAS-Bench-301
// trained for 100 epochs. It is not one of the models that the authors of NAS-Bench-301
// published.
// Sources: Pfisterer et al., YAHPO Gym, AutoML 2022, arXiv:2109.03670; Zela et al.,
// NAS-Bench-301, ICLR 2022, arXiv:2008.09777.
var SurrogateFile = download.File{
	Name: "model_v2.onnx", Repository: "slds-lmu/yahpo_data", Commit: "0e288068134f4af8d231c63d2a941e5ab8060ef0", Path: "nb301/model_v2.onnx",
	SHA256: "e7168d495cf7fe6419b69234a052571536c2a5f6d7a8a2aead4e9d04dffac1d6", Size: 2781646,
	Licence: "Apache-2.0",
	Holds:   "a surrogate of NAS-Bench-301: predicted validation accuracy on CIFAR-10 of genotypes of the DARTS space",
}

// SurrogateFormat is what questions call the format of that file.
const SurrogateFormat = "nb301 surrogate (YAHPO Gym, ONNX)"

// SurrogateEpochs is the longest training that the surrogate knows.
const SurrogateEpochs = 98

// Surrogate predicts accuracies. It may be used by several goroutines at once.
type Surrogate struct{ model *onnx.Model }

// OpenSurrogate reads [SurrogateFile].
func OpenSurrogate(path string) (*Surrogate, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("dartsspace: %w", err)
	}
	return DecodeSurrogate(path, content)
}

// DecodeSurrogate is [OpenSurrogate] of a content, which errors call name. Another model than
// that of [SurrogateFile] is an error: its columns may mean something else.
func DecodeSurrogate(name string, content []byte) (*Surrogate, error) {
	if err := SurrogateFile.Check(name, content); err != nil {
		return nil, fmt.Errorf("dartsspace: %w", err)
	}
	m, err := onnx.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("dartsspace: %q: %w", name, err)
	}
	return &Surrogate{m}, nil
}

// Accuracy is the predicted validation accuracy on CIFAR-10, in percent, after so many epochs
// of training, up to [SurrogateEpochs]. A genotype must give each node two different inputs
// and operations other than none, as the networks behind the surrogate did.
func (s *Surrogate) Accuracy(g Genotype, epochs int) (float64, error) {
	columns, err := surrogateColumns(g)
	if err != nil {
		return 0, err
	}
	if epochs < 1 || epochs > SurrogateEpochs {
		return 0, fmt.Errorf("dartsspace: %d epochs, the surrogate knows 1 to %d", epochs, SurrogateEpochs)
	}
	out, err := s.model.Run(map[string]onnx.Tensor{
		"x_cat":  {Shape: []int{1, len(columns)}, Ints: columns},
		"x_cont": {Shape: []int{1, 1}, Floats: []float64{float64(epochs)}},
	})
	if err != nil {
		return 0, err
	}
	y := out["output"]
	if len(y.Floats) == 0 {
		return 0, fmt.Errorf("dartsspace: the surrogate gives nothing")
	}
	return 100 * y.Floats[0], nil
}

// surrogateOps are the operations by their numbers in the surrogate, which are those of the
// alphabet; 0 stands for no edge.
var surrogateOps = []string{"", "avg_pool_3x3", "dil_conv_3x3", "dil_conv_5x5", "max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "skip_connect"}

// surrogateColumns are a genotype as the surrogate reads it: for either kind of cell the
// operations of its 14 edges, in the order of the alphabet of their numbers (0, 1, 10, 11, …,
// 2, 3, …), then for either kind which pair of inputs nodes 3, 4 and 5 have, numbered from 1
// in the order 0_1, 0_2, …, 1_2, …
// Source: slds-lmu/yahpo_data, nb301/encoding_v2.json.
func surrogateColumns(g Genotype) ([]int64, error) {
	var edges, pairs []int64
	for _, c := range g.cells() {
		ops := make([]int64, cellEdges)
		inputsOf := map[int][]int{}
		for _, e := range c.Edges {
			code := int64(0)
			for k, name := range surrogateOps {
				if name == e.Op.String() {
					code = int64(k)
				}
			}
			at := edgeNumber(e.Input, e.Node)
			if code == 0 || at >= cellEdges || ops[at] != 0 {
				return nil, fmt.Errorf("dartsspace: the surrogate has no genotype with (%q, %d) at node %d of the %s cell, once or twice: want two different inputs a node, through one of %q",
					e.Op, e.Input, e.Node, c.name, surrogateOps[1:])
			}
			ops[at] = code
			inputsOf[e.Node] = append(inputsOf[e.Node], e.Input)
		}
		for node := inputs; node <= lastNode; node++ {
			in := inputsOf[node]
			if len(in) != nodeEdges {
				return nil, fmt.Errorf("dartsspace: the surrogate has no genotype with %d inputs at node %d of the %s cell, want %d", len(in), node, c.name, nodeEdges)
			}
			if node > inputs {
				pairs = append(pairs, pairNumber(node, min(in[0], in[1]), max(in[0], in[1])))
			}
		}
		for _, at := range []int{0, 1, 10, 11, 12, 13, 2, 3, 4, 5, 6, 7, 8, 9} {
			edges = append(edges, ops[at])
		}
	}
	return append(edges, pairs...), nil
}

// pairNumber is the place of a_b among the pairs of inputs of a node, from 1.
func pairNumber(node, a, b int) int64 {
	n := int64(0)
	for x := range node {
		for y := x + 1; y < node; y++ {
			n++
			if x == a && y == b {
				return n
			}
		}
	}
	return 0
}

// IsSurrogate says whether a file is named as one.
func IsSurrogate(path string) bool { return strings.HasSuffix(path, ".onnx") }
