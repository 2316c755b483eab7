package micro

import (
	"errors"
	"fmt"
	"testing"

	"idarts/internal/device"
	"idarts/internal/work"
)

// quiet is told how far a shard is.
type quiet struct{}

func (quiet) Move(float64, string) {}
func (quiet) Note(string, ...any)  {}

// Shards that are trained elsewhere, round by round, make the table that one build makes.
func TestShardsTravel(t *testing.T) {
	alone := Build{Benchmark: tinyMicro, Options: work.Options{Out: t.TempDir(), Jobs: 2}}
	want, err := alone.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.Open("cpu", 32, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	out, elsewhere := t.TempDir(), t.TempDir()
	travelled := 0
	for range Rounds + 1 {
		b := &Build{Benchmark: tinyMicro, Options: work.Options{Out: out}}
		missing, sum, err := b.Missing()
		if err != nil {
			t.Fatal(err)
		}
		if len(missing) == 0 {
			if sum.Round != Rounds || sum.There != sum.Trainings {
				t.Errorf("nothing is missing of %+v", sum)
			}
			break
		}
		for _, s := range missing {
			if there, err := s.Finished(tinyMicro, out); there || err != nil {
				t.Errorf("shard %d before: %v, %v", s.Number, there, err)
			}
			content, err := s.Train(t.Context(), tinyMicro, elsewhere, d, quiet{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Keep(tinyMicro, out, content[:len(content)-9]); !errors.Is(err, ErrNotOf) {
				t.Errorf("a file that is cut: %v", err)
			}
			other := s
			other.Tasks = append([]TravelTask{}, s.Tasks...)
			other.Tasks[0].Seed += 100
			if err := other.Keep(tinyMicro, out, content); !errors.Is(err, ErrNotOf) {
				t.Errorf("the file of other tasks: %v", err)
			}
			for range 2 { // it may come twice
				if err := s.Keep(tinyMicro, out, content); err != nil {
					t.Fatal(err)
				}
			}
			if there, err := s.Finished(tinyMicro, out); !there || err != nil {
				t.Errorf("shard %d after: %v, %v", s.Number, there, err)
			}
			travelled++
		}
	}
	got, err := (&Build{Benchmark: tinyMicro, Options: work.Options{Out: out}}).Run(t.Context())
	if err != nil || got.Now != 0 || travelled == 0 || len(got.Rows) != len(want.Rows) {
		t.Fatalf("%d shards travelled; the build then: %+v, %v", travelled, got, err)
	}
	for i, row := range got.Rows {
		expected := want.Rows[i]
		row.Seconds, expected.Seconds = 0, 0
		if fmt.Sprint(row) != fmt.Sprint(expected) { // a loss may be no number
			t.Errorf("row %d: %+v, want %+v", i, row, expected)
		}
	}
	changed := tinyMicro
	changed.Epochs++
	if _, err := (Shard{}).Finished(changed, out); !errors.Is(err, ErrOther) {
		t.Errorf("a shard of another benchmark: %v", err)
	}
}
