# One command for each thing that one does with this project. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev install doctor demo run viewer test test-kills
.PHONY: validate dicom-standard test-orthanc test-postgresql test-docker lint types docs benchmarks
.PHONY: engines monai lock
.PHONY: audit fuzz clean

HTTP_PORT ?= 8042
DICOM_PORT ?= 4242
DATA ?= ./data
ARGS ?=
PREFIX ?=
CONFIGURATION ?= orthanc.json
VERSION ?= all
FUZZ_EXAMPLES ?= 20000

PYTHON := .venv/bin/python
CODE := plugin training deploy benchmarks tests
# What the caller's shell adds must not reach the environment that the lock describes.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PYTHONNOUSERSITE := 1

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing to run: Debian packages (as root) and .venv
	@deploy/install.sh runtime

setup-dev: ## the same, with what tests, linters and benchmarks need
	@deploy/install.sh dev

install: ## a copy for an Orthanc that runs already (PREFIX=/opt/adjuvant)
	@deploy/install-to.sh "$(PREFIX)"

doctor: ## what is wrong and how to mend it (PREFIX=/opt/adjuvant CONFIGURATION=/etc/orthanc)
	@PYTHONPATH="$(or $(PREFIX),.)/plugin" python3 -m adjuvant doctor --configuration $(CONFIGURATION) $(ARGS)

demo: setup ## a scan in, results out, on a real Orthanc (ARGS=--exit ends it afterwards)
	@$(PYTHON) -m deploy.demo $(ARGS)

run: setup ## Orthanc with the plugin (HTTP_PORT=8042 DICOM_PORT=4242 DATA=./data)
	@exec $(PYTHON) -m deploy.serve \
		--http-port $(HTTP_PORT) --dicom-port $(DICOM_PORT) --data $(DATA) $(ARGS)

viewer: ## the same with OHIF beside it, in any browser (ARGS="--port 3000")
	@deploy/install.sh viewer
	@exec $(PYTHON) -m deploy.viewer \
		--http-port $(HTTP_PORT) --dicom-port $(DICOM_PORT) --data $(DATA) $(ARGS)

# Much of the suite waits for an Orthanc: two at a time take half as long. A file stays together,
# with the Orthanc that its tests share. WORKERS= runs one test after the other.
WORKERS = --numprocesses 2 --dist loadfile

test: setup-dev ## the whole suite, with a real Orthanc (ARGS="tests/adjuvant -x")
	@$(PYTHON) -m pytest $(WORKERS) $(ARGS)

test-kills: setup-dev ## kill a real Orthanc thirty times while it works (some minutes)
	@ADJUVANT_KILLS=30 $(PYTHON) -m pytest -s tests/integration/test_kills.py $(ARGS)

DICOM_EDITION ?= 2026b

validate: setup-dev ## results by dicom-validator over a newer DICOM standard, of dicom.nema.org
	@ADJUVANT_DICOM_STANDARD=.venv/dicom ADJUVANT_DICOM_EDITION=$(DICOM_EDITION) \
		$(PYTHON) -m pytest $(ARGS) tests/adjuvant/results/test_dicom_validator.py

DICOM_STANDARD = .venv/dicom-standard

dicom-standard: ## make tests/dicom_standard/2020b.json.xz anew from packages of PyPI
	@test -x $(DICOM_STANDARD)/bin/python || python3 -m venv $(DICOM_STANDARD)
	@$(DICOM_STANDARD)/bin/pip install --quiet dicom-validator==0.9.0
	@$(DICOM_STANDARD)/bin/pip install --quiet --no-deps dicom-standard==0.1.0
	@$(DICOM_STANDARD)/bin/python tests/dicom_standard/convert.py

test-orthanc: ## on Orthanc of bookworm, trixie, forky or all (VERSION=trixie), in Debian roots
	@python3 -m deploy.generations $(VERSION) $(ARGS)

MAIN_TESTS = $(patsubst %,tests/integration/test_%.py,\
	results bad_input restart routes security troubles versions kills shared_index)

test-postgresql: setup-dev ## the main tests with Orthanc's index in PostgreSQL (ARGS=tests/integration)
	@ADJUVANT_INDEX=postgresql $(PYTHON) -m pytest $(WORKERS) $(or $(ARGS),$(MAIN_TESTS))

test-docker: ## the Dockerfile's steps and what its configuration starts, in roots (VERSION=trixie)
	@python3 -m deploy.docker.rehearse $(VERSION)

