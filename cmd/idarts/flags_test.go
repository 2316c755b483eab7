package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/provenance"
	"idarts/internal/trials"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/runners"
	"idarts/testdata"
)

// flagUse says of a flag of a command when it applies. Arguments are separated by
// blanks; CELL, GENOTYPE and CELL101 stand for architectures.
type flagUse struct {
	// read are command lines with a value that is refused, which shows that the
	// command looks at it.
	read []string
	// switched says how a switch, which no value can be wrong of, has its effect.
	switched string
	// lost are command lines in which the flag has no effect, which is refused by its
	// name.
	lost []string
}

const (
	of201       = "query CELL --table good.arrow --dataset cifar10 --trained-on cifar10 --split ori-test "
	ofGenotype  = "query DARTS_V2 --space darts "
	ofPublished = "query DARTS_V2 --table published.arrow "
	ofScores    = "query CELL --table scores.arrow "
)

// flagUses has a row for each flag of each command: a new one gets its row on purpose.
var flagUses = map[string]flagUse{
	"run --space":      {read: []string{"run --space nb301"}},
	"run --protocol":   {read: []string{"run --protocol desktop"}},
	"run --methods":    {read: []string{"run --methods darts"}},
	"run --set":        {read: []string{"run --set x=1"}},
	"run --seeds":      {read: []string{"run --seeds x"}},
	"run --cell":       {read: []string{"run --cell 1000"}},
	"run --dry-run":    {switched: "TestReadmeExamples"},
	"run --out":        {read: []string{"run --out file/out"}},
	"run --claims":     {read: []string{"run --claims x"}},
	"run --jobs":       {read: []string{"run --jobs=-1"}},
	"run --fresh":      {switched: "tests of runners"},
	"run --redo":       {read: []string{"run --redo x", "run --redo nb201/fashion8/laptop/idarts/seed-7 --dry-run"}},
	"run --device":     {read: []string{"run --device gpu"}},
	"run --device-any": {switched: "TestCardWithOtherBits", lost: []string{"run --device cpu --device-any"}},
	"run --data":       {read: []string{"run --protocol paper --data none"}, lost: []string{"run --data .", "run --space nb1b1-s3,darts --data . --dry-run"}},
	"run --table":      {read: []string{"run --protocol laptop-nb201 --table none"}, lost: []string{"run --table good.arrow", "run --space darts --table good.arrow"}},

	"grid serve --out":        {read: []string{"grid serve --out file/out"}},
	"grid serve --store":      {read: []string{"grid serve --store file/store"}, lost: []string{"grid serve --connect nats://localhost:1 --store x"}},
	"grid serve --listen":     {read: []string{"grid serve --listen x"}, lost: []string{"grid serve --connect nats://localhost:1 --listen localhost:0"}},
	"grid serve --tls-cert":   {read: []string{"grid serve --listen localhost:0 --tls-cert none --tls-key none"}, lost: []string{"grid serve --tls-cert x", "grid serve --listen localhost:0 --tls-cert x"}},
	"grid serve --tls-key":    {read: []string{"grid serve --listen localhost:0 --tls-cert none --tls-key none"}, lost: []string{"grid serve --tls-key x", "grid serve --listen localhost:0 --tls-key x"}},
	"grid serve --connect":    {read: []string{"grid serve --connect x", "grid serve --connect nats://localhost:1"}},
	"grid serve --token-file": {read: []string{"grid serve --connect nats://localhost:1 --token-file none"}, lost: []string{"grid serve --token-file file"}},
	"grid serve --tls-ca":     {read: []string{"grid serve --connect tls://localhost:1 --tls-ca none"}, lost: []string{"grid serve --tls-ca file", "grid serve --connect nats://localhost:1 --tls-ca file"}},
	"grid serve --lost-after": {read: []string{"grid serve --lost-after 1ms"}},
	"grid serve --page":       {read: []string{"grid serve --page x", "grid serve --page 0.0.0.0:7117"}},
	"grid serve --log":        {read: []string{"grid serve --log x"}},

	"grid work --connect":          {read: []string{"grid work --connect none"}},
	"grid work --token-file":       {read: []string{"grid work --connect nats://localhost:1 --token-file none", "grid work --connect nats://localhost:1 --token-file file"}},
	"grid work --tls-ca":           {read: []string{"grid work --connect tls://localhost:1 --tls-ca none", "grid work --connect tls://localhost:1 --tls-ca file"}, lost: []string{"grid work --tls-ca file"}},
	"grid work --out":              {switched: "TestGridOfProcesses"},
	"grid work --jobs":             {read: []string{"grid work --jobs=-1"}},
	"grid work --idle":             {read: []string{"grid work --idle=-1s"}},
	"grid work --stall":            {read: []string{"grid work --stall=-1s"}},
	"grid work --checkpoint-every": {read: []string{"grid work --checkpoint-every=-1s"}},
	"grid work --device":           {switched: "TestGridOfProcesses"},
	"grid work --device-any":       {switched: "TestCardWithOtherBits", lost: []string{"grid work --device cpu --device-any"}},
	"grid work --data":             {switched: "tests of runners/cluster"},
	"grid work --table":            {switched: "tests of runners/cluster"},
	"grid work --log":              {read: []string{"grid work --log x"}},

	"grid submit --connect":    {read: []string{"grid submit --connect none"}},
	"grid submit --token-file": {read: []string{"grid submit --connect nats://localhost:1 --token-file none"}},
	"grid submit --tls-ca":     {read: []string{"grid submit --connect tls://localhost:1 --tls-ca none"}, lost: []string{"grid submit --tls-ca file"}},
	"grid submit --space":      {read: []string{"grid submit --space nb301"}},
	"grid submit --protocol":   {read: []string{"grid submit --protocol desktop"}},
	"grid submit --methods":    {read: []string{"grid submit --methods darts"}},
	"grid submit --set":        {read: []string{"grid submit --set x=1"}},
	"grid submit --seeds":      {read: []string{"grid submit --seeds x"}},
	"grid submit --data":       {read: []string{"grid submit --protocol paper --data none"}, lost: []string{"grid submit --data ."}},
	"grid submit --table":      {read: []string{"grid submit --protocol laptop-nb201 --table none"}, lost: []string{"grid submit --table good.arrow"}},
	"grid submit --device":     {read: []string{"grid submit --device gpu"}},
	"grid submit --device-any": {switched: "TestCardWithOtherBits", lost: []string{"grid submit --device cpu --device-any"}},

	"grid status --connect":    {read: []string{"grid status --connect none"}},
	"grid status --token-file": {read: []string{"grid status --connect nats://localhost:1 --token-file none"}},
	"grid status --tls-ca":     {read: []string{"grid status --connect tls://localhost:1 --tls-ca none"}, lost: []string{"grid status --tls-ca file"}},
	"grid status --all":        {switched: "TestGridOfProcesses"},

	"launch slurm --space":     {read: []string{"launch slurm --space nb301 --dry-run"}},
	"launch slurm --protocol":  {read: []string{"launch slurm --protocol desktop --dry-run"}},
	"launch slurm --methods":   {read: []string{"launch slurm --methods darts --dry-run"}},
	"launch slurm --set":       {read: []string{"launch slurm --set x=1 --dry-run"}},
	"launch slurm --seeds":     {read: []string{"launch slurm --seeds x --dry-run"}},
	"launch slurm --data":      {switched: "TestLaunch", lost: []string{"launch slurm --data . --dry-run"}},
	"launch slurm --table":     {switched: "TestLaunch", lost: []string{"launch slurm --table good.arrow --dry-run"}},
	"launch slurm --out":       {switched: "TestLaunch"},
	"launch slurm --at-once":   {read: []string{"launch slurm --at-once=-1 --dry-run"}},
	"launch slurm --cpus":      {read: []string{"launch slurm --cpus 0 --dry-run"}},
	"launch slurm --gpus":      {read: []string{"launch slurm --gpus=-1 --dry-run"}},
	"launch slurm --device":    {switched: "TestLaunch"},
	"launch slurm --to":        {switched: "TestLaunch"},
	"launch slurm --dry-run":   {switched: "TestLaunch"},
	"launch slurm --time":      {read: []string{"launch slurm --time 1m --dry-run"}},
	"launch slurm --partition": {read: []string{"launch slurm --partition a;b --dry-run"}},
	"launch slurm --account":   {read: []string{"launch slurm --account a;b --dry-run"}},
	"launch slurm --max-array": {read: []string{"launch slurm --max-array 0 --dry-run"}},

	"launch k8s --space":    {read: []string{"launch k8s --image i --claim c --space nb301 --dry-run"}},
	"launch k8s --protocol": {read: []string{"launch k8s --image i --claim c --protocol desktop --dry-run"}},
	"launch k8s --methods":  {read: []string{"launch k8s --image i --claim c --methods darts --dry-run"}},
	"launch k8s --set":      {read: []string{"launch k8s --image i --claim c --set x=1 --dry-run"}},
	"launch k8s --seeds":    {read: []string{"launch k8s --image i --claim c --seeds x --dry-run"}},
	"launch k8s --data":     {switched: "TestLaunch", lost: []string{"launch k8s --image i --claim c --data . --dry-run"}},
	"launch k8s --table":    {switched: "TestLaunch", lost: []string{"launch k8s --image i --claim c --table good.arrow --dry-run"}},
	"launch k8s --out":      {switched: "TestLaunch"},
	"launch k8s --at-once":  {read: []string{"launch k8s --image i --claim c --at-once=-1 --dry-run"}},
	"launch k8s --cpus":     {read: []string{"launch k8s --image i --claim c --cpus 0 --dry-run"}},
	"launch k8s --gpus":     {read: []string{"launch k8s --image i --claim c --gpus=-1 --dry-run"}},
	"launch k8s --device":   {switched: "TestLaunch"},
	"launch k8s --to":       {switched: "TestLaunch"},
	"launch k8s --dry-run":  {switched: "TestLaunch"},
	"launch k8s --name":     {read: []string{"launch k8s --image i --claim c --name A --dry-run"}},
	"launch k8s --mount":    {read: []string{"launch k8s --image i --claim c --mount x --dry-run"}},
	"launch k8s --image":    {read: []string{"launch k8s --claim c --dry-run"}},
	"launch k8s --claim":    {read: []string{"launch k8s --image i --dry-run"}},

	"retrain --space":      {read: []string{"retrain DARTS_V2 --space nb301"}},
	"retrain --protocol":   {read: []string{"retrain DARTS_V2 --protocol desktop"}},
	"retrain --seeds":      {read: []string{"retrain DARTS_V2 --seeds x"}},
	"retrain --data":       {read: []string{"retrain DARTS_V2 --protocol paper --data none"}, lost: []string{"retrain DARTS_V2 --data ."}},
	"retrain --out":        {read: []string{"retrain DARTS_V2 --out file/out"}},
	"retrain --claims":     {read: []string{"retrain DARTS_V2 --claims x"}},
	"retrain --jobs":       {read: []string{"retrain DARTS_V2 --jobs=-1"}},
	"retrain --fresh":      {switched: "tests of runners"},
	"retrain --redo":       {read: []string{"retrain DARTS_V2 --redo x"}},
	"retrain --device":     {read: []string{"retrain DARTS_V2 --device gpu"}},
	"retrain --device-any": {switched: "TestCardWithOtherBits", lost: []string{"retrain DARTS_V2 --device cpu --device-any"}},

	"tune --space":      {read: []string{"tune --space nb301"}},
	"tune --protocol":   {read: []string{"tune --protocol desktop"}},
	"tune --methods":    {read: []string{"tune --methods darts"}},
	"tune --seeds":      {read: []string{"tune --seeds x"}},
	"tune --out":        {read: []string{"tune --out file/out"}},
	"tune --claims":     {read: []string{"tune --claims x"}},
	"tune --jobs":       {read: []string{"tune --jobs=-1"}},
	"tune --fresh":      {switched: "tests of runners"},
	"tune --device":     {read: []string{"tune --device gpu"}},
	"tune --device-any": {switched: "TestCardWithOtherBits", lost: []string{"tune --device cpu --device-any"}},
	"tune --data":       {read: []string{"tune --protocol paper --data none"}, lost: []string{"tune --data ."}},
	"tune --table":      {read: []string{"tune --protocol laptop-nb201 --table none"}, lost: []string{"tune --table good.arrow"}},

	"table --out":         {read: []string{"table --out none"}},
	"table --format":      {read: []string{"table --format html"}},
	"table --timing":      {switched: "TestReadmeExamples"},
	"table --stats":       {switched: "TestReadmeExamples"},
	"table --against":     {read: []string{"table --out runs --stats --against svm"}, lost: []string{"table --out runs --against idarts"}},
	"table --save":        {switched: "TestSavedTablesKnowNoTerminal"},
	"paper --out":         {read: []string{"paper --out file/out --no-study"}},
	"paper --table":       {read: []string{"paper --table none --no-study"}},
	"paper --no-study":    {switched: "TestPaperPage"},
	"export --out":        {read: []string{"export --out none"}},
	"export --to":         {read: []string{"export --out runs --to file/out"}},
	"export --format":     {read: []string{"export --format xlsx"}},
	"figure runs --out":   {read: []string{"figure runs --out none"}},
	"figure cell --space": {read: []string{"figure cell CELL --space nb301", "figure cell CELL --space darts --save x.svg"}},
	"figure cell --save":  {read: []string{"figure cell CELL --save x.jpg"}},
	"status --out":        {read: []string{"status --out none"}},
	"list --protocol": {
		read: []string{"list settings idarts --protocol desktop"}, lost: []string{"list --protocol paper", "list methods --protocol paper"}},
	"list --wide":  {switched: "TestMethodsAreDocumented", lost: []string{"list --wide", "list spaces --wide"}},
	"list --space": {read: []string{"list settings idarts --space nb301"}, lost: []string{"list --space darts", "list protocols --space darts"}},

	"query --space": {read: []string{"query CELL --space nb301"}, lost: []string{
		"query CELL --space nb1b1-s3", "query CELL --space darts --table good.arrow", "query CELL --space darts --table scores.arrow",
		"query CELL101 --space nb201 --table t.arrow", "query DARTS_V2 --space nb201 --table published.arrow"}},
	"query --table": {read: []string{"query CELL --table none.arrow"}},
	"query --dataset": {
		read: []string{"query CELL --table good.arrow --dataset svhn", ofScores + "--dataset cifar10", "query CELL101 --table t.arrow --protocol paper --dataset cifar100"},
		lost: []string{ofGenotype + "--dataset imagenet", ofPublished + "--dataset imagenet", "query GENOTYPE --dataset cifar10"}},
	"query --trained-on": {read: []string{"query CELL --table good.arrow --dataset cifar10 --trained-on svhn"}, lost: []string{
		ofGenotype + "--trained-on cifar10", ofPublished + "--trained-on cifar10", ofScores + "--trained-on fashion8",
		"query CELL --protocol everything --trained-on cifar10", "query CELL101 --table t.arrow --protocol paper --trained-on cifar10-40k"}},
	"query --split": {read: []string{of201 + "--split x --epochs 200 --seeds all", ofScores + "--split x-valid"}, lost: []string{
		ofGenotype + "--split test", ofPublished + "--split test",
		"query CELL --protocol everything --split x-valid", "query CELL101 --table t.arrow --protocol paper --split test"}},
	"query --epochs": {read: []string{of201 + "--epochs 3 --seeds all"}, lost: []string{
		ofGenotype + "--epochs 600", ofPublished + "--epochs 600", ofScores + "--epochs 200 --seeds 0",
		"query CELL --protocol everything --epochs 0", "query CELL101 --table t.arrow --protocol paper --epochs 0"}},
	"query --seeds": {read: []string{of201 + "--epochs 200 --seeds first", ofScores + "--seeds 777", ofScores + "--seeds 0,777"}, lost: []string{
		ofGenotype + "--seeds 0", ofPublished + "--seeds 0",
		"query CELL --protocol everything --seeds 0", "query CELL101 --table t.arrow --protocol paper --seeds 0"}},
	"query --release": {read: []string{"query CELL --table good.arrow --protocol paper --release v9"}, lost: []string{
		ofGenotype + "--release x", ofPublished + "--release x", ofScores + "--release x", "query CELL101 --table t.arrow --protocol paper --release x"}},
	"query --alike": {switched: "TestQueryAlike", lost: []string{
		ofGenotype + "--alike", ofPublished + "--alike", ofScores + "--alike", "query CELL101 --table t.arrow --protocol paper --alike"}},
	"query --protocol": {read: []string{"query CELL --table good.arrow --protocol best"}, lost: []string{
		ofGenotype + "--protocol paper", ofPublished + "--protocol paper", ofScores + "--protocol paper"}},

	"bench submit --connect":    {read: []string{"bench submit --connect none"}},
	"bench submit --token-file": {read: []string{"bench submit --connect nats://localhost:1 --token-file none"}},
	"bench submit --tls-ca":     {read: []string{"bench submit --connect tls://localhost:1 --tls-ca none"}, lost: []string{"bench submit --tls-ca file"}},
	"bench submit --space":      {read: []string{"bench submit --space nb301"}},
	"bench submit --protocol":   {read: []string{"bench submit --protocol mini"}},
	"bench submit --out":        {switched: "TestShardsOfAGrid"},
	"bench submit --wait":       {switched: "TestShardsOfAGrid"},
	"bench build --space":       {read: []string{"bench build --space nb301"}},
	"bench build --protocol":    {read: []string{"bench build --protocol desktop"}},
	"bench build --shard":       {read: []string{"bench build --shard x"}},
	"bench build --limit":       {read: []string{"bench build --limit x"}, lost: []string{"bench build --limit 0s", "bench build --limit=-5m"}},
	"bench build --out":         {read: []string{"bench build --out file/out"}},
	"bench build --claims":      {read: []string{"bench build --claims x"}},
	"bench build --jobs":        {read: []string{"bench build --jobs=-1"}},
	"bench build --fresh":       {switched: "tests of micro"},
	"bench build --device":      {read: []string{"bench build --device gpu"}},
	"bench build --device-any":  {switched: "TestCardWithOtherBits", lost: []string{"bench build --device cpu --device-any"}},
	"bench report --table":      {read: []string{"bench report --table none.arrow"}},
	"bench report --official":   {read: []string{"bench report --official none.csv"}},
	"bench report --figures":    {read: []string{"bench report --figures file/x"}},
	"bench study --only":        {read: []string{"bench study --only x", "bench study --only 8px-c4-e12-b32,x", "bench study --only 8px-c4-e12-b32,8px-c4-e12-b32"}},
	"bench study --official":    {read: []string{"bench study --official none.csv"}},
	"bench study --out":         {read: []string{"bench study --out file/out"}},
	"bench study --claims":      {read: []string{"bench study --claims x"}},
	"bench study --jobs":        {read: []string{"bench study --jobs=-1"}},
	"bench study --fresh":       {switched: "tests of micro"},
	"bench study --device":      {read: []string{"bench study --device gpu"}},
	"bench study --device-any":  {switched: "TestCardWithOtherBits", lost: []string{"bench study --device cpu --device-any"}},

	"data fetch nb301 --out":      {read: []string{"data fetch nb301 --out x.arrow"}},
	"data fetch nb301 --base-url": {read: []string{"data fetch nb301 --out file/x.onnx --base-url http://localhost:1"}},
	"data fetch nb201 --out":      {read: []string{"data fetch nb201 --from none --out file/x"}},
	"data fetch nb201 --from":     {read: []string{"data fetch nb201 --from none"}},
	"data fetch nb201 --base-url": {switched: "TestDataFetch", lost: []string{"data fetch nb201 --from . --base-url http://localhost:1"}},

	"data fetch nas-bench-101 --out":      {read: []string{"data fetch nas-bench-101 --from none --out file/x"}},
	"data fetch nas-bench-101 --from":     {read: []string{"data fetch nas-bench-101 --from none"}},
	"data fetch nas-bench-101 --base-url": {switched: "TestFetchNASBench101", lost: []string{"data fetch nas-bench-101 --from . --base-url http://localhost:1"}},

	"data verify --data": {read: []string{"data verify cifar10 --data none"}, lost: []string{
		"data verify good.arrow --data .", "data verify fashion16 --data .", "data verify nb201-micro --data .", "data verify nb201 --data ."}},
	"data build fashion --size": {read: []string{"data build fashion none x.arrow --size x"}},
	"parity --step":             {read: []string{"parity fixture.safetensors --step none"}},
	"parity --steps":            {read: []string{"parity fixture.safetensors --step darts-v1 --steps 0"}, lost: []string{"parity fixture.safetensors --steps 3"}},
	"parity --protocol":         {read: []string{"parity fixture.safetensors --step darts-v1 --protocol best"}, lost: []string{"parity fixture.safetensors --protocol quick"}},
	"parity --set":              {read: []string{"parity fixture.safetensors --step darts-v1 --set arch=1", "parity fixture.safetensors --step darts-v1 --set arch"}, lost: []string{"parity fixture.safetensors --set arch.lr=1"}},
	"parity --out":              {switched: "TestParity"},
	"parity --precision":        {read: []string{"parity x.safetensors --precision 16"}},
	"parity --device":           {switched: "TestParity"},
	"parity --device-any":       {switched: "TestCardWithOtherBits", lost: []string{"parity x.safetensors --device cpu --device-any", "parity x.safetensors --precision float64 --device-any"}},
	"doctor --out":              {read: []string{"doctor --out file/out"}},
	"doctor --data":             {read: []string{"doctor --data none"}},
	"doctor --table":            {read: []string{"doctor --table none", "doctor --table file"}},
	"doctor --device":           {read: []string{"doctor --device gpu"}},
	"doctor --device-any":       {switched: "TestCardWithOtherBits", lost: []string{"doctor --device cpu --device-any"}},
	"doctor --budget":           {read: []string{"doctor --budget x", "doctor --budget=-1s"}, lost: []string{"doctor --quick --budget 1s"}},
	"doctor --quick":            {switched: "TestDoctor"},
	"doctor --json":             {switched: "TestDoctor"},
}

