# make            format, vet and the short tests
# make test       all tests but the long ones
# make long       all tests
# make cross      build and vet for Windows and for macOS
# make chaos      2,000 output folders, damaged at random and made whole again; a grid of 1,000
#                 runs whose workers and server are killed, with GRID=short a small one
# make codes      trains SVGe's autoencoder and looks at cells that it has not seen
# make bench      the benchmarks; with BASE=commit compared with that commit
# make bench-peers   the engine beside PyTorch; PEERS='-out FILE' keeps the tables
# make peers-steps   outer steps of the methods beside PyTorch's autograd
# make kernels    after a kernel for graphics cards has changed: its text for NVIDIA's
#                 cards and the hashes of the self-test again (clang-19, pocl-opencl-icd)
# make roofline   what holds the stages of a search: kernels beside the machine's limits
# make paper      out/paper/paper.html (and .md, .tex): every published table and figure beside
#                 what is here, with verdicts; runs reproduce-table first
# make reproduce-table   the comparison table and its figures, in out/; with
#                 GROUND_TRUTH=nb201 scored by NAS-Bench-201, in out-nb201/

GO  ?= go
BENCH ?= .
COUNT ?= 10
# What reproduce-table scores by. micro: what is in the program. nb201: public
# extracts of NAS-Bench-201, downloaded if their table is not there.
GROUND_TRUTH ?= micro
ifeq ($(GROUND_TRUTH),micro)
OUT      ?= out
SPACES   ?= nb201
PROTOCOL := fair
SEEDS    ?= 0-4
DEMOS    ?= nb1b1-s3,darts
SHORT    := darts-v1,idarts
else ifeq ($(GROUND_TRUTH),nb201)
OUT      ?= out-nb201
SPACES   ?= nb201
PROTOCOL := laptop-nb201
SEEDS    ?= 0-2
DEMOS    :=
TABLE    ?= data/nb201.arrow
else
$(error GROUND_TRUTH is $(GROUND_TRUTH), want micro or nb201)
endif
# ./... leaves out folders named testdata.
PACKAGES := ./... ./testdata

.PHONY: check build test long chaos codes cross bench bench-peers peers-steps kernels barriers roofline reproduce-table paper clean

check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) test -vet=off -short $(PACKAGES)

build:
	$(GO) build -o bin/idarts ./cmd/idarts

# Go's own limit of ten minutes is for a package; slow machines need more for some.
test:
	$(GO) test -timeout 30m $(TESTFLAGS) $(PACKAGES)

# long is test with the checks that take minutes: PyTorch's autograd beside ours, searches by
# way of OpenCL, kernels under oclgrind, all cells of a space.
long:
	IDARTS_LONG=1 $(MAKE) test

# What has no test on this machine must at least build there.
cross:
	GOOS=windows GOARCH=amd64 $(GO) build ./...
	GOOS=windows GOARCH=amd64 $(GO) vet $(PACKAGES)
	GOOS=darwin GOARCH=arm64 $(GO) build ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet $(PACKAGES)

GRID ?= whole
chaos:
	IDARTS_CHAOS=1 $(GO) test -count=1 -v -run TestDamagedFolders ./cmd/idarts
	$(if $(filter whole,$(GRID)),IDARTS_CHAOS,IDARTS_LONG)=1 $(GO) test -count=1 -timeout 30m -v -run TestGridOutlivesDisasters ./cmd/idarts
	$(if $(filter whole,$(GRID)),IDARTS_CHAOS=1 $(GO) test -count=1 -timeout 30m -v -run TestLoad ./internal/queue)

codes:
	IDARTS_CODES=1 $(GO) test -count=1 -v -run TestHeldOutCellsComeBack ./nb201

# BASE=commit compares with that commit. BENCH picks benchmarks.
bench:
	$(if $(BASE),$(GO) run ./benchmarks/compare -base $(BASE) -bench '$(BENCH)' -count $(COUNT),$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./benchmarks)

# PEERS are flags of benchmarks/peers.
bench-peers:
	$(GO) run ./benchmarks/peers $(PEERS)

# PYTHON is one with PyTorch.
PYTHON ?= python3
peers-steps: build
	$(PYTHON) benchmarks/peers/steps.py bin/idarts

kernels:
	IDARTS_NEED_OPENCL=1 $(GO) test -count=1 -run '^TestSelfTest$$' ./internal/exec/gpu/opencl -update
	IDARTS_NEED_CLANG=1 $(GO) test -count=1 -run '^TestTextIsOfTheKernels$$' ./internal/exec/gpu/cuda/ptx -update

# barriers takes each barrier of the kernels away in turn and sees that oclgrind or the
# results miss it.
barriers:
	IDARTS_BARRIERS=1 IDARTS_NEED_OCLGRIND=1 $(GO) test -count=1 -timeout 30m -v -run '^TestBarriersAreNeeded$$' ./internal/exec/gpu/opencl

# ROOFLINE are flags of benchmarks/roofline.
roofline:
	$(GO) run ./benchmarks/roofline $(ROOFLINE)

reproduce-table: build $(TABLE)
	./bin/idarts run --space $(SPACES) --protocol $(PROTOCOL) $(if $(TABLE),--table $(TABLE)) --seeds $(SEEDS) --out $(OUT)
	$(if $(DEMOS),./bin/idarts run --space $(DEMOS) --protocol laptop --methods $(SHORT) --seeds 0 --out $(OUT))
	./bin/idarts figure --out $(OUT)
	./bin/idarts table --out $(OUT) --save
	./bin/idarts table --out $(OUT) --timing
	./bin/idarts table --out $(OUT) --stats
	@echo "All methods, 30 seeds: ./bin/idarts run --space $(SPACES) --protocol $(PROTOCOL) --methods all --seeds 0-29 --out $(OUT); some seven hours on two quick cores, resumable."

# paper is reproduce-table and a page of it beside what is published; a table that was
# fetched is asked as well.
paper: reproduce-table
	./bin/idarts paper --out $(OUT) $(addprefix --table ,$(firstword $(TABLE) $(wildcard data/nb201.arrow)))

data/nb201.arrow: | build
	./bin/idarts data fetch nb201 --out $@

clean:
	rm -rf bin out out-nb201
