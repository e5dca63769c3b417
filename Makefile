# Everything a developer or CI runs. Needs GNU make, bash and Python 3.11 or newer; the rest is
# installed into .venv, from the versions in constraints.txt.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules
.DELETE_ON_ERROR:

# Which Python makes .venv.
PYTHON  ?= python3
# Test processes (0: all in one). They wait for answers more than they compute.
WORKERS ?= 3
# Which Pythons test-functions uses: "3.11 3.13". None: those two, as far as the machine has them.
PYTHONS ?=
# More arguments for the command of demo, run, test, sabotage, chaos, smoke or lock:
# make test ARGS="-k intake"
ARGS    ?=

VENV := .venv
BIN  := $(VENV)/bin
# The folders import each other from the root of the repository.
RUN  := $(BIN)/python -m

AMQP_SERVER := tests/integration/events/requirements.txt

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@printf 'Usage: make TARGET [PYTHON=python3.12] [WORKERS=2] [ARGS="…"]\n\n'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.installed ## create or update .venv (the other targets do this by themselves)

.PHONY: demo
demo: $(VENV)/.installed ## the whole main job on embedded parts, from requests to events
	@$(RUN) local demo $(ARGS)

.PHONY: run
run: $(VENV)/.installed ## the same stack, left running
	@$(RUN) local run $(ARGS)

# With ARGS it is a round of somebody's choice, which the functions' run would only hold up.
.PHONY: test
test: $(VENV)/.installed amqp-server chromium ## all tests: of the functions first, then the others
	@$(if $(strip $(ARGS)),,$(MAKE) --no-print-directory test-functions)
	@$(RUN) pytest -n $(WORKERS) --dist worksteal $(ARGS)

# For the console's tests, which are skipped without it.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo 'Installing Chromium for the tests of the console.' && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			chromium fonts-dejavu-core >/dev/null; } || \
		echo 'Chromium is not here and cannot be installed: tests in a browser are skipped.'

.PHONY: screenshots
screenshots: $(VENV)/.installed chromium ## take the pictures of docs/images from the running console
	@$(RUN) tests.browser.screenshots

# Apart from .venv's other packages: it is compiled, and nothing but one file of tests needs it.
.PHONY: amqp-server
amqp-server: $(VENV)/.installed
	@[ $(VENV)/.amqp-server -nt $(AMQP_SERVER) ] || { $(BIN)/python -m pip install --disable-pip-version-check \
		--no-input -r $(AMQP_SERVER) -c constraints.txt >$(VENV)/amqp-server.log 2>&1 && touch $(VENV)/.amqp-server; } || \
	{ echo 'python-qpid-proton cannot be built here (a C compiler and the headers of Python are needed):' \
		'AMQP is not tested.' >&2; [ -z "$${CI:-}" ]; }

# Not part of test: on Python 3.11 the measuring takes as long as the tests.
.PHONY: coverage
coverage: $(VENV)/.installed ## lines and branches that the tests (but the functions') reach
	@$(RUN) pytest -n $(WORKERS) --cov $(ARGS)

# The short round of it is one of the tests.
.PHONY: fuzz
fuzz: $(VENV)/.installed ## attack the API with 5,000 calls and more, made from its description
	@$(RUN) tests.fuzz $(ARGS)

.PHONY: sabotage
sabotage: $(VENV)/.installed ## break what keeps each promise, and see a test fail (3 minutes)
	@$(RUN) tests.sabotage $(ARGS)

.PHONY: chaos
chaos: $(VENV)/.installed ## everything at once, killed and cut off at random, then judged (3 minutes)
	@$(RUN) tests.chaos $(ARGS)

# Alone on a machine: it has no patience with neighbours.
.PHONY: bench
bench: $(VENV)/.installed ## measure everything beside what it is compared with (an hour), and keep the record
	@$(RUN) benchmarks --keep $(ARGS) || missed=1; $(MAKE) --no-print-directory plots; exit $${missed:-0}

.PHONY: plots
plots: $(VENV)/.installed ## draw what is on record, for docs/performance.md
	@PYTHONPATH=. $(BIN)/uv run --quiet --no-project --python $(BIN)/python --with 'matplotlib>=3.10,<4' benchmarks/plots.py

.PHONY: bench-quick
bench-quick: $(VENV)/.installed ## only what has little noise: counts, and costs at 10 thousand and a million rows (3 minutes)
	@$(RUN) benchmarks --quick $(ARGS)

.PHONY: bench-console
bench-console: $(VENV)/.installed ## what the console asks of a database with a million requests
	@$(RUN) benchmarks.console $(ARGS)

# Not part of bench: it needs PostgreSQL, and libraries that the product has no use for.
.PHONY: bench-peers
bench-peers: $(VENV)/.installed $(VENV)-peers/.installed postgresql ## drain a queue beside pgqueuer and procrastinate on PostgreSQL (5 minutes), and keep the record
	@$(MAKE) --no-print-directory bench ARGS='peers $(ARGS)'

