# What can be done here. `make` alone prints this list.
# PYTHON=/path/to/python3.11 chooses the interpreter for the first setup.
BIN       := .venv/bin
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
SOURCES   := _config.yml _toc.yml CITATION.cff $(shell find book notebooks prlib companion data benchmarks/results -mindepth 1 -not -path '*/.*' -not -path '*__pycache__*' -not -path "*/computed*" 2>/dev/null | tr ' ' '?')
BOOK      := _build/html/index.html
PORT      ?= 8000
# Two tests at a time, those of one file one after the other; threads of linear algebra that are more
# than cores would wait for each other.
TWO       := -n 2 --dist loadfile
ONE       := OPENBLAS_NUM_THREADS=1
# Names and pages hold letters that an ASCII locale does not.
export PYTHONUTF8 := 1
unexport PYTHONIOENCODING
# Kernels know neither the reader's settings of IPython, nor need a home that can be written.
export IPYTHONDIR := $(CURDIR)/.venv/ipython
.DEFAULT_GOAL := help
.PHONY: help setup book pdf serve test lint unit slow nbval notebooks data bench clean

help:       ## this list
	@awk -F ' *## ' '/^[a-z]+:.*## / { split($$1, name, ":"); printf "  make %-10s %s\n", name[1], $$2 }' Makefile

setup: .venv/.ready  ## make .venv with the exact packages of requirements.lock, and prlib
	@echo 'ready: $(BIN)/prlib'

book: $(BOOK)  ## build the book (only if something changed) and print where it is
	@printf 'The book: %s\nOpen it:  file://%s\n' '$(BOOK)' '$(CURDIR)/$(BOOK)'

pdf: book  ## print the whole book into one PDF
	@$(BIN)/python tools/pdf.py

serve: book  ## serve the built book on this machine only (PORT=8000)
	@echo 'Serving http://127.0.0.1:$(PORT)/ (Ctrl-C stops)'; $(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

test: lint unit nbval book  ## everything but the slow tests: lint, imports, unit tests, notebooks, the book
	@echo 'test: what a reader meets'; $(BIN)/pytest -q tests/book -n 2 --dist loadgroup

lint: .venv/.ready  ## style, formatting and the import contract
	@echo 'lint: ruff and the import contract'; $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-logo

unit: .venv/.ready  ## unit tests and doctests, without the slow ones
	@echo 'test: unit tests and doctests'; $(ONE) $(BIN)/pytest -q --ignore=tests/book $(TWO)

slow: .venv/.ready  ## the slow tests
	@echo 'test: slow tests'; $(ONE) $(BIN)/pytest -m 'slow and not alone' --ignore=tests/book $(TWO) && $(BIN)/pytest -m 'slow and alone' --ignore=tests/book && $(BIN)/pytest -m slow tests/book

nbval: .venv/.ready  ## run every notebook and compare its verdicts with the committed ones
	@echo 'test: notebooks'; $(if $(NOTEBOOKS),$(ONE) $(BIN)/pytest -q -m '' --nbval-lax --nbval-current-env --nbval-cell-timeout=600 -o filterwarnings=default $(TWO) $(NOTEBOOKS),echo 'no notebooks yet')

notebooks: .venv/.ready  ## execute every notebook in place at its default parameters, and time its first look
	@for f in $(NOTEBOOKS:notebooks/%.ipynb=%); do $(BIN)/prlib rerun $$f -o notebooks/$$f.ipynb --overwrite || exit 1; done; $(BIN)/python tools/quick.py && $(BIN)/python tools/story.py

data: .venv/.ready  ## compute every table of data/ that is not there, from its spec; goes on where it was stopped
	@for f in data/specs/*.toml; do $(BIN)/prlib sweep $$f --out data || exit 1; done
	@for f in data/specs/theory/*.toml; do $(BIN)/prlib sweep $$f --out data/theory || exit 1; done

bench: .venv/.ready  ## measure speed on this machine, which should be quiet, and write what the book shows
	@test -x benchmarks/.venv/bin/python || { python3 -m venv benchmarks/.venv && benchmarks/.venv/bin/pip install -q -r benchmarks/requirements.txt; }
	$(BIN)/python benchmarks/theory.py && $(BIN)/python benchmarks/descent.py && $(BIN)/python benchmarks/transforms.py

clean:      ## remove the built book and caches (not .venv)
	rm -rf _build .pytest_cache .ruff_cache .import_linter_cache; find prlib companion tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.locked: requirements.lock tools/setup.sh
	@tools/setup.sh venv && touch $@
.venv/.ready: .venv/.locked pyproject.toml
	@tools/setup.sh project && touch $@

# A build starts from nothing: a page that has gone leaves no trace, and a warning cannot hide in a cache.
$(BOOK): .venv/.ready $(SOURCES)
	@echo 'book: building (a minute or two)'; rm -rf _build; $(BIN)/jupyter-book build . --all -W --keep-going --quiet >/dev/null || { rm -f $@; exit 1; }
	@touch $@
