# Every target works alone on a fresh machine with Python 3.11 or newer, make and git.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
JCACHE := $(BIN)/jcache
HTML := _build/html
PORT ?= 8000
PAGES ?= tests/book tests/browser
TESTS ?= tests
export PYTHONUNBUFFERED := 1

# The first Python that is new enough; `make PYTHON=/path/to/python` names another.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11 python,\
  $(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))

# The scripts of an environment name the place where it was made: after a move they are broken, and
# in a copy they are the original's. One that was made elsewhere is made anew.
MOVED := $(shell made=$$(sed -n 's/^command = .* -m venv //p' $(VENV)/pyvenv.cfg 2>/dev/null); \
  [ -z "$$made" ] || [ "$$made" = "$(CURDIR)/$(VENV)" ] || echo moved)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help editions pdf epub archive book records check remeasure publish html notebooks teacher test test-pages lint types serve readme lock clean moved

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: records check html  ## measure what is not published, check a part of what is, build the HTML

records: $(VENV)/book
	$(BIN)/bnbook run --all

check: $(VENV)/book  ## train a cheap part of every published record anew, and compare
	$(BIN)/python -m bnbook.publishing check

remeasure: $(VENV)/book  ## train everything anew; says which verdicts differ from the published
	$(BIN)/python -m bnbook.publishing remeasure

publish: $(VENV)/book  ## what is stored in _build/records becomes what ships with the package
	$(BIN)/bnbook run --all
	$(BIN)/bnbook run --all --data fashion-5k
	$(BIN)/python -m bnbook.publishing publish

# A fresh environment on every build (--all), so that a broken reference fails the second one too.
# Pages are executed when their cells changed, which Jupyter Book's cache sees, or the package, the
# versions, the scale or a record, which it does not: the key beside it does. So it does when a page
# was renamed or removed or the checkout moved, as the cache knows its pages by their full paths.
# They are executed into that cache on all cores; one that failed is executed once more by the
# build, which says why and stops.
html: $(VENV)/book
	@mkdir -p _build
	$(BIN)/python -m bnbook.playground book/_static/playground/digits.js
	@key=$$({ pwd; ls book; find bnbook -name '*.py' | sort | xargs cat; ls bnbook/published; cat constraints.txt; \
	  $(BIN)/python -c 'from bnbook import environment as e; \
	    print(e.scale(), e.records(), *sorted(e.records().glob("*.nc")))'; \
	  } 2>/dev/null | git hash-object --stdin); \
	[ "$$key" = "$$(cat _build/executed 2>/dev/null)" ] || rm -rf _build/.jupyter_cache; \
	mkdir -p _build/.jupyter_cache; echo "$$key" > _build/executed
	$(JCACHE) notebook -p _build/.jupyter_cache add -r myst_nb_md book/*.md > /dev/null
	BNBOOK_PAGES=1 OMP_NUM_THREADS=1 $(JCACHE) project -p _build/.jupyter_cache execute -e local-parallel -t 1800
	BNBOOK_PAGES=1 $(BIN)/jupyter-book build . --all -W --keep-going -n
	@echo "Open $(HTML)/index.html, or run: make serve"

notebooks: html  ## the pages as notebooks with outputs, in plain Markdown: what Colab and Kaggle open
	@ls $(HTML)/notebooks/*.ipynb

teacher: notebooks  ## for classes: exercises without solutions, solutions apart, slides of the figures
	$(BIN)/python -m bnbook.teaching $(HTML)/notebooks _build/teacher

test: $(VENV)/dev  ## the tests of the package, at smoke scale
	$(BIN)/python -m pytest $(TESTS) -n 2 --dist worksteal --ignore tests/book --ignore tests/browser

test-pages: $(VENV)/dev  ## the tests of the built pages, and of the pages in Chromium (after make book)
	@test -e $(HTML)/index.html || { echo "No pages yet: run 'make book' first."; exit 1; }
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PAGES)

lint: $(VENV)/dev  ## style, format, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/dev  ## static types of the package and its tests
	$(BIN)/mypy

editions: pdf epub archive  ## the book as PDF, EPUB and offline archive, from the built pages

pdf epub archive: $(VENV)/dev
	$(BIN)/python -m bnbook.editions $@

serve:  ## the built book on http://localhost:8000 (PORT=… for another)
	$(BIN)/python -m http.server $(PORT) --bind localhost --directory $(HTML)

readme: $(VENV)/book  ## the figure and the claim at the top of README.md, from the ledger
	$(BIN)/python -m bnbook.readme

lock: $(VENV)/dev  ## hold the versions now installed in constraints.txt
	$(PIP) freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:  ## remove the pages and the environment; the records in _build/records stay
	rm -rf $(VENV) *.egg-info $(filter-out _build/records,$(wildcard _build/* _build/.[a-z]*))

moved:
	rm -rf $(VENV)

$(VENV)/bin/python: $(MOVED)
	@test -n "$(PYTHON)" || { echo "bnbook needs Python 3.11 or newer; none was found. Install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/book: $(VENV)/bin/python requirements.txt constraints.txt pyproject.toml
	$(PIP) install -r requirements.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/dev: $(VENV)/book requirements-dev.txt
	$(PIP) install -r requirements-dev.txt
	@touch $@
