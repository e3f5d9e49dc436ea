# Everything a user or developer runs. Each target sets up what it needs (.venv, Rust) by itself.
# Variables: DEVICE, EPOCHS, SEED, OUT for the demo; PYTHON to choose the interpreter; TESTS to run some tests only;
# TORCH, a Python with torch, for benches beside PyTorch.

OUT     ?= out
TESTS   ?= tests
# Python tests run in as many processes as there are cores, at most 4, file by file.
PYTEST  := -m pytest -n auto --maxprocesses 4 --dist loadfile
PY      := .venv/bin/python
RUST    := sh scripts/with-rust.sh
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find src python shaders -name '*.rs' -o -name '*.wgsl' -o -name '*.py' -o -name '*.pyi' -o -name '*.npz')

.PHONY: help demo examples wheel dev test test-rust build-test-rust test-python test-wheel lint format docs bench clean

help:
	@echo 'make demo        build the wheel, train a small network on real digits, write a picture [DEVICE= EPOCHS= SEED= OUT=]'
	@echo 'make examples    run every script of examples/, with pictures; some minutes in all [OUT=]'
	@echo 'make test        Rust and Python tests [TESTS=tests/nn]'
	@echo 'make test-wheel  the Python tests on the release wheel, in a venv of its own [TESTS=tests/nn]'
	@echo 'make lint        formatting, clippy (the portable form too), ruff, types'
	@echo 'make format      format Rust and Python'
	@echo 'make bench       timings of what users feel [TORCH=/path/to/python with torch]'
	@echo 'make docs        API pages in site/, and names.html: which of PyTorch'\''s names are there'
	@echo 'make wheel       the release wheel in dist/'
	@echo 'make dev         quick development build, installed in .venv'
	@echo 'make clean       remove what the targets made'

# --- tools: a stamp per group, made again when pyproject.toml changes

.venv/.tools-%: pyproject.toml scripts/venv.sh
	@sh scripts/venv.sh $*
	@touch $@

# --- builds: the wheel that ships, and a quick one for tests; each is one stamp, whichever is installed last counts

dist/.wheel: $(SOURCES) .venv/.tools-build
	@rm -rf dist && mkdir -p dist
	$(RUST) maturin build --release --locked --out dist --compression-level 9
	@touch $@

wheel: dist/.wheel

.venv/.release: dist/.wheel
	@$(PY) -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.whl
	@rm -f .venv/.dev && touch $@

.venv/.demo: .venv/.release
	@$(PY) -m pip install --quiet --disable-pip-version-check "$$(echo dist/*.whl)[demo]"
	@touch $@

.venv/.dev: $(SOURCES) .venv/.tools-build .venv/.tools-test
	$(RUST) maturin develop --locked --features checks
	@rm -f .venv/.release .venv/.demo && touch $@

dev: .venv/.dev

# --- what people run

demo: .venv/.demo
	$(PY) -m rustgrad.demo --out $(OUT) $(if $(DEVICE),--device $(DEVICE)) $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(SEED),--seed $(SEED))

examples: .venv/.demo
	for path in examples/*.py; do echo "== $$path"; $(PY) -m rustgrad.as_torch $$path --out $(OUT) || exit 1; done

test: test-rust test-python

CARGO_TEST = $(RUST) cargo test --locked --no-default-features --features checks

test-rust: .venv/.tools-build
	$(CARGO_TEST)

build-test-rust: .venv/.tools-build
	$(CARGO_TEST) --no-run

test-python: .venv/.dev
	@sh scripts/vulkan.sh
	$(PY) $(PYTEST) $(TESTS)

# -P: nothing of the checkout is imported but the tests.
test-wheel: dist/.wheel
	$(PY) -m venv --clear --without-pip .venv/wheel
	$(PY) -m pip --python .venv/wheel/bin/python install --quiet --disable-pip-version-check --group test dist/*.whl
	.venv/wheel/bin/python -P $(PYTEST) $(TESTS)

lint: .venv/.tools-build .venv/.tools-lint
	@$(RUST) sh -c 'cargo fmt --version && cargo clippy --version' >/dev/null 2>&1 || { \
	    echo 'error: clippy or rustfmt is missing: rustup component add clippy rustfmt' >&2; exit 1; }
	$(RUST) cargo fmt --check
	$(RUST) cargo clippy --locked --all-targets --no-default-features --features checks -- -D warnings
	$(RUST) cargo clippy --locked --lib --features checks -- -D warnings
	$(RUST) cargo clippy --locked --lib --no-default-features --features checks -- -D warnings --cfg portable_os
	$(PY) -m ruff check python tests scripts examples $(wildcard benches)
	$(PY) -m ruff format --check python tests scripts examples $(wildcard benches)
	$(if $(wildcard python/rustgrad/_rustgrad/torch.pyi),$(PY) -m basedpyright)
	$(PY) scripts/typed.py

format: .venv/.tools-build .venv/.tools-lint
	$(RUST) cargo fmt
	$(PY) -m ruff check --fix python tests scripts examples $(wildcard benches)
	$(PY) -m ruff format python tests scripts examples $(wildcard benches)

docs: .venv/.dev .venv/.tools-docs
	$(PY) -m pdoc rustgrad '!rustgrad._rustgrad' '!rustgrad._names' '!rustgrad._as_torch' --output-directory site
	$(PY) scripts/names.py site/names.html

bench: .venv/.release .venv/.tools-test
	$(PY) benches/footprint.py
	for name in overhead ops layers train; do \
	    $(PY) benches/$$name.py $(if $(TORCH),--beside $(TORCH)) || exit 1; done
	$(PY) benches/gpu.py

clean:
	rm -rf dist out site target .venv python/rustgrad/*.so