// Each flag of each command has an effect wherever it is accepted: a command reads it,
// or refuses it by its name.
func TestFlagsAreReadOrRefused(t *testing.T) {
	someFiles(t)
	run := func(line string) (out, text string, status int) {
		args := strings.Fields(line)
		for i, arg := range args {
			switch arg {
			case "CELL":
				args[i] = someCell
			case "CELL101":
				args[i] = "conv1x1-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(3) maxpool3x3(0) output(1,2,4,5)"
			case "GENOTYPE":
				args[i] = "Genotype(normal=[], normal_concat=[2], reduce=[], reduce_concat=[2])"
			}
		}
		return command(t, args...)
	}
	var known []string
	for _, leaf := range newParser(console{out: io.Discard, err: io.Discard}).Model.Leaves(false) {
		name := strings.TrimPrefix(strings.Split(leaf.FullPath(), " <")[0], "idarts ")
		for _, flag := range leaf.Flags {
			known = append(known, name+" --"+flag.Name)
		}
	}
	for _, name := range known {
		use, ok := flagUses[name]
		if !ok {
			t.Errorf("%s: no row says when it applies", name)
			continue
		}
		if (use.read == nil) == (use.switched == "") {
			t.Errorf("%s: want a line that shows it is read, or what shows its effect", name)
		}
		for _, line := range use.read {
			if _, text, status := run(line); status == 0 || !strings.Contains(text, "idarts: ") {
				t.Errorf("%s: %s: status %d, stderr %q; want it refused", name, line, status, text)
			}
		}
		flag := name[strings.Index(name, "--"):]
		for _, line := range use.lost {
			out, text, status := run(line)
			if status == 0 || out != "" || strings.Count(text, "\n") != 1 || !strings.Contains(text, flag) {
				t.Errorf("%s: %s: status %d, stdout %q, stderr %q; want one line that refuses %s", name, line, status, out, text, flag)
			}
		}
	}
	for name := range flagUses {
		if !slices.Contains(known, name) {
			t.Errorf("%s: a row for no flag", name)
		}
	}
}

