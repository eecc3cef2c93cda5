# run test crash check fix bench lock. Everything is installed into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := run
.PHONY: run test crash check fix bench lock local dev

PYTHON ?= python3
BIN := .venv/bin
CODE := aiagents analytics accounts agents workflows marketplace manage.py
# What the settings of servers demand, for checks that start none.
SERVER := DJANGO_SETTINGS_MODULE=aiagents.settings.production SECRET_KEY=$$(printf 'check-%.0s' 1 2 3 4 5 6 7 8 9 10 11 12) \
  ALLOWED_HOSTS=example.org DATABASE_URL=sqlite:///:memory: REDIS_URL=redis://localhost ANTHROPIC_API_KEY=none

run: local
	@exec $(BIN)/python manage.py up

test: dev
	@$(BIN)/python -m aiagents.testing $(ARGS)

crash: dev
	@CRASH=1 $(BIN)/python -m aiagents.testing $(ARGS)

# Templates are linted, not reformatted: white space counts where text is shown as it is stored.
check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/lint-imports
	$(SERVER) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py lint_catalogue
	$(BIN)/python manage.py spectacular --fail-on-warn --validate | diff -u docs/openapi.yaml - >/dev/null || \
	  { echo "docs/openapi.yaml is out of date, or the schema has warnings; make fix"; exit 1; }

fix: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python manage.py spectacular --fail-on-warn --validate --file docs/openapi.yaml

bench: dev
	@$(BIN)/python -m bench $(ARGS)

lock: dev
	$(call compile,base,)
	$(call compile,local,--extra local --extra mcp)
	$(call compile,dev,--extra local --extra mcp --group dev)

compile = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml $(2) -o requirements/$(1).txt

# --- Installation: only when the pinned set has changed; dev holds everything of local --------
local: $(BIN)/python
	@[ -f $(BIN)/dev.installed ] && cmp -s requirements/dev.txt $(BIN)/dev.installed || $(call install,local)

dev: $(BIN)/python
	@$(call install,dev)

# By uv, else by pip with the same hashes.
install = cmp -s requirements/$(1).txt $(BIN)/$(1).installed || { \
  echo "Installing requirements/$(1).txt"; rm -f $(BIN)/*.installed; \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || echo "uv cannot be installed; using pip"; \
  if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=.venv $(BIN)/uv pip install --no-deps --require-hashes -r requirements/$(1).txt; \
  else $(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements/$(1).txt; fi \
  && cp requirements/$(1).txt $(BIN)/$(1).installed; }

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). PYTHON=python3.12 make run chooses another."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "The venv module of $(PYTHON) is missing (on Debian: apt install python3-venv)."; rm -rf .venv; exit 1; }
