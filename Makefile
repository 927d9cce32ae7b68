# Does this augmentation help this classifier on this data, by how much, and how sure are we?
#     data -> train baseline and augmented -> evaluate -> report
# Variables, as in `make report DATA=path/to/idx SEEDS=10`:
DATA ?= mnist## mnist, digits, fashion_mnist, cifar10, cifar100, or a file or folder (docs/data.md)
TRANSPOSE ?=## 1 swaps rows and columns of the images of DATA
SEEDS ?= 5## runs of each variant
EPOCHS ?= 15## epochs of a run
POLICY ?= default## policy of the augmented variant: names or policy files, as default+mixup:0.2 or my.yaml (docs/methods.md)
POLICIES ?=## policies that `make compare` compares, as "affine mixup:0.2 my.yaml"
MODEL ?= dense## model of both: dense, cnn, a function as path/model.py:build, or a .keras file (docs/models.md)
RESULTS ?= results## folder of runs and metrics
REPORTS ?= reports## folder of the report
EXTRA ?=## another dataset of the same classes, as DATA, to evaluate on, too
MNIST_C ?=## folder of the published MNIST-C, to evaluate on, too
TTA ?=## views of each image in test-time augmentation, as 8, to evaluate with, too
MARGIN ?=## a difference in accuracy, in pp, below which two models count as equivalent
IMAGE ?=## picture for `make predict`, or a folder of them
TRIALS ?= 100## trials of `make tune` for each variant
SEARCH ?= policy,learning_rate,schedule,width## what it searches
STORAGE ?=## URL of a storage for it, as Optuna takes it, in place of RESULTS/tune/journal.log
ROW ?=## only these rows of `make published`, with commas between them
SCHEDULER ?=## address of a Dask scheduler to train on, as tcp://host:8786
TENSORBOARD ?=## 1 writes logs for TensorBoard into RESULTS/tensorboard
DEVICE ?= cpu## gpu lets TensorFlow use one
PYTHON ?= python3## the Python (3.10 to 3.13) that .venv is made with
# Values are taken literally and reach the shell as environment variables, so they may hold anything.
VARIABLES := $(shell sed -n 's/^\([A-Z_]*\) ?=.*/\1/p' Makefile)
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(value $(name))))
export $(VARIABLES)
SOURCE = --data="$$DATA" $(if $(TRANSPOSE),--transpose="$$TRANSPOSE")
OPTIONS = $(SOURCE) --seeds="$$SEEDS" --epochs="$$EPOCHS" --policy="$$POLICY" \
          --model="$$MODEL" --results="$$RESULTS" --reports="$$REPORTS" \
          $(if $(MARGIN),--margin="$$MARGIN")
SETS = $(if $(EXTRA),--extra="$$EXTRA") $(if $(MNIST_C),--mnist-c="$$MNIST_C") \
       $(if $(TTA),--tta="$$TTA")
WHERE = $(if $(SCHEDULER),--scheduler="$$SCHEDULER") $(if $(filter 1,$(TENSORBOARD)),--tensorboard)
CONDA := $(filter mnist-aug,$(CONDA_DEFAULT_ENV))
PY := $(if $(CONDA),python,.venv/bin/python)
READY := $(if $(CONDA),,.venv/ready)
STUDIES := ablation strength data-efficiency epochs variance compare
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # training uses all cores by itself, and its times are results
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)

help: ## list the targets and the variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile; echo
	@awk -F ' [?]= ?|## ' '/^[A-Z_]+ [?]=/ { printf "  %-12s %s (default: %s)\n", $$1, $$3, $$2 ? $$2 : "none" }' Makefile

setup: $(READY) ## make .venv from requirements.lock (or use the conda environment mnist-aug)
.venv/ready: requirements.lock
	@sh tools/setup.sh
	@touch $@

data: | $(READY) ## show what the package sees in DATA, and train nothing [reports/data.png]
	@$(PY) scripts/data.py $(OPTIONS)
preview: | $(READY) ## show what POLICY makes of the images of DATA, and train nothing [reports/preview.html]
	@$(PY) scripts/preview.py $(OPTIONS)
baseline augmented: | $(READY)
	$(PY) scripts/train.py $@ $(OPTIONS) $(WHERE)
baseline: ## train without augmentation [results/baseline/seed-*/]
augmented: ## train with the policy [results/augmented/seed-*/]

