package runners

import (
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/result"
	"idarts/nb1b1"
)

// small101 is a table of three cells, made from records as NAS-Bench-101 has them.
func small101(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.arrow")
	if err := nb1b1.ImportNASBench101(filepath.Join("..", "nb1b1", "testdata", "small.tfrecord"), path, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScoresByNASBench101(t *testing.T) {
	paper, err := LookupProtocol("nb1b1-s3", "paper")
	if err != nil {
		t.Fatal(err)
	}
	scorer, sum, err := nb101Table(small101(t), paper.Score, func(string) float64 { return 7 })
	if err != nil || len(sum) != 64 {
		t.Fatalf("open: sha256 %q, %v", sum, err)
	}
	// The cell of NAS-Bench-101's README and its record there.
	const published = "conv1x1-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(3) maxpool3x3(0) output(1,2,4,5)"
	got, err := scorer.Score(t.Context(), published, nil)
	want := result.Score{Valid: 100 * float64(float32(0.9376001358032227)), Test: 100 * float64(float32(0.9311898946762085)), Trials: 1, Source: "table:small.arrow"}
	if err != nil || got.Score != want || got.GFLOP != 7 || got.Seconds < 1155 || got.Seconds > 1156 {
		t.Errorf("score %+v, %v; want %+v, 1155.9 s", got, err, want)
	}
	if _, err := scorer.Score(t.Context(), "conv3x3-bn-relu(0) output(1)", nil); err == nil || !strings.Contains(err.Error(), "does not list cell") {
		t.Errorf("a cell that the table lacks: error %v", err)
	}
	if _, _, err := nb101Table("none.arrow", paper.Score, nil); err == nil || !strings.Contains(err.Error(), "idarts data import nas-bench-101") {
		t.Errorf("missing table: error %v, want how to make it", err)
	}
}
