package micro

import (
	"slices"
	"testing"

	"idarts/nb201"
)

// Every network once, then those drawn at random and the best of the others, then the
// best of these.
func TestMicroTasks(t *testing.T) {
	m := All[0]
	// Networks get more right with their index, so that the last ones are the best. Half
	// of it is by validation, half by test images, and neither alone ranks them.
	rank := map[nb201.Cell]int{}
	var networks []nb201.Cell
	for _, c := range nb201.All() {
		if c.Network() == c {
			rank[c] = len(networks)
			networks = append(networks, c)
		}
	}
	var rows []Row
	seen := map[Task]bool{}
	seeds := map[nb201.Cell]int{}
	for round, size := range m.Sizes() {
		tasks := m.Tasks(round, rows)
		if len(tasks) != size || !slices.Equal(tasks, m.Tasks(round, rows)) {
			t.Fatalf("round %d: %d tasks, want %d and the same from call to call", round, len(tasks), size)
		}
		for i, task := range tasks {
			key := Task{Cell: task.Cell, Seed: task.Seed}
			if task.Cell.Network() != task.Cell || seen[key] {
				t.Fatalf("round %d, task %d: %q is not the first of its network, or is trained again with seed %d", round, i, task.Cell, task.Seed)
			}
			seen[key] = true
			seeds[task.Cell]++
			right, odd := rank[task.Cell], float64(i%100)
			rows = append(rows, Row{Cell: task.Cell, Seed: task.Seed, Epoch: m.Epochs,
				Valid: 100 * (float64(right)/2 + odd) / float64(m.Held), Test: 100 * (float64(right)/2 - odd + 100) / float64(m.Held)})
			if right%2 == 1 { // no half images
				rows[len(rows)-1].Valid += 50 / float64(m.Held)
				rows[len(rows)-1].Test -= 50 / float64(m.Held)
			}
		}
	}
	curves := 0
	for _, task := range m.Tasks(1, rows) {
		if task.Curve {
			curves++
		}
	}
	if curves != 2*m.Repeated {
		t.Errorf("%d curves in the second round, want 2 of each of the %d drawn at random", curves, m.Repeated)
	}
	counts := map[int]int{}
	for i, c := range networks {
		counts[seeds[c]]++
		from := len(networks) - i
		if want := m.FinalTrials; from <= m.Finalists && seeds[c] != want {
			t.Errorf("%q, the best but %d, is trained %d times, want %d", c, from-1, seeds[c], want)
		}
		if from <= m.Promising && seeds[c] < m.Trials {
			t.Errorf("%q, the best but %d, is trained %d times, want %d", c, from-1, seeds[c], m.Trials)
		}
	}
	if counts[1] != len(networks)-2000 || counts[3] != 1900 || counts[10] != 100 || len(counts) != 3 {
		t.Errorf("networks by their trainings: %v", counts)
	}
	t.Logf("%v trainings of %d networks", m.Sizes(), len(networks))
}

// The best by the sum of both accuracies over trainings with seeds below two; of equal
// ones those of lower index.
func TestBest(t *testing.T) {
	m := Benchmark{Held: 100}
	m.Epochs = 2
	cell := nb201.FromIndex
	rows := []Row{
		{Cell: cell(7), Epoch: 2, Valid: 60, Test: 50}, {Cell: cell(7), Seed: 1, Epoch: 2, Valid: 60, Test: 50}, // 220
		{Cell: cell(3), Epoch: 2, Valid: 58, Test: 52}, {Cell: cell(3), Seed: 1, Epoch: 2, Valid: 57, Test: 53}, // 220
		{Cell: cell(5), Epoch: 2, Valid: 90, Test: 10}, {Cell: cell(5), Seed: 1, Epoch: 2, Valid: 10, Test: 90}, // 200
		{Cell: cell(9), Epoch: 2, Valid: 29, Test: 57}, {Cell: cell(9), Seed: 1, Epoch: 2, Valid: 67, Test: 68}, // 221
		{Cell: cell(5), Seed: 2, Epoch: 2, Valid: 99, Test: 99}, {Cell: cell(5), Epoch: 1, Valid: 99, Test: 99}, // another seed and an epoch before the last
	}
	cells := []nb201.Cell{cell(9), cell(7), cell(5), cell(3)}
	for _, tt := range []struct {
		name string
		n    int
		want []nb201.Cell
	}{
		{"none", 0, []nb201.Cell{}},
		{"the most right", 1, []nb201.Cell{cell(9)}},
		{"of equal ones the lower index", 2, []nb201.Cell{cell(3), cell(9)}},
		{"both of the equal ones", 3, []nb201.Cell{cell(3), cell(7), cell(9)}},
	} {
		if got := best(cells, m.right(rows, 2), tt.n); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
