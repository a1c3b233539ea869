# SPDX-License-Identifier: BSD-2-Clause
# The front door. Meson does the work below build/; each target installs what it needs from Debian's packages.
.DEFAULT_GOAL := help
KINDS ?= long,slow
SHELL := /bin/bash

.PHONY: help run build test test-long bench fuzz lint sim coverage clean install

help:
	@sed -n 's/^##* *\(make [a-z-]*\)/  \1/p' Makefile

## make run         build, start the daemon here, print how to connect (PORT=3260, STATE=folder)
run: build
	@exec scripts/run.sh build/release/src/cmd/zsand build/release/src/cmd/zsan

build:
	@scripts/setup.sh build
	@scripts/build.sh release

## make test        build with two compilers and run every test that fits into 25 minutes
test:
	@scripts/setup.sh build test
	@tests/run-suites test $(if $(ZSAN_SUM),--sum $(ZSAN_SUM))

## make test-long   the rest: real kernels, power loss, long simulations (KINDS=long: without what takes CI too long)
test-long:
	@scripts/setup.sh build test
	@tests/run-suites $(KINDS) $(if $(ZSAN_SUM),--sum $(ZSAN_SUM))

## make bench       compare with tgt, and the pool engine with files and OpenZFS's engine (QUICK=1: a few minutes)
bench: build
	@scripts/setup.sh build test bench
	@scripts/build.sh bench
	@scripts/build.sh bench tests/bench/zload-volume tests/oracle/ours src/pool/format/format_bench
	@tests/oracle/prepare.sh
	@tests/bench/bench --build build/bench $(if $(QUICK),--quick)
	@tests/bench/poolbench --build build/bench $(if $(QUICK),--quick)

## make fuzz        all fuzz targets, SECONDS_EACH=600
fuzz:
	@scripts/setup.sh build test
	@tests/fuzz/run $(or $(SECONDS_EACH),600)

## make lint        layers, style, forbidden calls, purity, documents
lint:
	@scripts/setup.sh build test
	@scripts/lint.sh

## make sim         one simulated run, SEED=n; the same seed replays it exactly (POOL=1: of the pool engine; without SEED: endless)
sim:
	@scripts/setup.sh build test
	@scripts/build.sh sim tests/sim/zsan-sim tests/poolsim/zsan-poolsim
	@$(if $(POOL),build/sim/tests/poolsim/zsan-poolsim $(if $(SEED),--seed $(SEED) --verbose,--endless --jobs $$(nproc)),\
		build/sim/tests/sim/zsan-sim --seed $(or $(SEED),1) --verbose)

## make coverage    line coverage of wire, iscsi, scsi
coverage:
	@scripts/setup.sh build test
	@scripts/coverage.sh

install: build
	@meson install -C build/release

clean:
	rm -rf build