# Only the programs: the cluster that the package would make, and leave running, nobody needs.
.PHONY: postgresql
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo 'Installing PostgreSQL for the job queues that the product is measured beside.' && \
		mkdir -p /etc/postgresql-common && \
		{ [ -e /etc/postgresql-common/createcluster.conf ] || \
			echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; } && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || { \
		echo 'PostgreSQL is not here and cannot be installed (Debian: apt-get install postgresql).' >&2; exit 1; }

# Their environments are apart from .venv: the runtime's wheel installs a package named `tests`.
.PHONY: test-functions
test-functions: $(VENV)/.installed ## the functions in the Functions worker's own runtime
	@pythons='$(PYTHONS)'; \
	for python in 3.11 3.13; do \
		if [ -n '$(PYTHONS)' ]; then :; \
		elif tests/functions/find-python $$python >/dev/null; then pythons="$$pythons $$python"; \
		else echo "No Python $$python here: the functions are not tested on it."; fi; \
	done; \
	if [ -z "$$pythons" ]; then \
		pythons=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	fi; \
	$(MAKE) --no-print-directory --jobs $$(printf '$(VENV)-functions-%s/.installed ' $$pythons); \
	$(MAKE) --no-print-directory $$(printf 'functions-%s ' $$pythons)

# The tests' own conftest.py is all they need; the one above it configures what they do not have.
functions-%: $(VENV)-functions-%/.installed
	@echo '== functions on Python $*'
	@$(VENV)-functions-$*/bin/python -m pytest --confcutdir=tests/functions tests/functions $(ARGS)

