package cluster

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
)

// Launch says how the cells of a grid run without a queue: each as a task of its own, by its
// number, over a folder that all machines share.
type Launch struct {
	Args   []string // of idarts, without --cell
	Cells  int      // of the grid
	AtOnce int      // tasks at a time; 0: as many as there is room for
	CPUs   int      // of a task
	GPUs   int
	Time   time.Duration // that a task may take before it is stopped and goes on later
}

// Script is a file to hand to a scheduler.
type Script struct{ Name, Text string }

// Slurm limits. An array has at most ArrayLimit tasks where nobody changed MaxArraySize; a task
// is told to stop grace before its time is over.
const (
	ArrayLimit = 1000
	grace      = 5 * time.Minute
)

// Slurm is an array of tasks, or several where they are more than limit. A task that is
// stopped, because its time ends or its node is wanted, saves its run, is queued again and goes
// on.
func (l Launch) Slurm(partition, account string, limit int) []Script {
	var scripts []Script
	for first := 0; first < l.Cells; first += limit {
		n := min(limit, l.Cells-first)
		var b strings.Builder
		line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
		line("#!/bin/bash")
		line("#SBATCH --job-name=idarts")
		throttle := ""
		if l.AtOnce > 0 {
			throttle = fmt.Sprintf("%%%d", l.AtOnce)
		}
		line("#SBATCH --array=0-%d%s", n-1, throttle)
		line("#SBATCH --cpus-per-task=%d", l.CPUs)
		if l.GPUs > 0 {
			line("#SBATCH --gpus-per-task=%d", l.GPUs)
		}
		line("#SBATCH --ntasks=1")
		line("#SBATCH --time=%s", slurmTime(l.Time))
		if partition != "" {
			line("#SBATCH --partition=%s", partition)
		}
		if account != "" {
			line("#SBATCH --account=%s", account)
		}
		line("#SBATCH --requeue")
		line("#SBATCH --open-mode=append")
		line("#SBATCH --signal=B:TERM@%d", int(grace.Seconds()))
		line("#SBATCH --output=idarts-%%A_%%a.log")
		line("")
		line("# Cells %d to %d of %d. A signal comes %v before the time is over: the run", first, first+n-1, l.Cells, grace)
		line("# stops at its last finished epoch with status 130, and its task is queued again.")
		line("set -u")
		line(`cell=$((SLURM_ARRAY_TASK_ID + %d))`, first)
		line(`%s --cell "$cell" &`, shell(l.Args))
		line("pid=$!")
		line("stopped=")
		line(`trap 'trap "" TERM; stopped=1; kill -TERM "$pid"' TERM`)
		line(`wait "$pid"`)
		line("status=$?")
		line(`if [ -n "$stopped" ]; then # the signal ended the wait, not the run`)
		line(`	wait "$pid"`)
		line("	status=$?")
		line("fi")
		line(`if [ "$status" -eq 130 ]; then`)
		line(`	scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"`)
		line("fi")
		line(`exit "$status"`)
		scripts = append(scripts, Script{fmt.Sprintf("idarts-%d.sbatch", first), b.String()})
	}
	return scripts
}

// slurmTime is d as D-HH:MM:SS.
func slurmTime(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d-%02d:%02d:%02d", s/86400, s/3600%24, s/60%60, s%60)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shell is a command line whose words a shell reads as they are.
func shell(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if !plainWord.MatchString(w) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// Kubernetes is a job whose pods are told an index each. Claim is the volume claim of the
// shared folder, which is mounted at the folder mount. A pod that a node puts out does not
// count as a failure; wrong flags fail at once; what else fails is tried five times.
func (l Launch) Kubernetes(name, image, claim, mount string) Script {
	q := func(text string) string { // JSON's strings are YAML's
		b, _ := json.Marshal(text)
		return string(b)
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	atOnce := l.AtOnce
	if atOnce == 0 {
		atOnce = l.Cells
	}
	line("apiVersion: batch/v1")
	line("kind: Job")
	line("metadata:")
	line("  name: %s", q(name))
	line("spec:")
	line("  completionMode: Indexed")
	line("  completions: %d", l.Cells)
	line("  parallelism: %d", min(atOnce, l.Cells))
	line("  backoffLimitPerIndex: 5")
	line("  maxFailedIndexes: %d", l.Cells)
	line("  podFailurePolicy:")
	line("    rules:")
	line("    - action: Ignore")
	line("      onPodConditions:")
	line("      - type: DisruptionTarget")
	line(`        status: "True"`)
	line("    - action: FailIndex")
	line("      onExitCodes:")
	line("        containerName: idarts")
	line("        operator: In")
	line("        values: [2]")
	line("  template:")
	line("    spec:")
	line("      restartPolicy: Never")
	line("      terminationGracePeriodSeconds: %d", int(grace.Seconds()))
	line("      containers:")
	line("      - name: idarts")
	line("        image: %s", q(image))
	line("        workingDir: %s", q(mount))
	line("        command: [%s]", q(l.Args[0]))
	line("        args:")
	for _, arg := range l.Args[1:] {
		line("        - %s", q(strings.ReplaceAll(arg, "$(", "$$(")))
	}
	line(`        - "--cell=$(IDARTS_CELL)"`)
	line("        env:")
	line("        - name: IDARTS_CELL")
	line("          valueFrom:")
	line("            fieldRef:")
	line("              fieldPath: metadata.annotations['batch.kubernetes.io/job-completion-index']")
	line("        resources:")
	line("          requests:")
	line(`            cpu: "%d"`, l.CPUs)
	line("          limits:")
	line(`            cpu: "%d"`, l.CPUs)
	if l.GPUs > 0 {
		line(`            nvidia.com/gpu: "%d"`, l.GPUs)
	}
	line("        volumeMounts:")
	line("        - name: shared")
	line("          mountPath: %s", q(path.Clean(mount)))
	line("      volumes:")
	line("      - name: shared")
	line("        persistentVolumeClaim:")
	line("          claimName: %s", q(claim))
	return Script{name + ".yaml", b.String()}
}
