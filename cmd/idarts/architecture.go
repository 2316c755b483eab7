package main

import (
	"strings"

	dartsspace "idarts/darts_space"
	"idarts/internal/diagram"
	"idarts/runners/protocol"
)

// architecture is the architecture of a space that text is, or that the published genotype
// of that name is. In the DARTS space what looks neither like a genotype nor like a
// cell of another space must be a name.
func architecture(space, text string) (string, error) {
	if space != "darts" || dartsspace.IsText(text) || strings.ContainsAny(text, "|~(") {
		return text, nil
	}
	table, err := dartsspace.Open("")
	if err != nil {
		return "", err
	}
	e, err := table.Query(text)
	if err != nil {
		return "", err
	}
	return e.Genotype.String(), nil
}

// graphs are the drawings of an architecture, or of a published genotype.
func graphs(space protocol.Space, text string) ([]diagram.Graph, error) {
	text, err := architecture(space.Name, text)
	if err != nil {
		return nil, err
	}
	return space.Graph(text)
}