// Some refusals in their words.
func TestRefusals(t *testing.T) {
	someFiles(t)
	for _, tt := range []struct{ name, args, want string }{
		{"epochs of scores", ofScores + "--epochs 200 --seeds 777", `idarts: --epochs has no effect: all networks of "scores.arrow" are trained in one way (protocol quick)`},
		{"seeds that scores lack", ofScores + "--seeds 777", `"scores.arrow" has no seed 777`},
		{"another space's table", "query CELL --space nb1b1-s3", `idarts: --space nb1b1-s3: without --table only ["nb201" "darts"] can be asked`},
		{"a table of another space", "query CELL --space darts --table good.arrow", `idarts: --space darts: "good.arrow" has architectures of ["nb201"]`},
		{"a data set of a genotype", "query DARTS_V2 --space darts --dataset imagenet", "idarts: --dataset has no effect: of a published genotype all is printed"},
		{"the mean of trials has no number", "query CELL --table mean.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200", "without seeds, want all\n"},
		{"another number", "query CELL --table mean.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200 --seeds 0", "only a mean over trials without numbers (all)"},
		{"twice", "run --seeds 0 --seeds 1", "idarts: --seeds is there twice, want it once"},
		{"empty", "figure cell CELL --save=", "idarts: --save is empty"},
		{"an empty name in a list", "figure cell CELL --save=,x.svg", "idarts: --save is empty"},
		{"an empty folder", "table --out=", "idarts: --out is empty"},
		{"no seed is negative", "run --seeds -1", `idarts: --seeds: "-1" is no value of it (idarts`},
		{"no number is negative", "run --jobs -1", `idarts: --jobs: "-1" is no value of it (idarts`},
		{"a folder may begin so", "run --out -x", `perhaps try --out="-x"?`},
		{"missing images", "run --protocol paper", "; --data says where it is"},
		{"missing images to train on", "retrain DARTS_V2 --protocol paper --data none", "; --data says where it is"},
		{"missing images to verify", "data verify cifar10 --data none", "; --data says where it is"},
		{"a missing table", "run --protocol laptop-nb201", "; --table says where it is"},
		{"a missing table to ask", "query CELL --table none.arrow", "; --table says where it is"},
		{"a missing table to report", "bench report --table none.arrow", "; --table says where it is"},
		{"a missing list of accuracies", "bench report --official none.csv", "; --official says where it is"},
		{"all beside a name that is none", "run --methods all,idart", `unknown method "idart", want one of ["idarts" "idarts-released"`},
		{"all beside a name without settings", "run --space darts --methods all,rea", `has no settings for method "rea"`},
		{"a method's nearest", "run --methods IDARTS", `want one of ["idarts" "idarts-released"`},
		{"a space's nearest", "run --space nb1b1", `want one of ["nb1b1-s1" "nb1b1-s2" "nb1b1-s3"]`},
		{"a protocol's nearest", "run --protocol lapto", `want one of ["laptop" "laptop-nb201"]`},
		{"a genotype's nearest", "query darts_v2 --space darts", `want one of ["DARTS_V2"`},
		{"a data set's nearest", "data verify cifar", `want a file or one of ["cifar10" "cifar100"]`},
		{"a try's nearest", "bench study --only 8px-c4-e12-b3", `want one of ["8px-c4-e12-b32"`},
		{"a benchmark's nearest", "bench build --protocol micr", `want one of ["nb201 micro"]`},
	} {
		_, text, status := command(t, strings.Fields(strings.ReplaceAll(tt.args, "CELL", someCell))...)
		if status == 0 || strings.Count(text, "\n") != 1 || !strings.Contains(text, tt.want) {
			t.Errorf("%s: status %d, %q, want one line with %q", tt.name, status, text, tt.want)
		}
	}
}

