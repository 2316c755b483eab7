package result

import (
	"encoding/json"
	"fmt"
)

// oldConfig is config.json as it was before runs had an identity: numbers and
// descriptions together, and one list of settings for all methods, of which each
// used its own.
type oldConfig struct {
	Protocol map[string]json.RawMessage `json:"protocol"`
	Method   struct {
		Settings json.RawMessage `json:"settings"`
		Arch     json.RawMessage `json:"arch"`   // of a retraining
		Recipe   json.RawMessage `json:"recipe"` // of a retraining
	} `json:"method"`
	Data   map[string]string `json:"data"`
	Device string            `json:"device"`
}

// numbers are those of the run, as they are named today.
func (o oldConfig) numbers(cell Cell) (Numbers, error) {
	n := Numbers{Method: cell.Method, Seed: cell.Seed, Settings: o.Method.Settings, Data: o.Data, Device: o.Device}
	delete(o.Protocol, "name")
	delete(o.Protocol, "title")
	var protocol any = o.Protocol
	if o.Method.Recipe != nil {
		protocol = map[string]json.RawMessage{"space": o.Protocol["space"], "dataset": o.Protocol["dataset"], "recipe": o.Method.Recipe}
		settings, err := json.Marshal(map[string]json.RawMessage{"arch": o.Method.Arch})
		if err != nil {
			return n, err
		}
		n.Settings = settings
	}
	var err error
	n.Protocol, err = json.Marshal(protocol)
	return n, err
}

// Difference names the first number in which c, as it was read, differs from want;
// "" where they are the same run. What an old record lists beyond the settings of
// want does not count: the method did not use it.
func (c Config) Difference(want Config) (string, error) {
	if c.Identity == want.Identity {
		return "", nil
	}
	if c.Old {
		have, err := treeOf(c.Numbers.Settings)
		if err != nil {
			return "", err
		}
		now, err := treeOf(want.Numbers.Settings)
		if err != nil {
			return "", err
		}
		if c.Numbers.Settings, err = json.Marshal(among(have, now)); err != nil {
			return "", fmt.Errorf("result: %w", err)
		}
	}
	return Difference(c.Numbers, want.Numbers)
}

// among leaves out of objects what those of like do not have.
func among(have, like any) any {
	object, ok := have.(map[string]any)
	names, too := like.(map[string]any)
	if !ok || !too {
		return have
	}
	kept := map[string]any{}
	for name, value := range names {
		if inner, ok := object[name]; ok {
			kept[name] = among(inner, value)
		}
	}
	return kept
}
