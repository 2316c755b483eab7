package reports

import (
	"encoding/json"
	"strings"
	"testing"

	"idarts/internal/result"
)

// The settings of the best mean validation accuracy are chosen, whatever the test says.
func TestTune(t *testing.T) {
	var runs []result.Run
	add := func(rate, settings string, valid, test float64) {
		for _, run := range seeded("s", "darts-v1", valid-1, valid+1) {
			run.Cell.Settings = settings
			run.Config.Cell = run.Cell
			run.Config.Numbers.Settings = json.RawMessage(`{"rate":` + rate + `}`)
			run.Result.Cell, run.Result.Score.Test = run.Cell, test
			runs = append(runs, run)
		}
	}
	add("1", "", 80, 90)
	add("2", "rate=2", 82, 50)
	add("3", "rate=3", 81, 95)
	table := Tune(runs, options)
	if len(table.Rows) != 1 || strings.Join(table.Rows[0], "|") != "DARTS (first order)|rate 2|82.00 ± 1.41|3|600" {
		t.Errorf("rows %q", table.Rows)
	}
	if strings.Contains(strings.Join(append(table.Header, table.methods[0]...), " "), "est") {
		t.Errorf("columns %q have test accuracies", table.methods[0])
	}
	for _, row := range table.methods[1:] {
		if chosen := row[5] == "true"; chosen != (row[4] == "rate 2") {
			t.Errorf("chosen %v: %q", chosen, row)
		}
	}
}