.PHONY: check
check: $(VENV)/.installed ## format, lint (with security rules), types, import rules, infrastructure, known vulnerabilities
	@echo '== format'; $(BIN)/ruff format --check
	@echo '== lint';   $(BIN)/ruff check
	@echo '== types';  $(RUN) mypy
	@echo '== import rules'; $(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory check-infra
	@echo '== known vulnerabilities'; $(MAKE) --no-print-directory audit UNANSWERED=0

.PHONY: check-infra
check-infra: $(VENV)/.installed $(VENV)-infra/.installed ## the Bicep files, by a parser and a scanner
	@echo '== infrastructure'
	@$(RUN) pytest -n 0 -q -p no:cacheprovider tests/infra/test_syntax.py
	@$(RUN) tests.infra.scanner $(VENV)-infra/bin/checkov

# These two want the Azure CLI, which brings the compiler; the second also a login and the settings
# of an environment of azd (docs/deploy.md).
.PHONY: bicep
bicep: ## compile the Bicep files (needs the Azure CLI)
	@az bicep build --file infra/main.bicep --stdout >/dev/null
	@az bicep lint --file infra/main.bicep

.PHONY: what-if
what-if: ## tell what a deployment would change (needs the Azure CLI, logged in)
	@az deployment sub what-if --name "oms-$$AZURE_ENV_NAME" --location "$$AZURE_LOCATION" \
		--parameters infra/main.bicepparam $(ARGS)

.PHONY: package
package: $(VENV)/.installed ## write dist/oms.zip, which is deployed
	@$(RUN) local.package dist/oms.zip

# Of what is deployed, in the versions that were tested. Asks the package registry for the generator.
.PHONY: sbom
sbom: $(VENV)/.installed ## write dist/oms.cdx.json, the bill of materials (CycloneDX)
	@mkdir -p dist
	@$(BIN)/uv pip compile --quiet --python-version 3.13 --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links \
		--constraint constraints.txt --output-file dist/requirements.txt requirements.txt
	@PYTHONWARNINGS=ignore $(BIN)/uv tool run --quiet --from 'cyclonedx-bom>=7,<8' cyclonedx-py requirements --output-reproducible \
		--pyproject pyproject.toml --output-format JSON --output-file dist/oms.cdx.json \
		dist/requirements.txt
	@grep -c '"purl"' dist/oms.cdx.json | sed 's/$$/ components in dist\/oms.cdx.json/'

.PHONY: smoke
smoke: $(VENV)/.installed ## one request through a running system: make smoke URL=https://… (docs/deploy.md)
	@$(RUN) local.smoke '$(URL)' $(ARGS)

# It asks the service that knows the vulnerabilities, which a machine may not reach. That is no fault of the code, hence none in check;
# but nothing audited is not nothing found, hence one here.
UNANSWERED := 2
.PHONY: audit
audit: $(VENV)/.installed ## look up whether the locked versions have known vulnerabilities
	@if $(BIN)/uv tool run 'pip-audit>=2.9,<3' --strict --progress-spinner off --disable-pip --no-deps \
		--requirement constraints.txt >$(VENV)/audit.log 2>&1; then \
		tail -n 1 $(VENV)/audit.log; \
	elif ! grep -qE '^Found [0-9]+ known' $(VENV)/audit.log && \
		grep -qE 'could not be audited|Connection|Failed to (fetch|resolve)' $(VENV)/audit.log; then \
		echo 'Not audited: the service that knows the vulnerabilities does not answer here.' >&2; exit $(UNANSWERED); \
	else \
		cat $(VENV)/audit.log >&2; exit 1; \
	fi

.PHONY: format
format: $(VENV)/.installed ## format, and repair what the linter can
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

.PHONY: docs
docs: $(VENV)/.installed ## rewrite what README, docs/contracts and observability take from the code
	@$(RUN) local.settings_table
	@$(RUN) local.contract_documents
	@$(RUN) local.kibana

.PHONY: lock
lock: ## rewrite constraints.txt (newest of everything: ARGS=--upgrade)
	@[ -x $(BIN)/uv ] || $(MAKE) --no-print-directory setup
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--no-header --no-emit-index-url --no-emit-find-links --annotation-style line \
		--output-file constraints.txt $(ARGS) requirements-dev.txt
	@sed -i.old '1i # The versions that were tested, for every supported Python. Written by `make lock`.' \
		constraints.txt && rm constraints.txt.old
	@grep -c '==' constraints.txt | sed 's/$$/ packages in constraints.txt/'
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--output-file tests/infra/scanner/requirements.txt $(ARGS) tests/infra/scanner/requirements.in

.PHONY: clean
clean: ## remove .venv, caches, reports and local databases
	@rm -rf $(VENV) $(VENV)-* dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov \
		tests/contracts/asyncapi/node_modules
	@rm -f .coverage .coverage.* *.db *.db-shm *.db-wal *.db-journal
	@find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an interrupted set-up is taken up again by the next call.
$(VENV)/.installed: requirements.txt requirements-dev.txt constraints.txt
	@command -v '$(PYTHON)' >/dev/null || { \
		echo "$(PYTHON) not found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$('$(PYTHON)' -V 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || { \
		rm -rf $(VENV); '$(PYTHON)' -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }; }
	@echo "Setting up $(VENV) with $$($(BIN)/python -V); the first time takes a minute or two."
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --no-input \
		-r requirements-dev.txt -c constraints.txt 2>&1 | tee $(VENV)/install.log | \
		awk -v tty="$$([ -t 1 ] && echo 1 || true)" ' \
		/^(Collecting|Processing) / { if (tty) printf "\r\033[K  %3d  %s", ++n, $$2; fflush() } \
		/^Installing / { printf "%s  installing %d packages\n", tty ? "\r\033[K" : "", NF - 3; fflush() }' \
		|| { grep -A 20 '^ERROR' $(VENV)/install.log >&2 || tail -n 20 $(VENV)/install.log >&2; exit 1; }
	@touch $@

$(VENV)-infra/.installed: tests/infra/scanner/requirements.txt | $(VENV)/.installed
	@echo "Setting up $(@D), for the scanner of infra/; this takes half a minute."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	@VIRTUAL_ENV=$(@D) $(BIN)/uv pip install --quiet --no-deps --requirements $<
	@touch $@

$(VENV)-peers/.installed: benchmarks/requirements.txt constraints.txt | $(VENV)/.installed
	@echo "Setting up $(@D), for what the product is measured beside; this takes a few seconds."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	@VIRTUAL_ENV=$(@D) $(BIN)/uv pip install --quiet --requirements $< --constraints constraints.txt
	@touch $@

# Not a mere step on the way, which make would remove.
.PRECIOUS: $(VENV)-functions-%/.installed

# The runtime demands Python 3.13, and works on older ones, which are given it all the same.
$(VENV)-functions-%/.installed: requirements.txt constraints.txt tests/functions/requirements.txt
	@python=$$(tests/functions/find-python $*) || { \
		echo "Python $* not found. Install it, or name others: make test-functions PYTHONS=3.11" >&2; exit 1; }; \
	$(@D)/bin/python -c 'import pip' 2>/dev/null || { rm -rf $(@D); "$$python" -m venv $(@D); }
	@echo "Setting up $(@D) with $$($(@D)/bin/python -V); this takes half a minute."
	@install="$(@D)/bin/python -m pip install --disable-pip-version-check --no-input"; \
	{ $$install -r tests/functions/requirements.txt -c constraints.txt && \
		if $(@D)/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then \
			$$install --no-deps --ignore-requires-python \
				"$$(grep -o '^azure-functions-runtime-v1==[0-9.]*' requirements.txt)"; \
		fi; \
	} >$(@D)/install.log 2>&1 || { \
		grep -A 20 '^ERROR' $(@D)/install.log >&2 || tail -n 20 $(@D)/install.log >&2; exit 1; }
	@touch $@
