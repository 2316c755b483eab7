package search

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
)

// inMemory is a Keep in memory.
type inMemory map[string][]byte

func (k inMemory) Load(name string) []byte          { return k[name] }
func (k inMemory) Save(name string, content []byte) { k[name] = content }

// The autoencoder is trained once, taken from where it is kept, trained again to the same
// bytes where it was damaged, and its training ends with the context.
func TestPretrained(t *testing.T) {
	env := toyTrial(1).Env
	store := inMemory{}
	env.Keep = store
	s := toySettings()["svge"].(SVGE)
	s.Epochs = 3
	forget := func() { models.Clear() }
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := pretrained(stopped, env, s); !errors.Is(err, context.Canceled) || len(store) != 0 {
		t.Fatalf("stopped: error %v, kept %d", err, len(store))
	}
	first, err := pretrained(t.Context(), env, s)
	if err != nil || len(store) != 1 {
		t.Fatalf("error %v, kept %d, want 1", err, len(store))
	}
	for name, content := range store {
		for what, damage := range map[string]func([]byte){
			"whole": func([]byte) {}, "damaged": func(b []byte) { b[len(b)/2] ^= 1 },
		} {
			forget()
			store[name] = bytes.Clone(content)
			damage(store[name])
			ctx := t.Context()
			if what == "whole" {
				ctx = stopped // so that nothing can be trained
			}
			again, err := pretrained(ctx, env, s)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if !slices.Equal(again.Theta, first.Theta) || !bytes.Equal(store[name], content) {
				t.Errorf("%s: another model", what)
			}
		}
	}
	forget()
	s.Graphs--
	if _, err := pretrained(t.Context(), env, s); err != nil || len(store) != 2 {
		t.Errorf("other graphs: error %v, kept %d, want 2", err, len(store))
	}
}
