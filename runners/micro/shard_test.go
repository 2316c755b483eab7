package micro

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/work"
	"idarts/nb201"
)

// aShard is a shard of two tasks in a folder.
func aShard(t *testing.T) (b *Build, tasks []Task, shard trainedShard) {
	t.Helper()
	b = &Build{Benchmark: tinyMicro, Options: work.Options{Out: t.TempDir()}, origin: "a recipe"}
	tasks = []Task{{Cell: nb201.FromIndex(0)}, {Cell: nb201.FromIndex(7), Seed: 1}}
	for _, task := range tasks {
		shard.rows = append(shard.rows, Row{Cell: task.Cell, Seed: task.Seed, Epoch: b.Epochs, TrainLoss: math.NaN(), Valid: 50, Test: 0.5, Seconds: 1})
	}
	shard.version, shard.coreSeconds = "v", 2
	return b, tasks, shard
}

// Of a shard with a bit flipped the same is read, or nothing.
func TestBitFlipsOfAShard(t *testing.T) {
	b, tasks, shard := aShard(t)
	if err := b.writeShard(0, shard); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(b.shardPath(0))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%+v", shard) // NaN is NaN
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	const flips = 500
	for range flips {
		bad := bytes.Clone(good)
		bit := r.IntN(8 * len(bad))
		bad[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(b.shardPath(0), bad, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := b.readShard(0, tasks)
		if err != nil {
			refused++
			if !strings.Contains(err.Error(), `shard-0000.arrow"`) {
				t.Fatalf("bit %d: error %q does not name the file", bit, err)
			}
		} else if text := fmt.Sprintf("%+v", got); text != want {
			t.Fatalf("bit %d: %s, want %s", bit, text, want)
		}
	}
	t.Logf("%d of %d flips of %d bytes were refused, the others change nothing", refused, flips, len(good))
}

func TestWrongShards(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format string
		sealed bool
		change func(r *Row)
		want   string // "" for one that is read
	}{
		{"as it is written", ShardFormat, true, func(*Row) {}, ""},
		{"of the first version", shardFormat1, false, func(*Row) {}, ""},
		{"without checksums", ShardFormat, false, func(*Row) {}, "is damaged: it has no checksums"},
		{"more than 100 percent", ShardFormat, true, func(r *Row) { r.Valid = 194.5 }, "row 1: accuracies 194.5 and 0.5, want 0 to 100 percent"},
		{"no accuracy", shardFormat1, false, func(r *Row) { r.Test = math.NaN() }, "row 1: accuracies 50 and NaN"},
		{"a seed below 0", ShardFormat, true, func(r *Row) { r.Seed = math.MaxUint64 }, "row 1: seed -1, epoch"},
		{"no epoch", ShardFormat, true, func(r *Row) { r.Epoch = 0 }, "epoch 0, want 0 or more and 1 or more"},
		{"a loss below 0", ShardFormat, true, func(r *Row) { r.TestLoss = -1 }, "and -1 and 1 seconds, want none below 0"},
	} {
		b, tasks, shard := aShard(t)
		tt.change(&shard.rows[1])
		if err := b.writeShard(0, shard); err != nil {
			t.Fatal(err)
		}
		file, err := arrowio.Read(b.shardPath(0))
		if err != nil {
			t.Fatal(err)
		}
		file.Meta["format"], file.Sealed = tt.format, tt.sealed
		if err := arrowio.Write(b.shardPath(0), *file, arrowio.Plain); err != nil {
			t.Fatal(err)
		}
		got, err := b.readShard(0, tasks)
		switch {
		case tt.want == "" && (err != nil || len(got.rows) != 2):
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `shard-0000.arrow"`)):
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}
