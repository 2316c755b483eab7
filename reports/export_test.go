package reports

import (
	"slices"
	"strings"
	"testing"

	"idarts/internal/result"
)

func TestExport(t *testing.T) {
	runs := seeded("s", "darts-v1", 80, 81)
	runs[1].Result, runs[1].Failure = nil, &result.Failure{Error: "the search diverged"}
	runs[0].Events[0].Extra = map[string]float64{"b": 2, "a": 1}
	runs[0].Events[1].Score = result.Score{} // was not scored
	runs[0].Config.Numbers.Settings = []byte(`{"lr":0.1}`)
	tables, err := Export(runs)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for _, table := range tables {
		for _, row := range table.text() {
			lines[table.Name] = append(lines[table.Name], strings.Join(row, ","))
		}
		if len(lines[table.Name]) != table.Rows+1 {
			t.Errorf("%s: %d lines for %d rows", table.Name, len(lines[table.Name]), table.Rows)
		}
	}
	for name, want := range map[string][]string{
		"epochs": {
			"run,epoch,train_loss,valid_loss,entropy,gflop,arch,valid,test", "s/d/p/darts-v1/seed-0,1,0,0,0,10,a,40,40", "s/d/p/darts-v1/seed-0,2,0,0,0,100,b,,",
			"s/d/p/darts-v1/seed-1,1,0,0,0,10,a,40.5,40.5", "s/d/p/darts-v1/seed-1,2,0,0,0,100,b,81,81",
		},
		"extras":   {"run,epoch,name,value", "s/d/p/darts-v1/seed-0,1,a,1", "s/d/p/darts-v1/seed-0,1,b,2"},
		"scores":   {"arch,source,valid,test,trials", "a,table:t,40,40,1", "b,table:t,80,80,1"},
		"settings": {"run,name,value", "s/d/p/darts-v1/seed-0,settings.lr,0.1"},
	} {
		if !slices.Equal(lines[name][:len(want)], want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(lines[name], "\n"), strings.Join(want, "\n"))
		}
	}
	for i, want := range []string{"s/d/p/darts-v1/seed-0,s,d,p,darts-v1,,0,done,,b,80,80,1,table:t,100,2,", "s/d/p/darts-v1/seed-1,s,d,p,darts-v1,,1,failed,the search diverged,,,,0,,,2,"} {
		if !strings.HasPrefix(lines["runs"][i+1], want) {
			t.Errorf("run %d is %q, want %q", i, lines["runs"][i+1], want)
		}
	}
}
