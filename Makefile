# Every target sees to what it needs: on a fresh machine `make demo` and
# `make test` are enough. Results go to stdout, everything else to stderr.

.DEFAULT_GOAL := help
.PHONY: help demo up start down status build test cover fuzz bench microbench chaos followers soak lint vuln fmt check clean purge packages tools whisper recording
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

help: ## explain the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: recording start ## transcribe a recording: make demo [AUDIO=file] [FORMAT=txt|srt|vtt|json|csv|tsv|md|docx|pdf]
	@scripts/demo
	@scripts/stack about

recording:
	@scripts/demo --check

up: start ## start the local stack, restart what has died or is outdated
	@scripts/stack about

start: build
	@scripts/stack up

down: ## stop the local stack; its data stays in .run/
	@scripts/stack down

status: ## show the processes of the local stack
	@scripts/stack status

build: packages tools whisper ## build the programs into bin/
	@scripts/build

test: build ## run every test on real servers, which it brings along
	@scripts/packages test
	@scripts/packages gpu
	@scripts/whisper vulkan
	@scripts/test

cover: packages ## test coverage of the core packages; fails below 80 %
	@scripts/packages test
	@scripts/cover

fuzz: packages ## fuzz what reads outside input: make fuzz [FUZZTIME=60s] [FUZZ=part of a name]
	@FUZZTIME='$(FUZZTIME)' FUZZ='$(FUZZ)' scripts/fuzz

bench: build ## measure against whisper.cpp's own clients: make bench [BENCH=quick|targets|default|long|full] [REPORT=1]
	@BENCH='$(BENCH)' REPORT='$(REPORT)' scripts/bench

microbench: ## run the benchmarks of single functions
	@go test -run '^$$' -bench . -benchmem ./...

chaos: build ## do harm to a stack at work for an hour: make chaos [CHAOS=short] [FAULT=part of a name]
	@CHAOS='$(CHAOS)' FAULT='$(FAULT)' scripts/test chaos

followers: build ## measure an api that many follow transcriptions at: make followers [FOLLOWERS=5000]
	@FOLLOWERS='$(FOLLOWERS)' scripts/test followers

soak: packages whisper ## decode clips for hours and watch the memory: make soak [SOAK=10000]
	@SOAK='$(SOAK)' scripts/soak

lint: packages whisper ## run the linters
	@scripts/packages lint
	@scripts/tools golangci-lint actionlint
	@scripts/lint

vuln: packages whisper ## ask vuln.go.dev what is known of the libraries in use
	@scripts/tools govulncheck
	@eval "$$(scripts/whisper env)" && .deps/bin/govulncheck -tags whisper,netgo,osusergo ./...

fmt: ## format the code
	@scripts/tools golangci-lint
	@.deps/bin/golangci-lint fmt

check: ## what CI runs: lint, test, cover
	@$(MAKE) lint
	@$(MAKE) test
	@$(MAKE) cover

clean: ## remove what was built; data, tools and downloads stay
	@rm -rf bin .cache

purge: ## stop the stack and remove everything that is not in git: data, tools, downloads
	@scripts/stack wipe
	@rm -rf bin .cache .deps

packages: ## install the distribution's packages that are missing
	@scripts/packages demo

tools: ## build the S3 server of the local stack
	@scripts/tools versitygw

whisper: ## find whisper.cpp, or unpack it below .deps/
	@scripts/whisper
