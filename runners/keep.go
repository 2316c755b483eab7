package runners

import (
	"os"
	"path/filepath"

	"idarts/internal/durable"
)

// modelsDir is where below the output root is kept what searches have trained without
// accuracies.
const modelsDir = "models"

// modelFolder implements [search.Keep]: a file for each model, which is made again where it
// cannot be read.
type modelFolder struct {
	out  string
	note func(format string, args ...any)
}

func (m modelFolder) Load(name string) []byte {
	content, err := os.ReadFile(m.path(name))
	if err != nil {
		return nil
	}
	return content
}

func (m modelFolder) Save(name string, content []byte) {
	err := clearWay(m.out, modelsDir, m.note)
	if err == nil {
		err = os.MkdirAll(filepath.Join(m.out, modelsDir), 0o755)
	}
	if err == nil {
		err = durable.WriteBytes(m.path(name), content)
	}
	if err != nil {
		m.note("model %s is not kept: %v", name, err)
	}
}

func (m modelFolder) path(name string) string { return filepath.Join(m.out, modelsDir, name) }