// What fits is answered as before.
func TestFlagsThatApply(t *testing.T) {
	someFiles(t)
	for _, tt := range []struct{ name, args, want string }{
		{"the seeds of scores", ofScores + "--seeds 0 --split test", "fashion8, test: 41.0000 %, mean of 1\n  seed 0: 41.0000 %\n"},
		{"all scores", ofScores + "--space nb201 --dataset fashion8 --split test", "fashion8, test: 42.0000 %, mean of 2\n"},
		{"the space of a table", "query CELL --space nb201 --protocol everything", "protocol everything"},
		{"the space of genotypes", "query DARTS_V2 --space darts", "DARTS_V2"},
		{"an ending in capitals", "figure cell CELL --save A.SVG,B.Pdf,C.PNG", "A.SVG\nB.Pdf\nC.PNG\n"},
		{"all beside a name", "run --methods idarts,all --seeds 0 --dry-run", "rea/seed-0"},
	} {
		out, text, status := command(t, strings.Fields(strings.ReplaceAll(tt.args, "CELL", someCell))...)
		if status != 0 || !strings.Contains(out, tt.want) {
			t.Errorf("%s: status %d, %q, stdout %q, want %q", tt.name, status, text, out, tt.want)
		}
	}
}

// someFiles goes to a folder with one table of each kind.
func someFiles(t *testing.T) {
	t.Helper()
	records, err := filepath.Abs("../../nb1b1/testdata/small.tfrecord")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	cell, err := nb201.Parse(someCell)
	if err != nil {
		t.Fatal(err)
	}
	table, means := nb201.NewTable(trials.Origin{Source: "test"}), nb201.NewTable(trials.Origin{Source: "test"})
	key := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}
	scores := arrowio.Table{
		Rows: 2, Sealed: true,
		Meta: map[string]string{
			provenance.MetaFormat: runners.ScoresFormat, provenance.MetaSpace: "nb201",
			provenance.MetaDataset: "fashion8", provenance.MetaOrigin: "protocol quick",
		},
		Columns: []arrowio.Column{
			{Name: "arch", Values: []string{cell.Network().String(), cell.Network().String()}}, {Name: "trial", Values: []int64{0, 1}},
			{Name: "valid", Values: []float64{40, 42}}, {Name: "test", Values: []float64{41, 43}},
		},
	}
	for _, err := range []error{
		table.Append(nb201.Record{Cell: cell, Key: key, Seed: 777, Accuracy: 90}),
		table.Save("good.arrow"),
		means.Append(nb201.Record{Cell: cell, Key: key, Seed: trials.MeanOfTrials, Accuracy: 90}),
		means.Save("mean.arrow"),
		arrowio.Write("scores.arrow", scores, arrowio.Plain),
		nb1b1.ImportNASBench101(records, "t.arrow", func(int64, int64) {}),
		os.WriteFile("published.arrow", testdata.DartsGenotypes, 0o644),
		os.WriteFile("file", nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