lint: setup-dev ## style
	@$(PYTHON) -m ruff check $(CODE)
	@$(PYTHON) -m ruff format --check $(CODE)

types: setup-dev ## types
	@$(PYTHON) -m mypy

# Other engines that run the same network, to compare with; nothing else needs them.
ENGINES = .venv/engines
ENGINE_PACKAGES = onnx==1.23.2 onnxruntime==1.31.1 openvino==2026.4.1 tf2onnx==1.17.0 \
	nncf==3.4.0 networkx==3.6.1 pydot==4.0.1 pyparsing==3.3.3 natsort==8.4.0 tabulate==0.10.0 \
	safetensors==0.8.0 scikit-learn==1.9.1 joblib==1.6.0 threadpoolctl==3.8.0 psutil==7.2.2

# What a hospital might run for each study instead. It brings a numpy and a protobuf of its own.
MONAI = .venv/monai
MONAI_PACKAGES = monai-deploy-app-sdk==4.0.0 monai==1.6.1 torch==2.13.0+cpu highdicom==0.28.2 \
	pydicom==3.0.2 onnxruntime==1.31.1 pydantic==2.14.3 scipy==1.17.1 numpy==2.4.6
TORCH_FOR_CPU = https://download.pytorch.org/whl/cpu

# Both are installed only where something is measured beside them: where nothing is named, all is.
measured = $(if $(ARGS),$(filter $(1),$(ARGS)),all)
BESIDE = $(if $(call measured,engines per_study),engines) $(if $(call measured,per_study),monai)

engines: setup-dev ## other engines that run the same network, for benchmarks beside them
	@test -d $(ENGINES)/nncf || $(PYTHON) -m pip install --quiet --no-deps --target $(ENGINES) \
		$(ENGINE_PACKAGES)

monai: setup-dev ## MONAI Deploy in an environment of its own, for the benchmark beside it
	@test -x $(MONAI)/bin/python || $(PYTHON) -m venv $(MONAI)
	@test -d $(MONAI)/ready || { $(MONAI)/bin/pip install --quiet \
		--extra-index-url $(TORCH_FOR_CPU) $(MONAI_PACKAGES) && mkdir $(MONAI)/ready; } || \
		echo "MONAI Deploy could not be installed: it is left out"

benchmarks: setup-dev $(BESIDE) ## measure on this machine and rewrite docs/benchmarks.md (some minutes)
	@PYTHONPATH=$(ENGINES) $(PYTHON) -m benchmarks $(ARGS)

COMPILE = $(PYTHON) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links $(ARGS)

lock: setup-dev ## pin every dependency anew from pyproject.toml (ARGS=--upgrade for the newest)
	@$(COMPILE) --output-file requirements/runtime.lock pyproject.toml
	@$(COMPILE) --constraint requirements/runtime.lock --extra dev --extra training \
		--output-file requirements/dev.lock pyproject.toml

DOCS = .venv/docs
MKDOCS_MATERIAL = mkdocs-material==9.8.1

docs: setup-dev ## the documentation as a site in build/site, with every link checked
	@test -x $(DOCS)/bin/mkdocs || { $(PYTHON) -m venv $(DOCS) && \
		$(DOCS)/bin/pip install --quiet $(MKDOCS_MATERIAL); }
	@$(DOCS)/bin/mkdocs build --quiet

AUDIT = .venv/audit
PIP_AUDIT = pip-audit==2.10.0

# Without --strict, a package that could not be looked up counts as one without a vulnerability.
audit: setup-dev ## look up known vulnerabilities of what is locked (needs the network)
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
		$(AUDIT)/bin/pip install --quiet $(PIP_AUDIT); }
	@for lock in runtime dev; do \
		$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip \
			-r requirements/$$lock.lock || { \
		echo "audit: requirements/$$lock.lock is not found clean: it has a vulnerability, or a" \
			"package could not be looked up (see above)" >&2; exit 1; }; done

fuzz: setup-dev ## damaged files, headers and rules for a long time (FUZZ_EXAMPLES=20000)
	@ADJUVANT_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PYTHON) -m pytest --timeout 0 $(ARGS) \
		tests/adjuvant/test_fuzzing.py tests/adjuvant/test_image.py tests/adjuvant/rules

clean: ## remove .venv and caches; never data, models or Debian packages
	rm -rf .venv *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis build
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
