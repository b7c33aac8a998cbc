# Vitro's build, test and run. Meson and Ninja do the work; this file names the ways in. `make help` lists them.

.DEFAULT_GOAL := build
SHELL := /bin/sh
PREFIX ?= /usr/local
BUILD := build

# INSTALL=no: use what is installed, and skip what cannot run without the rest.
INSTALL ?= yes
ifeq ($(INSTALL),no)
  need = @:
else
  need = @tools/install-deps
endif

.PHONY: help build run test test-quick bench bench-instructions bench-weather fuzz format lint mutants models differential install clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

build: ## the command build/vitro and the library build/libvitro.*
	$(need) build
	@tools/configure $(BUILD)
	@ninja -C $(BUILD) product

run: build ## the default lab, in real time, until Ctrl-C
	@tools/foreground $(BUILD)/vitro run

test: ## everything; ends with "N passed, N failed, N skipped"
	$(need) build test
	@tools/run-tests

test-quick: ## the unit tests and checks of one build, without sanitizers and kernel
	$(need) build test
	@tools/run-tests --quick

BENCH ?=
bench: ## measures beside lwIP and the kernel, and prints ratios; BENCH='--only segment --pairs 20'
	$(need) build test
	@tools/configure build-bench --buildtype=release
	@ninja -C build-bench bench-programs
	@bench/run.py build-bench --json build-bench/bench.json $(BENCH)

bench-instructions: ## counts instructions with callgrind, and compares; COUNT=--update sets the file
	$(need) build test
	@tools/configure $(BUILD)
	@ninja -C $(BUILD) bench-programs
	@bench/instructions.py $(BUILD) $(COUNT)

WEATHER ?=
bench-weather: ## our CUBIC and BBR beside the kernel's over 24 bad paths; root; WEATHER='--seconds 10 --ours'
	$(need) build test
	@tools/configure build-bench --buildtype=release
	@ninja -C build-bench product bench/weather
	@bench/weather.py build-bench/bench/weather build-bench/vitro $(WEATHER)

NAME ?= wire
TIME ?= 60
fuzz: ## libFuzzer on NAME=wire for TIME=60 seconds; new inputs stay in build-fuzz/corpus-NAME
	$(need) build test
	@CC=clang tools/configure build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
	    '-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all'
	@ninja -C build-fuzz fuzz/fuzz_$(NAME)
	@mkdir -p build-fuzz/corpus-$(NAME)
	build-fuzz/fuzz/fuzz_$(NAME) -max_total_time=$(TIME) -max_len=4096 build-fuzz/corpus-$(NAME) fuzz/corpus/$(NAME)

format: ## clang-format on every C file
	$(need) build test
	@tools/check-format --fix

lint: ## clang-tidy and cppcheck; no warning is expected
	$(need) build test lint
	@tools/lint

mutants: ## removes each guard in turn and expects its test to fail
	$(need) build test
	@tools/mutants

models: ## SPIN checks the models of models/
	$(need) build test
	@models/run

SEED ?= 1
differential: ## 2,000 conversations, from SEED=1, held with Vitro and with the kernel, as root
	$(need) build test
	@tools/configure $(BUILD)
	@ninja -C $(BUILD) tests/differential/differential
	@$(BUILD)/tests/differential/differential -n 2000 -s $(SEED)

install: build ## into PREFIX (default /usr/local), below DESTDIR
	@meson configure $(BUILD) --prefix $(PREFIX)
	@ninja -C $(BUILD) product >/dev/null
	@meson install -C $(BUILD) --no-rebuild --quiet

clean: ## removes every build directory
	rm -rf build build-asan build-bench build-determinism build-fuzz build-tidy build-mutants
