package result

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Records of before runs had an identity give the numbers that were in them.
func TestOldRecords(t *testing.T) {
	const (
		cell     = `"cell":{"space":"s","dataset":"d","method":"m","protocol":"p","seed":3},`
		protocol = `"protocol":{"name":"p","title":"t","space":"s","dataset":"d","batch":32},`
		rest     = `"data":{"d":"ff"},"versions":{"go":"1"},"device":"cpu float32"}`
	)
	search := `{` + cell + protocol + `"method":{"name":"m","note":"n","settings":{"k":2,"arch":{"lr":0.1,"eps":0},"of_others":0}},` + rest
	for _, tt := range []struct{ name, old, protocol, settings, want string }{
		{"the same run", search, `{"space":"s","dataset":"d","batch":32}`, `{"k":2,"arch":{"lr":0.1}}`, ""},
		{"another number of the protocol", search, `{"space":"s","dataset":"d","batch":64}`, `{"k":2}`, "protocol.batch: 32 then, 64 now"},
		{"another setting", search, `{"space":"s","dataset":"d","batch":32}`, `{"k":3}`, "settings.k: 2 then, 3 now"},
		{"a setting inside", search, `{"space":"s","dataset":"d","batch":32}`, `{"arch":{"lr":0.2}}`, "settings.arch.lr: 0.1 then, 0.2 now"},
		{"a setting that it does not know", search, `{"space":"s","dataset":"d","batch":32}`, `{"k":2,"t":1}`, "settings.t: nothing then, 1 now"},
		{"a retraining, which depends on the recipe alone",
			`{` + cell + protocol + `"method":{"name":"m","arch":"a","params":5,"recipe":{"epochs":9}},` + rest,
			`{"space":"s","dataset":"d","recipe":{"epochs":9}}`, `{"arch":"a"}`, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(tt.old), 0o644); err != nil {
			t.Fatal(err)
		}
		run, err := Read(dir)
		if err != nil || !run.Config.Old || run.Config.Versions["go"] != "1" {
			t.Fatalf("%s: %+v, %v; want an old record", tt.name, run.Config, err)
		}
		want := Config{Numbers: Numbers{
			Method: "m", Seed: 3, Protocol: []byte(tt.protocol), Settings: []byte(tt.settings),
			Data: map[string]string{"d": "ff"}, Device: "cpu float32",
		}}
		if want.Identity, err = want.Numbers.Identity(); err != nil {
			t.Fatal(err)
		}
		if got, err := run.Config.Difference(want); err != nil || got != tt.want {
			t.Errorf("%s: difference %q, %v; want %q", tt.name, got, err, tt.want)
		}
		// One that has an identity may not have more settings than are asked for.
		present := run.Config
		present.Old = false
		if err := WriteJSON(filepath.Join(dir, ConfigFile), present); err != nil {
			t.Fatal(err)
		}
		if run, err = Read(dir); err != nil || run.Config.Old {
			t.Fatalf("%s: %+v, %v; want a record with an identity", tt.name, run.Config, err)
		}
		if got, _ := run.Config.Difference(want); got == "" && strings.Contains(tt.old, "of_others") {
			t.Errorf("%s: a setting more counts for nothing", tt.name)
		}
	}
}
