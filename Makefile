# Does this augmentation help this classifier on this data, by how much, and how sure are we?
# GNU make 3.81 or later. A file in brackets: what a target makes.

# Variables, as in `make report DATA=path/to/idx SEEDS=10`:
DATA ?= mnist
#: mnist, digits, a folder of the four IDX files, or an .npz
SEEDS ?= 5
#: runs of each variant
EPOCHS ?= 15
#: epochs of a run
POLICY ?= default
#: policy of the augmented variant: a name, or a file written by albumentations.save
RESULTS ?= results
#: folder of runs and scores
REPORTS ?= reports
#: folder of the report
EXTRA ?=
#: another dataset of the same classes, as DATA, whose test images are read too
MNIST_C ?=
#: folder of the published MNIST-C
IMAGE ?=
#: picture of a handwritten digit for `make predict`, or a folder of them
TRIALS ?= 100
#: trials of `make tune` for each arm
SEARCH ?= policy,learning_rate,schedule,width
#: what it searches
STORAGE ?=
#: URL of a storage for it, as Optuna takes it, in place of RESULTS/tune/journal.log
ROW ?=
#: only these rows of `make records`, with commas between them
SCHEDULER ?=
#: address of a Dask scheduler to train on in place of this machine, as tcp://host:8786
TENSORBOARD ?=
#: 1 writes logs for TensorBoard into tensorboard beside the runs, in RESULTS or RESULTS/<study>
PYTHON ?= python3
#: the Python (3.10 to 3.13) that makes .venv; not used in the conda environment mnist-aug

# The shell reads these values, so they hold no character that means something to it or to make.
# They are looked at unexpanded first: what they hold would be run by being expanded.
VARIABLES := DATA SEEDS EPOCHS POLICY RESULTS REPORTS EXTRA MNIST_C IMAGE TRIALS SEARCH STORAGE ROW \
             SCHEDULER TENSORBOARD PYTHON
$(foreach name,$(VARIABLES),$(if $(findstring $$,$(value $(name))),\
  $(error $(name) holds a dollar sign: leave it out)))
hash := \#
open := (
close := )
UNFIT := ' " ` \ ; | & < > * ? ! { } $(hash) $(open) $(close)
holds = $(strip $(foreach character,$2,$(findstring $(character),$1)))
$(foreach name,$(filter-out STORAGE,$(VARIABLES)),$(if $(call holds,$($(name)),$(UNFIT)),\
  $(error $(name) holds one of $(UNFIT): leave it out)))
$(if $(call holds,$(STORAGE),'),$(error STORAGE holds ': leave it out))
PLACES := DATA POLICY RESULTS REPORTS
$(foreach name,$(PLACES),$(if $(filter-out 1,$(words $($(name)))),\
  $(error DATA, POLICY, RESULTS and REPORTS must each be one path without spaces)))
$(foreach name,EXTRA MNIST_C,$(if $(filter-out 0 1,$(words $($(name)))),\
  $(error EXTRA and MNIST_C must each be one path without spaces)))
$(foreach name,SEARCH ROW STORAGE SCHEDULER SEEDS EPOCHS TRIALS PYTHON,$(if $(filter-out 0 1,$(words $($(name)))),\
  $(error $(name) must be without spaces)))
$(foreach name,$(PLACES) EXTRA MNIST_C SEARCH ROW STORAGE SCHEDULER TRIALS,\
  $(if $(filter -%,$($(name))),$(error $(name) must not begin with -)))
