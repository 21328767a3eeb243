# make bench    install, then run the suite on this machine's GPU or CPU     (ARGS='--models ...')
# make test     install, then run the suite's own tests on all cores; what compares real times comes last, alone
# make baseline record five runs in fresh processes as this GPU's baseline, and show what it can now detect
# make rehearsal NEW='timm==1.0.31'   what changes if that is installed?      (ARGS='--budget 5m --bisect ...')
# make check    ruff and mypy
# CONSTRAINTS=  installs the newest releases instead of the versions that the stored baselines were recorded with

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
ARGS ?=
RUNS ?= 5
NEW ?=
NEW_VENV ?= .venv-new
python := $(VENV)/bin/python
installed := $(VENV)/.installed

.PHONY: bench test check baseline rehearsal clean

bench: $(installed)
	$(python) -m pytest benchmarks/ $(ARGS)

test: $(installed)
	$(python) -m pytest tests/ -m 'not alone' -n auto --dist loadfile --benchmark-disable $(ARGS) || [ $$? -eq 5 ]
	$(python) -m pytest tests/ -m alone $(ARGS) || [ $$? -eq 5 ]

check: $(installed)
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy

baseline: $(installed)
	$(python) -m regression baseline record --verbose --runs $(RUNS) -- $(ARGS)

rehearsal: $(installed)
	$(if $(NEW),,$(error say what to try, such as make rehearsal NEW='timm==1.0.31'))
	$(python) -m rehearsal.second $(NEW_VENV) -- $(foreach requirement,$(NEW),'$(requirement)')
	$(python) -m rehearsal --new $(NEW_VENV)/bin/python $(ARGS)

$(installed): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(python) -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(NEW_VENV)
