package runners

import (
	"fmt"
	"strings"
	"testing"
)

func TestVerifyScores(t *testing.T) {
	const (
		threes = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
		ones   = "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_1x1~0|nor_conv_1x1~1|nor_conv_1x1~2|"
		// Node 1 is zero, and so is what skips from it.
		dead = "|none~0|+|nor_conv_3x3~0|skip_connect~1|+|nor_conv_3x3~0|none~1|nor_conv_3x3~2|"
	)
	for _, tt := range []struct {
		name  string
		space string
		rows  []Trained
		want  string // the line, or the start of the error
	}{
		{"two trials of one, one of another", "nb201", []Trained{{Arch: threes, Valid: 1, Test: 2}, {Arch: threes, Trial: 1}, {Arch: ones, Test: 100}},
			"3 trainings of 2 architectures of space nb201 on d, accuracies of 0 to 100 %"},
		{"no such space", "nb999", nil, `protocol: unknown space "nb999"`},
		{"no cell", "nb201", []Trained{{Arch: "x"}}, `runners: row 0: nb201: cell "x"`},
		{"another cell of its class", "nb201", []Trained{{Arch: ones}, {Arch: dead}}, `runners: row 1 is of "` + dead + `", want "`},
	} {
		lines, err := (&Scores{Space: tt.space, Dataset: "d", Rows: tt.rows}).Verify()
		got := strings.Join(lines, "\n")
		if err != nil {
			got += fmt.Sprint(err)
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