$(foreach name,RESULTS REPORTS,$(if $(filter / . .. ./ ../,$($(name)))$(call holds,$($(name)),: % = ~ [ ]),\
  $(error $(name)=$($(name)) can't be: give a folder of its own, without : % = ~ [ ] in its name)))
ifeq ($(abspath $(RESULTS)),$(abspath $(REPORTS)))
$(error RESULTS and REPORTS are one folder: give each its own)
endif
ifeq ($(SEARCH),)
$(error SEARCH must be a list with commas and without spaces)
endif
# Up to four digits, not all of them 0.
zeros = $(subst 1,0,$(subst 2,0,$(subst 3,0,$(subst 4,0,$(subst 5,0,$(subst 6,0,$(subst 7,0,$(subst \
        8,0,$(subst 9,0,$1)))))))))
$(foreach name,SEEDS EPOCHS TRIALS,$(if $(and $(filter 0 00 000 0000,$(call zeros,$($(name)))),\
  $(filter-out 0 00 000 0000,$($(name)))),,\
  $(error $(name)=$($(name)) is no whole number from 1 to 9999)))

ifeq ($(CONDA_DEFAULT_ENV),mnist-aug)
PY := python
READY :=
else
PY := .venv/bin/python
READY := .venv/ready
endif

OPTIONS = --data $(DATA) --seeds $(SEEDS) --epochs $(EPOCHS) --policy $(POLICY) \
          --results $(RESULTS) --reports $(REPORTS)
BESIDE = $(EXTRA:%=--extra %) $(MNIST_C:%=--mnist-c %)
RUNNING = $(SCHEDULER:%=--scheduler %) $(if $(filter 1,$(TENSORBOARD)),--tensorboard)
STUDIES := ablation strength data-efficiency automatic epochs

module = $(1:%=mnist_aug/%.py)
TRAINING := $(call module,arguments cluster corruptions dataset environment errors lock manifest \
              metrics model pipeline readers result_files run state_file test_sets trainer \
              training variant workers) scripts/train.py
ENGINE := $(call module,policy vectorize) \
          $(call module,$(addprefix engine/,canvas draws faults geometry pixels structure warp))
EVALUATION := $(call module,corruptions evaluation examples manifest metrics result_files \
                stored_model study test_sets) scripts/evaluate.py
REPORTING := $(call module,metrics preparation records significance statistics test_sets) \
             $(wildcard mnist_aug/report/*.py mnist_aug/report/templates/*) scripts/report.py

seeds := $(shell i=0; while [ $$i -lt $(SEEDS) ]; do printf '%02d ' $$i; i=$$((i+1)); done 2>/dev/null)
absent = $(filter-out $(wildcard $1),$1)
runs = $(foreach seed,$(seeds),$(RESULTS)/$1/seed-$(seed)/$2)
SCORES := $(foreach arm,baseline augmented,$(RESULTS)/$(arm)/metrics.csv \
                                            $(call runs,$(arm),predictions.npz)) \
          $(RESULTS)/samples.npz $(RESULTS)/weights.npz
# app.html is there for images of 28 by 28 alone.
PAGES := $(addprefix $(REPORTS)/,index.html report.md tables figures \
                                 $(if $(filter app serve,$(MAKECMDGOALS)),app.html))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Training uses all cores by itself, and its times are results.
.NOTPARALLEL:
.PHONY: help setup baseline augmented evaluate report $(STUDIES) study tune tuned records predict \
        app serve notebook bench test torture lint check clean clean-results FORCE

help: ## list the targets and the variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@awk '/^[A-Z_]+ \?=/ { name = $$1; value = $$3 } \
	      /^#: / { printf "  %-12s %s (default: %s)\n", name, substr($$0, 4), value ? value : "none" }' \
	  Makefile

setup: $(READY) ## make .venv from requirements.lock (or use the conda environment mnist-aug)
baseline: $(RESULTS)/baseline/.trained ## train the plain variant [results/baseline/seed-*/]
augmented: $(RESULTS)/augmented/.trained ## train the augmented variant [results/augmented/seed-*/]
evaluate: $(RESULTS)/.scored ## score both on the test set [results/*/metrics.csv]
report: $(REPORTS)/.reported ## do all of it and write the report [reports/index.html]
ablation: ## each part of the default policy alone and left out, and the report
strength: ## the default policy's magnitudes from 0 to 2 times, and the report
data-efficiency: ## both variants on 100 to all training images, and the report
automatic: ## TrivialAugment and RandAugment instead of the policy, and the report
epochs: ## both variants trained for longer, and the report
tuned: ## what `make tune` found, trained with new seeds and tested, and the report

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $(PYTHON) is not Python 3.10 to 3.13: give PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  -r requirements.lock
	PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation -e .
	@touch $@

# What was asked for is kept in a file, so that a changed variable makes targets out of date.
# The scripts then decide by each run's manifest what has to be trained.
# Files' times are no guide when a copy keeps them, so files are known by their sums. Only the shell
# handles the names of files that are found, since they may hold anything. Each is summed once a call.
sums = $(shell find -L $1 -type f $2 -exec cksum {} + 2>/dev/null | LC_ALL=C sort | cksum)
GIVEN = $(eval GIVEN := $(call sums,$(DATA:%='%') $(EXTRA:%='%') $(MNIST_C:%='%') -maxdepth 2,\
  '(' -name '*ubyte*' -o -name '*.np[yz]' ')') $(call sums,$(POLICY:%='%') -maxdepth 0))$(GIVEN)
STUDIED = $(eval STUDIED := $(call sums,$(patsubst %,'$(RESULTS)/%',bench.csv tune $(STUDIES) tuned \
  recipes records) -maxdepth 3,'(' -name '*.csv' -o -name '*.json' -o -name '*.yaml' ')'))$(STUDIED)
RESULTS_ASKED = $(DATA) $(SEEDS) $(EPOCHS) $(POLICY) $(BESIDE) $(GIVEN)
REPORTS_ASKED = $(RESULTS_ASKED) $(RESULTS) $(STUDIED)
$(RESULTS)/.asked: asked = $(RESULTS_ASKED)
$(REPORTS)/.asked: asked = $(REPORTS_ASKED)
$(RESULTS)/.asked $(REPORTS)/.asked: FORCE
	@mkdir -p $(@D)
	@echo '$(asked)' | cmp -s - $@ || echo '$(asked)' > $@
# Another make may have asked for something else meanwhile: then what this one makes is not new.
same = echo '$($1_ASKED)' | cmp -s - $($1)/.asked

# What is trained or scored by hand, removed, or out of date since its run was trained again, is made
# again: these come with the targets below, and where one is missing its target is not up to date.
$(call runs,baseline,manifest.json) $(call runs,augmented,manifest.json) $(SCORES): ;

$(RESULTS)/baseline/.trained: $(RESULTS)/.asked $(TRAINING) \
                              $(call runs,baseline,manifest.json) | $(READY)
	$(PY) scripts/train.py baseline $(OPTIONS) $(RUNNING)
	@! $(call same,RESULTS) || touch $@

$(RESULTS)/augmented/.trained: $(RESULTS)/.asked $(TRAINING) $(ENGINE) \
                               $(call runs,augmented,manifest.json) | $(READY)
	$(PY) scripts/train.py augmented $(OPTIONS) $(RUNNING)
	@! $(call same,RESULTS) || touch $@

$(RESULTS)/.scored: $(RESULTS)/baseline/.trained $(RESULTS)/augmented/.trained $(EVALUATION) \
                    $(SCORES)
	$(PY) scripts/evaluate.py baseline augmented $(OPTIONS) $(BESIDE)
	@! $(call same,RESULTS) || touch $@

# A page written by hand is made again, too.
$(REPORTS)/.reported: $(REPORTS)/.asked $(RESULTS)/.scored $(REPORTING) \
                      $(wildcard $(REPORTS)/index.html) $(if $(call absent,$(PAGES)),FORCE)
	$(PY) scripts/report.py $(OPTIONS)
	@! $(call same,REPORTS) || touch $@

# A study's scores are not there when make reads this file, so make is called again to see them.
$(STUDIES) tuned: | $(READY)
	$(PY) scripts/study.py $@ $(OPTIONS) $(RUNNING)
	@$(MAKE) --no-print-directory report

study: | $(READY) ## all of these studies but `tuned`, and the report
	$(foreach study,$(STUDIES),$(PY) scripts/study.py $(study) $(OPTIONS) $(RUNNING) &&) true
	@$(MAKE) --no-print-directory report

tune: | $(READY) ## search policy and training settings on validation [results/tune/tuned.yaml]
	$(PY) scripts/tune.py $(OPTIONS) --trials $(TRIALS) --search $(SEARCH) \
	  $(STORAGE:%=--storage '%') $(SCHEDULER:%=--scheduler %)

# Each row has seeds, epochs and a policy of its own; SEEDS, EPOCHS and POLICY are the arms'.
records: | $(READY) ## published marks of dense networks, and what the same networks reach here
	$(PY) scripts/records.py --data $(DATA) --results $(RESULTS) $(ROW:%=--row %) $(RUNNING)
	@$(MAKE) --no-print-directory report

predict: $(RESULTS)/.scored ## read a picture of a digit: IMAGE=photo.jpg
	@$(PY) scripts/predict.py $(IMAGE) --results $(RESULTS)

app: $(REPORTS)/.reported ## the report's drawing page alone, for any static host [reports/app.html]

serve: app ## show the report and the drawing page at http://127.0.0.1:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory $(REPORTS) 8000

notebook: | $(READY) ## open the guided tour in Jupyter [notebooks/MNIST.ipynb]
	$(PY) -m jupyterlab notebooks/MNIST.ipynb

bench: | $(READY) ## measure epochs and engine against what else there is [results/bench.csv]
	$(PY) scripts/bench.py $(OPTIONS)

check: $(RESULTS)/.scored ## compare your results with the committed reference
	$(PY) scripts/check.py $(OPTIONS)

test: | $(READY) ## run the tests
	$(PY) -m pytest -n 2 --dist loadfile

torture: | $(READY) ## run the tests that take long, and count what they tried [docs/reliability.md]
	$(PY) -m pytest -m torture --counts=docs/reliability.md

lint: | $(READY) ## check the code's style
	$(PY) -m ruff check .

clean: ## remove the report
	rm -rf $(REPORTS)/index.html $(REPORTS)/app.html $(REPORTS)/report.md $(REPORTS)/tables \
	  $(REPORTS)/figures $(REPORTS)/.asked $(REPORTS)/.reported

clean-results: ## remove all results: runs, scores, studies, the search and the bench
	rm -rf $(RESULTS)/baseline $(RESULTS)/augmented $(STUDIES:%=$(RESULTS)/%) $(RESULTS)/tune \
	  $(RESULTS)/tuned $(RESULTS)/recipes $(RESULTS)/records $(RESULTS)/tensorboard \
	  $(RESULTS)/samples.npz $(RESULTS)/weights.npz $(RESULTS)/bench.csv $(RESULTS)/bench.json \
	  $(RESULTS)/.asked $(RESULTS)/.scored
