package runners

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/exec/cpu"
	"idarts/internal/longtest"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/runners/protocol"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The first three epochs of every method on every space are what they were: loss, entropy,
// derived architecture, and the bytes of all that changes. One worker and two have the
// same. The protocol is quick, in shorter epochs of smaller batches.
func TestSearchesAreAsTheyWere(t *testing.T) {
	for _, name := range []string{"nb201", "nb1b1-s3", "darts"} {
		t.Run(name, func(t *testing.T) {
			if name != "nb201" && !*update {
				longtest.Needed(t)
			}
			t.Parallel()
			var got bytes.Buffer
			for workers := 2; workers > 0; workers-- {
				if workers == 1 && (name != "nb201" || testing.Short()) {
					break
				}
				text := firstEpochs(t, name, workers)
				if got.Len() > 0 && got.String() != text {
					t.Error("one worker ends in other bits than two")
				}
				got.Reset()
				got.WriteString(text)
			}
			file := filepath.Join("testdata", "searches-"+name+".txt")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			have, had := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
			if len(have) != len(had) {
				t.Fatalf("%d lines, want %d", len(have), len(had))
			}
			for i := range had {
				if have[i] != had[i] {
					t.Errorf("got  %s\nwant %s", have[i], had[i])
				}
			}
		})
	}
}

// firstEpochs has a line of each epoch of all methods that share weights on a space.
func firstEpochs(t *testing.T, name string, workers int) string {
	t.Helper()
	p, err := protocol.Lookup(name, "quick")
	if err != nil {
		t.Fatal(err)
	}
	space, err := protocol.LookupSpace(name)
	if err != nil {
		t.Fatal(err)
	}
	cells := 1
	if name == "darts" {
		cells = 3
	}
	p.Supernet, p.Batch = space.Sized(4, cells), 8
	data, err := few(p.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	bench, err := openBench(p, data, Inputs{Out: t.TempDir()}, false)
	if err != nil {
		t.Fatal(err)
	}
	d := cpu.Open[float32](workers)
	defer d.Close()
	var out strings.Builder
	for _, m := range search.Methods {
		of, ok := p.Of(m.Name)
		if m.BlackBox || !ok {
			continue
		}
		own, seldom := of.Settings, "1"
		if name == "darts" { // estimates over 200 options take their time
			seldom = "2"
		}
		for path, text := range map[string]string{
			"epochs": "3", "max_steps": "2", "sampling.samples": "3", "sampling.batches": "1", "samples": "1", "batches": "1",
			"every": seldom, "lookahead_steps": "2", "arch.lr": "0.05", "updates": "1", "rollouts": "2", "warm_up": seldom,
		} {
			if changed, err := settings.Set(own, path, text); err == nil { // not all methods have it
				own = changed
			}
		}
		s, err := m.New(search.Env{
			Space: bench.Space, Seed: 3,
			Supernet: func(o search.SupernetOptions) (search.Problem, error) { return bench.Problem(d, 3, o) },
		}, own)
		if err != nil {
			t.Fatal(err)
		}
		for epoch := range 3 {
			r, err := s.Epoch(t.Context(), nil)
			if err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			sum := sha256.Sum256(s.State())
			fmt.Fprintf(&out, "%s %d loss %.9g %.9g entropy %.9g state %x %s\n", m.Name, epoch+1, r.TrainLoss, r.ValidLoss, r.Entropy, sum[:8], r.Arch)
		}
	}
	return out.String()
}
