# Two commands do everything on a fresh machine with Python 3.11+ and make:
#   make demo   sets up and runs the whole job on the texts that ship
#   make test   sets up and passes the tests

PYTHON ?= python3
BIN := .venv/bin

SECONDS ?= 600

.PHONY: demo test hints families heads fuzz kill quality fmt lint types arch test-transformers4 clean

demo: .venv/installed
	$(BIN)/tokbench demo --force

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Every hint of an error is pasted: it must run, and the error must be gone; no hint may be left out. Some four
# minutes, for models are made and trained; the default run has the cheap ones.
hints: .venv/installed
	TOKBENCH_SLOW=1 $(BIN)/python -m pytest tests/cli/test_hints.py

# Random tokenizers and texts against the library, for so many seconds, from a seed of this hour.
fuzz: .venv/installed
	$(BIN)/python -m tests.laws.fuzz --seconds $(SECONDS) --first $$(date +%Y%m%d%H0000000)

# kill -9 at 200 random moments of every kind of output: nothing damaged, mixed or left (some 20 minutes).
kill: .venv/installed
	$(BIN)/python benchmarks/kills.py

# Every family of transformers that reads tokens, small: checked and grown. Some twenty minutes.
families: .venv/installed
	$(BIN)/python benchmarks/families.py

# Every class of every head of these families, checked and grown, and a count for each head. Some forty minutes.
heads: .venv/installed
	$(BIN)/python benchmarks/families.py --heads

quality: lint types arch

fmt: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy

arch: .venv/installed
	$(BIN)/lint-imports

# The folders we save must load in transformers 4.57 too: tested with an environment of its own.
test-transformers4: .venv/installed .venv-transformers4/installed
	TOKBENCH_TRANSFORMERS4=$(CURDIR)/.venv-transformers4/bin/python $(BIN)/python -m pytest tests/pretrained tests/formats

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all,dev]'
	touch $@

.venv-transformers4/installed:
	$(PYTHON) -m venv .venv-transformers4
	.venv-transformers4/bin/python -m pip install --quiet 'transformers==4.57.6' 'tokenizers==0.22.2' sentencepiece protobuf
	touch $@

clean:
	rm -rf .venv .venv-transformers4
