package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

func launch(cells int) Launch {
	return Launch{
		Args: []string{"idarts", "run", "--set", "arch.lr=1e-3,3e-4", "--out", "it's out"}, Cells: cells, AtOnce: 7, CPUs: 2, GPUs: 1, Time: 26 * time.Hour,
	}
}

func TestArraysAreSplit(t *testing.T) {
	scripts := launch(2040).Slurm("short", "team", ArrayLimit)
	if len(scripts) != 3 {
		t.Fatalf("%d scripts, want 3", len(scripts))
	}
	for i, want := range []string{"--array=0-999%7", "--array=0-999%7", "--array=0-39%7"} {
		if text := scripts[i].Text; !strings.Contains(text, want+"\n") || !strings.Contains(text, fmt.Sprintf("SLURM_ARRAY_TASK_ID + %d))", i*1000)) {
			t.Errorf("script %d: %s, want %s", i, text, want)
		}
	}
	for _, want := range []string{"--time=1-02:00:00", "--gpus-per-task=1", "--partition=short", "--account=team", "--requeue", "--signal=B:TERM@300", `--out 'it'\''s out'`} {
		if !strings.Contains(scripts[0].Text, want) {
			t.Errorf("%q is not in %s", want, scripts[0].Text)
		}
	}
}

func TestScriptsAsShellcheckReadsThem(t *testing.T) {
	tool, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("IDARTS_NEED_SHELLCHECK") != "" {
			t.Fatal(err)
		}
		t.Skip("no shellcheck here")
	}
	for _, s := range launch(1001).Slurm("", "", ArrayLimit) {
		file := filepath.Join(t.TempDir(), s.Name)
		if err := os.WriteFile(file, []byte(s.Text), 0o644); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command(tool, file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.Name, err, said)
		}
	}
}

// The script of a task, with stand-ins for the program and for Slurm: what it asks for and ends
// with when its run ends in these ways, and after a signal.
func TestTaskOfAnArray(t *testing.T) {
	for _, tt := range []struct {
		name, idarts string
		signal       bool
		status       int
		queuedAgain  bool
	}{
		{"done", "exit 0", false, 0, false},
		{"failed", "exit 1", false, 1, false},
		{"stopped by the signal, which the run takes a while to heed", `trap 'sleep 0.3; exit 130' TERM; touch begun; while :; do sleep 0.05; done`, true, 130, true},
		{"done just before the signal could stop it", `trap 'exit 0' TERM; touch begun; while :; do sleep 0.05; done`, true, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write("task", launch(2040).Slurm("", "", ArrayLimit)[2].Text)
			write("idarts", "#!/bin/bash\necho \"$@\" >said\n"+tt.idarts+"\n")
			write("scontrol", "#!/bin/bash\necho \"$@\" >queued\n")
			cmd := exec.Command("bash", "task")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "SLURM_ARRAY_TASK_ID=5", "SLURM_ARRAY_JOB_ID=77")
			if err := cmd.Start(); err != nil {
				t.Skip("no bash here: ", err)
			}
			if tt.signal {
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
					if _, err := os.Stat(filepath.Join(dir, "begun")); err == nil {
						break
					}
				}
				cmd.Process.Signal(syscall.SIGTERM)
			}
			cmd.Wait()
			said, _ := os.ReadFile(filepath.Join(dir, "said"))
			queued, err := os.ReadFile(filepath.Join(dir, "queued"))
			if cmd.ProcessState.ExitCode() != tt.status || (err == nil) != tt.queuedAgain {
				t.Errorf("status %d, queued again %v, want %d, %v", cmd.ProcessState.ExitCode(), err == nil, tt.status, tt.queuedAgain)
			}
			if tt.queuedAgain && string(queued) != "requeue 77_5\n" {
				t.Errorf("scontrol %s", queued)
			}
			if want := "run --set arch.lr=1e-3,3e-4 --out it's out --cell 2005\n"; string(said) != want {
				t.Errorf("idarts %s, want %s", said, want)
			}
		})
	}
}

// The job has what the published reference of Kubernetes's API (batch/v1 Job, v1.33) asks for: the
// required fields of each object that is there, and fields that go together.
func TestJobOfKubernetes(t *testing.T) {
	text := launch(7).Kubernetes("idarts", "registry/idarts", "shared", "/shared").Text
	job := parseYAML(t, text)
	at := func(path string) any {
		t.Helper()
		var v any = job
		for _, key := range strings.Split(path, ".") {
			switch at := v.(type) {
			case map[string]any:
				v = at[key]
			case []any:
				v = at[0].(map[string]any)[key]
			}
			if v == nil {
				t.Errorf("%s is missing in\n%s", path, text)
				return nil
			}
		}
		return v
	}
	for path, want := range map[string]string{
		"apiVersion": "batch/v1", "kind": "Job", "metadata.name": "idarts",
		"spec.completionMode": "Indexed", "spec.completions": "7", "spec.parallelism": "7", "spec.backoffLimitPerIndex": "5",
		"spec.template.spec.restartPolicy":                               "Never", // as backoffLimitPerIndex and podFailurePolicy want it
		"spec.podFailurePolicy.rules.action":                             "Ignore",
		"spec.podFailurePolicy.rules.onPodConditions.type":               "DisruptionTarget",
		"spec.podFailurePolicy.rules.onPodConditions.status":             "True",
		"spec.template.spec.containers.name":                             "idarts",
		"spec.template.spec.containers.image":                            "registry/idarts",
		"spec.template.spec.containers.env.name":                         "IDARTS_CELL",
		"spec.template.spec.containers.env.valueFrom.fieldRef.fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']",
		"spec.template.spec.containers.volumeMounts.name":                "shared",
		"spec.template.spec.containers.volumeMounts.mountPath":           "/shared",
		"spec.template.spec.volumes.name":                                "shared",
		"spec.template.spec.volumes.persistentVolumeClaim.claimName":     "shared",
	} {
		if got := fmt.Sprint(at(path)); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	second := at("spec.podFailurePolicy.rules").([]any)[1].(map[string]any)
	exit, _ := second["onExitCodes"].(map[string]any)
	if second["action"] != "FailIndex" || exit["operator"] != "In" || fmt.Sprint(exit["values"]) != "[2]" || exit["containerName"] != "idarts" {
		t.Errorf("the rule for wrong flags: %v", second)
	}
	args := at("spec.template.spec.containers.args").([]any)
	if got := fmt.Sprint(args); got != "[run --set arch.lr=1e-3,3e-4 --out it's out --cell=$(IDARTS_CELL)]" {
		t.Errorf("args %s", got)
	}
}

// parseYAML reads the YAML of a job.
func parseYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	var job map[string]any
	if err := yaml.Unmarshal([]byte(text), &job); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return job
}
