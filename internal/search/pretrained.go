package search

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"idarts/internal/rng"
	"idarts/internal/svge"
)

// Keep keeps what takes long to make and is the same for all runs, from one process to the
// next. No search fails because of it: Load gives nil where there is nothing to be had.
type Keep interface {
	Load(name string) []byte
	Save(name string, content []byte)
}

// models are the autoencoders of this process, by what they are trained on.
var models sync.Map // string to *oneModel

type oneModel struct {
	sync.Mutex
	model *svge.Model
}

// pretrained is the autoencoder of a space, the same for all seeds of a search. It is
// trained when it is first asked for, and kept. One that cannot be read is trained again.
func pretrained(ctx context.Context, env Env, s SVGE) (*svge.Model, error) {
	archs := someArchs(env.Space, s.Graphs)
	own := s
	own.Budget, own.Initial, own.Round, own.Candidates, own.Decodes = Budget{}, 0, 0, 0, 0
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %s", own, strings.Join(archs, "\n")))
	key := hex.EncodeToString(sum[:16])
	entry, _ := models.LoadOrStore(key, new(oneModel))
	one := entry.(*oneModel)
	one.Lock()
	defer one.Unlock()
	if one.model != nil {
		return one.model, nil
	}
	model := svge.NewModel(svge.Sizes{
		Types: env.Space.Graphs.Types, Nodes: env.Space.Graphs.Nodes, Hidden: s.Hidden, Latent: s.Latent,
	}, rng.New(0, "svge weights"))
	name := "svge-" + key
	if env.Keep != nil && setModel(model, key, env.Keep.Load(name)) == nil {
		one.model = model
		return model, nil
	}
	if err := train(ctx, model, env.Space, archs, s); err != nil {
		return nil, err
	}
	if env.Keep != nil {
		env.Keep.Save(name, modelBytes(model, key))
	}
	one.model = model
	return model, nil
}

// someArchs are n different architectures, or as many as are found.
func someArchs(space Space, n int) []string {
	r := rng.New(0, "svge cells")
	seen, archs := map[string]bool{}, []string(nil)
	for range 20 * n {
		if arch := space.Random(r); !seen[arch] && len(archs) < n {
			seen[arch] = true
			archs = append(archs, arch)
		}
	}
	return archs
}

func train(ctx context.Context, model *svge.Model, space Space, archs []string, s SVGE) error {
	var graphs []svge.Graph
	for _, arch := range archs {
		g, err := space.Graphs.Of(arch)
		if err != nil {
			return err
		}
		graphs = append(graphs, g)
	}
	losses, err := model.Train(ctx, graphs, svge.Training{Epochs: s.Epochs, Batch: s.Batch, Rate: s.Rate, Clip: s.Clip}, rng.New(0, "svge training"))
	if err != nil {
		return err
	}
	return finite("loss of the autoencoder", losses)
}

const modelMagic = "idarts graph autoencoder 1"

// modelBytes are a trained model: magic, what it was trained on, its weights, a checksum.
func modelBytes(m *svge.Model, key string) []byte {
	var w stateWriter
	w.bytes([]byte(modelMagic))
	w.bytes([]byte(key))
	w.floats(m.Theta)
	return w.seal()
}

// setModel takes what modelBytes gave.
func setModel(m *svge.Model, key string, content []byte) error {
	r := openState(content)
	if magic, of := string(r.bytes()), string(r.bytes()); r.err == nil && (magic != modelMagic || of != key) {
		return errors.New("it is of something else")
	}
	theta := r.floats(len(m.Theta))
	if err := r.end(); err != nil {
		return err
	}
	copy(m.Theta, theta)
	return nil
}
