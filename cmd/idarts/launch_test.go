package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is launched is what is printed, with the flags that say where data and results are; and
// a scheduler that is not there is told of.
func TestLaunch(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	slurm := strings.Fields("launch slurm --protocol laptop-nb201 --methods idarts --seeds 0-2 --table t.arrow --out shared/out --device cpu:avx2 --to scripts")
	k8s := strings.Fields("launch k8s --image i --claim c --protocol paper --data images --table t.arrow --seeds 0-2 --methods idarts --out o --gpus 1 --to scripts")
	t.Setenv("PATH", bin)
	if _, text, status := command(t, slurm...); status != statusFailed || !strings.Contains(text, "no sbatch on this machine; --dry-run prints") {
		t.Errorf("without Slurm: status %d, %q", status, text)
	}
	if found, _ := filepath.Glob("scripts/*"); found != nil {
		t.Errorf("without Slurm %q are written", found)
	}
	for _, tool := range []string{"sbatch", "kubectl"} {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\necho \"Submitted $*\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	for _, tt := range []struct {
		name       string
		args       []string
		file, want string
		said       string
	}{
		{"Slurm", slurm, "scripts/idarts-0.sbatch",
			`idarts run --space nb201 --protocol laptop-nb201 --methods idarts --seeds 0-2 --table t.arrow --out shared/out --claims leases --device cpu:avx2 --cell "$cell" &`,
			"Submitted scripts/idarts-0.sbatch\n"},
		{"Kubernetes", k8s, "scripts/idarts.yaml", `        - "--data"
        - "images"
        - "--table"
        - "t.arrow"
        - "--out"
        - "o"
        - "--claims"
        - "leases"
        - "--device"
        - "cuda"
        - "--cell=$(IDARTS_CELL)"`, "Submitted apply -f scripts/idarts.yaml\n"},
	} {
		printed, text, status := command(t, append(tt.args, "--dry-run")...)
		if status != 0 || !strings.Contains(printed, tt.want) {
			t.Errorf("%s, dry: status %d, %q, %s", tt.name, status, text, printed)
		}
		said, text, status := command(t, tt.args...)
		if status != 0 || said != tt.file+"\n"+tt.said {
			t.Errorf("%s: status %d, %q, %q", tt.name, status, text, said)
		}
		if written, err := os.ReadFile(tt.file); err != nil || string(written) != printed {
			t.Errorf("%s: what is written is not what was printed: %v", tt.name, err)
		}
	}
}
