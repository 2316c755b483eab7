// Package testdata holds the data that is part of the program. README.md says
// where each file comes from, its licence and its hash.
package testdata

import _ "embed"

// Fashion16 is fashion16.arrow, which images.BuildFashion wrote: 15,000 images of
// Fashion-MNIST at 16x16. Read it with images.Fashion; do not write to it.
//
//go:embed fashion16.arrow
var Fashion16 []byte

// DartsGenotypes is darts-genotypes.arrow, which dartsspace.BuildPublished wrote:
// published genotypes of the DARTS space with the errors that sources report. Read
// it with dartsspace.Open; do not write to it.
//
//go:embed darts-genotypes.arrow
var DartsGenotypes []byte

// NB201Micro is nb201-micro.arrow, which idarts bench build wrote: accuracies of
// every NAS-Bench-201 network trained on Fashion16 at 8x8. Read it with
// nb201.Decode; do not write to it.
//
//go:embed nb201-micro.arrow
var NB201Micro []byte
