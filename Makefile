# make            format, vet and the short tests
# make test       all tests
# make bench      the benchmarks; with BASE=commit compared with that commit
# make bench-peers   the engine beside PyTorch; PEERS='-out FILE' keeps the tables
# make roofline   what holds the stages of a search: kernels beside the machine's limits
# make reproduce-table   the comparison table and its figures, in out/

GO  ?= go
OUT ?= out
BENCH ?= .
COUNT ?= 10
SPACES ?= nb201,nb1b1-s3,darts
# ./... leaves out folders named testdata.
PACKAGES := ./... ./testdata

.PHONY: check build test bench bench-peers roofline reproduce-table clean

check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) test -short $(PACKAGES)

build:
	$(GO) build -o bin/idarts ./cmd/idarts

test:
	$(GO) test $(TESTFLAGS) $(PACKAGES)

# BASE=commit compares with that commit. BENCH picks benchmarks.
bench:
	$(if $(BASE),$(GO) run ./benchmarks/compare -base $(BASE) -bench '$(BENCH)' -count $(COUNT),$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./benchmarks)

# PEERS are flags of benchmarks/peers.
bench-peers:
	$(GO) run ./benchmarks/peers $(PEERS)

# ROOFLINE are flags of benchmarks/roofline.
roofline:
	$(GO) run ./benchmarks/roofline $(ROOFLINE)

reproduce-table: build
	./bin/idarts run --space $(SPACES) --protocol laptop --seeds 0-2 --out $(OUT)
	./bin/idarts figure --out $(OUT)
	./bin/idarts table --out $(OUT) --save
	./bin/idarts table --out $(OUT) --timing

clean:
	rm -rf bin out
