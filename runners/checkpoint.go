package runners

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"idarts/internal/durable"
	"idarts/internal/result"
)

// A checkpoint is one file, replaced whole after every epoch:
//
//	magic, length of the header, header (JSON), state of the searcher, SHA-256 of all before
//
// Events and state are in one file so that no kill can part them.
const (
	checkpointDir   = "checkpoint"
	checkpointFile  = "state"
	checkpointMagic = "idartsc1"
)

// checkpoint is what a run needs to go on after its last finished epoch.
type checkpoint struct {
	Run        string            `json:"run"` // the identity of the run
	Versions   map[string]string `json:"versions"`
	Events     []result.Event    `json:"events"`
	Timing     result.Timing     `json:"timing"`
	QueryGFLOP float64           `json:"query_gflop"` // arithmetic of the cells trained for the search
	state      []byte
}

// write replaces the checkpoint of dir.
func (c *checkpoint) write(dir string) error {
	header, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("runners: encode checkpoint: %w", err)
	}
	return durable.Write(filepath.Join(dir, checkpointDir, checkpointFile), func(w io.Writer) error {
		sum := sha256.New()
		both := io.MultiWriter(w, sum)
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(header)))
		for _, part := range [][]byte{[]byte(checkpointMagic), size[:], header, c.state} {
			if _, err := both.Write(part); err != nil {
				return err
			}
		}
		_, err := w.Write(sum.Sum(nil))
		return err
	})
}

// readCheckpoint reads the checkpoint of a run made from config in dir; none gives an
// error wrapping [fs.ErrNotExist].
func readCheckpoint(dir string, config result.Config) (*checkpoint, error) {
	path := filepath.Join(dir, checkpointDir, checkpointFile)
	content, err := durable.ReadRegular(path)
	if err != nil {
		return nil, fmt.Errorf("runners: read checkpoint: %w", err)
	}
	const fixed = len(checkpointMagic) + 8
	if len(content) < fixed+sha256.Size || string(content[:len(checkpointMagic)]) != checkpointMagic {
		return nil, fmt.Errorf("runners: %q is no checkpoint of this version", path)
	}
	body, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("runners: checkpoint %q is damaged: its checksum does not match", path)
	}
	size := binary.LittleEndian.Uint64(body[len(checkpointMagic):])
	if size > uint64(len(body)-fixed) {
		return nil, fmt.Errorf("runners: checkpoint %q is damaged: header of %d bytes", path, size)
	}
	c := &checkpoint{state: body[fixed+int(size):]}
	if err := json.Unmarshal(body[fixed:fixed+int(size)], c); err != nil {
		return nil, fmt.Errorf("runners: checkpoint %q: %w", path, err)
	}
	if c.Run != config.Identity || !maps.Equal(c.Versions, config.Versions) {
		return nil, fmt.Errorf("runners: checkpoint %q is of another run, or of another version", path)
	}
	return c, nil
}

// removeCheckpoint deletes the checkpoint of a run that is finished or starts over.
func removeCheckpoint(dir string) error {
	err := os.RemoveAll(filepath.Join(dir, checkpointDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("runners: remove checkpoint: %w", err)
	}
	return nil
}
