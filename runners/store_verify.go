package runners

import (
	"fmt"

	"idarts/runners/protocol"
)

// Verify checks what [ReadScores] does not: that every architecture is one of the
// space and stands for its class, that accuracies are percentages, and that no
// training is there twice. lines say what was found; err is the first fault.
func (s *Scores) Verify() (lines []string, err error) {
	space, err := protocol.LookupSpace(s.Space)
	if err != nil {
		return nil, err
	}
	type training struct {
		arch  string
		trial uint64
	}
	seen := map[training]bool{}
	archs := map[string]bool{}
	for i, row := range s.Rows {
		arch, err := space.Canonical(row.Arch)
		switch {
		case err != nil:
			return nil, fmt.Errorf("runners: row %d: %w", i, err)
		case arch != row.Arch:
			return nil, fmt.Errorf("runners: row %d is of %q, want %q, which stands for its class", i, row.Arch, arch)
		case !(row.Valid >= 0 && row.Valid <= 100 && row.Test >= 0 && row.Test <= 100):
			return nil, fmt.Errorf("runners: row %d: accuracies %v and %v, want 0 to 100 percent", i, row.Valid, row.Test)
		case seen[training{row.Arch, row.Trial}]:
			return nil, fmt.Errorf("runners: row %d is trial %d of %q, which an earlier row is", i, row.Trial, row.Arch)
		}
		seen[training{row.Arch, row.Trial}], archs[row.Arch] = true, true
	}
	return []string{fmt.Sprintf("%d trainings of %d architectures of space %s on %s, accuracies of 0 to 100 %%", len(s.Rows), len(archs), s.Space, s.Dataset)}, nil
}
