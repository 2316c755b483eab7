# make            format, vet and the short tests
# make test       all tests
# make reproduce-table   the comparison table and its figures, in out/

GO  ?= go
OUT ?= out
SPACES ?= nb201,nb1b1-s3,darts
# ./... leaves out folders named testdata.
PACKAGES := ./... ./testdata

.PHONY: check build test bench reproduce-table clean

check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) test -short $(PACKAGES)

build:
	$(GO) build -o bin/idarts ./cmd/idarts

test:
	$(GO) test $(TESTFLAGS) $(PACKAGES)

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./benchmarks

reproduce-table: build
	./bin/idarts run --space $(SPACES) --protocol laptop --seeds 0-2 --out $(OUT)
	./bin/idarts figure --out $(OUT)
	./bin/idarts table --out $(OUT) --save
	./bin/idarts table --out $(OUT) --timing

clean:
	rm -rf bin out
