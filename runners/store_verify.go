package runners

import (
	"fmt"

	"idarts/runners/protocol"
)

// Verify checks what [ReadScores] does not: that every architecture is one of the
// space and stands for its class. lines say what was found; err is the first fault.
func (s *Scores) Verify() (lines []string, err error) {
	space, err := protocol.LookupSpace(s.Space)
	if err != nil {
		return nil, err
	}
	archs := map[string]bool{}
	for i, row := range s.Rows {
		arch, err := space.Canonical(row.Arch)
		switch {
		case err != nil:
			return nil, fmt.Errorf("runners: row %d: %w", i, err)
		case arch != row.Arch:
			return nil, fmt.Errorf("runners: row %d is of %q, want %q, which stands for its class", i, row.Arch, arch)
		}
		archs[row.Arch] = true
	}
	lines = []string{fmt.Sprintf("%d trainings of %d architectures of space %s on %s, accuracies of 0 to 100 %%", len(s.Rows), len(archs), s.Space, s.Dataset)}
	if s.Sealed {
		return append(lines, "the checksums of the columns hold"), nil
	}
	return append(lines, "no checksums inside: damage to single numbers cannot be seen"), nil
}