# Stamps in .make/ hold checksums of results and pages: what is removed or changed is made again (tools/stamp.sh).
BOTH := baseline augmented samples.json samples.npz weights.npz doubts.npz
OTHERS := $(STUDIES) tune tuned recipes published bench.csv bench.json
PAGES := index.html app.html report.md tables figures
export BOTH OTHERS PAGES
STAMP = $(foreach name,$(VARIABLES) BOTH OTHERS PAGES,$(name)='$(subst ','\'',$($(name)))') sh tools/stamp.sh
EVALUATED := $(shell $(STAMP) name evaluated)
REPORTED := $(shell $(STAMP) name reported)
code = $(filter-out %.pyc,$(wildcard mnist_aug/*.py \
  $(foreach folder,$1,mnist_aug/$(folder)/*.* mnist_aug/$(folder)/*/*.*)))

evaluate: $(EVALUATED) ## train what is missing of both, and evaluate them [results/*/metrics.csv]
$(EVALUATED): scripts/train.py $(call code,results data augment train evaluate analysis experiments) | $(READY)
	@sh tools/stamp.sh begin
	$(PY) scripts/train.py baseline augmented --evaluate $(OPTIONS) $(SETS) $(WHERE)
	@sh tools/stamp.sh keep evaluated
report: $(REPORTED) ## do all of it, and write the report [reports/index.html]
$(REPORTED): $(EVALUATED) scripts/report.py $(call code,results analysis experiments report)
	$(PY) scripts/report.py $(OPTIONS)
	@sh tools/stamp.sh keep reported

# The results of these are not there yet when make looks, so it is called again to see them.
$(STUDIES) study tuned: | $(READY)
	$(PY) scripts/study.py $(patsubst study,$(STUDIES),$@) $(OPTIONS) $(WHERE) \
	  $(if $(POLICIES),--policies="$$POLICIES") $(if $(EXTRA),--extra="$$EXTRA")
	@$(MAKE) --no-print-directory report
ablation: ## each part of the default policy alone and left out, and the report
strength: ## the default policy's magnitudes from 0 to 2 times, and the report
data-efficiency: ## both variants on 100 to all training images, and the report
epochs: ## both variants trained for longer, and the report
variance: ## both variants, each seed with training images of its own drawing, and the report
compare: ## POLICY with POLICIES, or with all named methods, on the same seeds, and the report
study: ## all of these studies, and the report
tuned: ## what `make tune` found, trained with new seeds and evaluated, and the report
published: | $(READY) ## published results of dense networks, and what the same networks reach here
	$(PY) scripts/published.py $(SOURCE) --results="$$RESULTS" $(if $(ROW),--row="$$ROW") $(WHERE)
	@$(MAKE) --no-print-directory report
records: published # its name in version 0.1
tune: | $(READY) ## search policy and training settings on validation [results/tune/tuned.yaml]
	$(PY) scripts/tune.py $(OPTIONS) --trials="$$TRIALS" --search="$$SEARCH" \
	  $(if $(STORAGE),--storage="$$STORAGE") $(if $(SCHEDULER),--scheduler="$$SCHEDULER")

predict: $(EVALUATED) ## classify a picture, or a folder of them: IMAGE=photo.jpg
	@$(PY) scripts/predict.py --results="$$RESULTS" -- "$$IMAGE"
app: $(REPORTED) ## the report's drawing page alone, for any static host [reports/app.html]
	@[ -e "$$REPORTS/app.html" ] || [ ! -e "$$REPORTS/index.html" ] || { echo "error: there is no drawing page: it takes grey images of 8 to 64 pixels a side, and models that run in a page; the report says which layers don't" >&2; exit 2; }
serve: app ## show the report and the drawing page at http://127.0.0.1:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory="$$REPORTS" 8000
notebook: | $(READY) ## open the guided tour in Jupyter [notebooks/MNIST.ipynb]
	$(PY) -m jupyterlab notebooks/MNIST.ipynb
bench: | $(READY) ## measure epochs and engine, side by side with what else there is [results/bench.csv]
	$(PY) scripts/bench.py $(OPTIONS)
check: $(EVALUATED) ## compare your results with the committed reference
	$(PY) scripts/check.py $(OPTIONS)
test: | $(READY) ## run the tests
	$(PY) -m pytest -n 2 --dist loadfile
torture: | $(READY) ## run the tests that take long, and count what they tried [docs/reliability.md]
	$(PY) -m pytest -m torture --counts=docs/reliability.md
lint: | $(READY) ## check style, format and types
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy mnist_aug tools
clean: ## remove the report
	rm -rf -- $(addprefix "$${REPORTS:?}"/,$(PAGES) data.png preview.html preview.png .lock) $(REPORTED)
clean-results: ## remove all results: runs, metrics, studies, the search and the benchmark
	rm -rf -- $(addprefix "$${RESULTS:?}"/,$(BOTH) $(OTHERS) tensorboard .lock) $(EVALUATED)
