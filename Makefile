# For GNU make. `make` alone tells what there is.

.DEFAULT_GOAL := help
.PHONY: help demo styleguide serve keys test test-all coverage lint audit check format messages lighthouse screenshots bench \
	FORCE

# uv brings everything else. A machine without it gets it into .tools, by whatever Python there is.
UV := $(if $(shell command -v uv),uv,.tools/bin/uv)
SOME_PYTHON := $(shell for name in python3 python python3.14 python3.13 python3.12; do command -v $$name && break; done)
PYTHON := .venv/bin/python
# Tests in parallel; make test JOBS=0 for one process, ARGS='-k name' for some of them. Four keep two cores busy:
# a test often waits for a server, a browser or a time-out, and each process costs ten seconds of its own.
JOBS ?= 4
# `make test` leaves the mark `thorough` to `make test-all`. A -m in ARGS takes the place of this one.
MARKS ?= not thorough
# `make test` tries few examples of a property: tests/support/pairwise.py.
PROFILE ?= poster_admin
ARGS ?=
DJADE := .venv/bin/djade --target-version 6.1
TEMPLATES = $(shell find templates groups -name '*.html')

# A Python of this machine if it is new enough, else one that uv downloads.
export UV_PYTHON_PREFERENCE ?= system
# The machine's certificates: a company's proxy may have one of its own.
export UV_SYSTEM_CERTS ?= true
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

demo: .venv/.runtime  ## Start the dashboard with a sandbox behind it (PORT; ARGS=--fresh to set it up)
	@DEBUG=True $(PYTHON) manage.py demo $(ARGS)

styleguide: .venv/.runtime  ## Start the demo with the gallery of pieces and states, /styleguide/ (PORT)
	@DEBUG=True $(PYTHON) manage.py demo --debug

serve: .venv/.server  ## Start the production server (HOST, PORT, WORKERS)
	@$(PYTHON) manage.py serve

keys: .venv/.runtime  ## Print a fresh SECRET_KEY and POSTER_TOKEN_KEYS, for .env
	@$(PYTHON) -c 'import secrets; print("SECRET_KEY=" + secrets.token_urlsafe(50))'
	@$(PYTHON) -c 'from cryptography.fernet import Fernet; print("POSTER_TOKEN_KEYS=" + Fernet.generate_key().decode())'

test: .venv/.all  ## Test all that users do, in a browser too (ARGS, JOBS)
	@$(PYTHON) -m tests.tools.chromium
	$(PYTHON) -m pytest -n $(JOBS) --dist worksteal -m '$(MARKS)' --hypothesis-profile=$(PROFILE) $(ARGS)

test-all:  ## Run every test: each fault in each command, each page in each language (ARGS, JOBS)
	@$(MAKE) --no-print-directory test MARKS= PROFILE=thorough

coverage:  ## Run make test, and fail below 97 percent of lines and branches (ARGS, JOBS)
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-branch --cov-fail-under=97 $(ARGS)"

lint: .venv/.all .tools/checks/.all  ## Look at the code: format, rules, types, layers
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(DJADE) --check $(TEMPLATES)
	.venv/bin/djlint --quiet --lint templates groups
	.venv/bin/djlint --quiet --lint --profile jinja --extension jinja templates groups
	.venv/bin/oxlint --deny-warnings static
	DEBUG=True $(PYTHON) -m mypy
	.tools/checks/bin/lint-imports

audit: .tools/checks/.all  ## Look up known vulnerabilities of the locked packages
	@.tools/checks/bin/python -m tests.tools.audit $(UV)

check: lint audit  ## Look at the code, the packages, the migrations and the settings of production
	$(UV) lock --check
	DEBUG=True DATABASE_URL=sqlite://:memory: $(PYTHON) manage.py makemigrations --check --dry-run
	SECRET_KEY=$$(head -c 60 /dev/urandom | base64 | tr -d '\n') \
	POSTER_TOKEN_KEYS=$$(head -c 32 /dev/urandom | base64 | tr '+/' '-_') \
	DEBUG=False HTTPS=True $(PYTHON) manage.py check --deploy --fail-level WARNING

format: .venv/.all  ## Format the code and fix what can be fixed automatically
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix
	$(DJADE) $(TEMPLATES)

messages: .venv/.all  ## Take new texts into the catalogues (needs gettext)
	@DEBUG=True $(PYTHON) manage.py makemessages --no-wrap --no-obsolete \
		--extension html,txt,py,jinja --add-location file --ignore '.*' --ignore var --ignore staticfiles --ignore tests

lighthouse: .venv/.all  ## Grade six pages with Lighthouse, and count the bytes (needs npm and nginx)
	@$(PYTHON) -m tests.tools.chromium
	$(PYTHON) -m tests.tools.lighthouse

screenshots: .venv/.all  ## Take the pictures of the README
	@$(PYTHON) -m tests.tools.chromium
	$(PYTHON) -m tests.tools.screenshots

bench: .venv/.all  ## Run the benchmarks of tests/benchmarks (ARGS)
	$(PYTHON) -m tests.benchmarks $(ARGS)

# --- Installed packages: a stamp for each set of them, so that a second start asks nobody ------------------

SYNC = $(UV) sync --quiet --frozen --inexact

.venv/.runtime: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@echo "Installing what the dashboard needs …" >&2
	@$(SYNC) --no-dev
	@touch $@

.venv/.server: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@echo "Installing what the server needs …" >&2
	@$(SYNC) --no-dev --extra grown --extra sentry
	@touch $@ .venv/.runtime

.venv/.all: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@echo "Installing what development needs …" >&2
	@$(SYNC) --extra grown --extra sentry
	@touch $@ .venv/.server .venv/.runtime

# The programs that look at the layers and at the packages; no test and no server needs them.
.tools/checks/.all: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@echo "Installing what make check needs …" >&2
	@UV_PROJECT_ENVIRONMENT=.tools/checks $(UV) sync --quiet --frozen --only-group checks
	@touch $@

# An environment whose Python is gone is made again.
ifneq ($(shell $(PYTHON) -c 'print("alive")' 2>/dev/null),alive)
.venv/.runtime .venv/.server .venv/.all .tools/checks/.all: FORCE
endif

.tools/bin/uv:
	@echo "Fetching uv …" >&2
	@$(or $(SOME_PYTHON),$(error There is no Python on this machine)) tests/tools/get_uv.py
