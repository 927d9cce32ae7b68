# Does this augmentation help this classifier on this data, by how much, and how sure are we?
#     data -> train baseline and augmented -> evaluate -> report
# Variables, as in `make report DATA=path/to/idx SEEDS=10`:
#= Data
DATA ?= mnist## mnist, digits, fashion_mnist, cifar10, cifar100, or a file or folder
TRANSPOSE ?=## 1 swaps rows and columns of the images
EXTRA ?=## another dataset of the same classes, to evaluate on, too
MNIST_C ?=## folder of the published MNIST-C, to evaluate on, too
FASHION ?= fashion_mnist## what `make reference` takes as Fashion-MNIST
#= Training
SEEDS ?= 5## runs of each model
EPOCHS ?= 15## epochs of a run
POLICY ?= default## policy: names or files, as default+mixup:0.2 or my.yaml
MODEL ?= dense## dense, cnn, a function as path/model.py:build, or a .keras file
DEVICE ?= cpu## gpu trains on one
SCHEDULER ?=## Dask scheduler to train on, as tcp://host:8786
TENSORBOARD ?=## 1 writes logs for TensorBoard into RESULTS/tensorboard
#= Studies and search
POLICIES ?=## policies for `make compare`, as "affine mixup:0.2 my.yaml"
TRIALS ?= 100## trials of `make tune` for each model
SEARCH ?= policy,learning_rate,schedule,width## what it searches
STORAGE ?=## URL of its Optuna storage, in place of RESULTS/tune/journal.log
ROW ?=## rows of `make published`, with commas between them
#= Results and report
RESULTS ?= results## folder of runs and metrics
REPORTS ?= reports## folder of the report
MARGIN ?=## difference in accuracy, in pp, below which two models are equivalent
TTA ?=## views of each image in test-time augmentation, as 8
IMAGE ?=## picture for `make predict`, or a folder of them
PYTHON ?= python3## Python 3.10 to 3.13 that .venv is made with

# Values are taken literally and reach the shell as environment variables, so they may hold anything.
VARIABLES := $(shell sed -n 's/^\([A-Z_]*\) ?=.*/\1/p' Makefile)
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(value $(name))))
export $(VARIABLES)
ifndef MNIST_AUG_SAID # else another make calls this one; the file holds the notes printed so far
export MNIST_AUG_SAID := .make/said.$(shell rm -f .make/said.*; echo $$PPID)
endif
SOURCE = --data="$$DATA" $(if $(TRANSPOSE),--transpose="$$TRANSPOSE")
OPTIONS = $(SOURCE) --seeds="$$SEEDS" --epochs="$$EPOCHS" --policy="$$POLICY" \
          --model="$$MODEL" --results="$$RESULTS" --reports="$$REPORTS" \
          $(if $(MARGIN),--margin="$$MARGIN")
SETS = $(if $(EXTRA),--extra="$$EXTRA") $(if $(MNIST_C),--mnist-c="$$MNIST_C") \
       $(if $(TTA),--tta="$$TTA")
WHERE = $(if $(SCHEDULER),--scheduler="$$SCHEDULER") \
        $(if $(TENSORBOARD),--tensorboard="$$TENSORBOARD")
CONDA := $(filter mnist-aug,$(CONDA_DEFAULT_ENV))
PY := $(if $(CONDA),python,.venv/bin/python)
READY := $(if $(CONDA),,.venv/ready)
STUDIES := ablation strength grid data-efficiency epochs variance compare
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # training uses all cores by itself, and its times are results
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)

.venv/ready: requirements.lock
	@sh tools/setup.sh
	@touch $@

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

#@ Start here
help: ## list the targets and the variables
	@echo 'make TARGET VARIABLE=value ..., as in: make report DATA=path/to/images SEEDS=10'
	@awk -F ':.*## ' '/^#@ / { print "\n" substr($$0, 4) } \
	  /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@awk -F ' [?]= ?|## ' '/^#= / { print "\n" substr($$0, 4) } \
	  /^[A-Z_]+ [?]=/ { printf "  %-12s %s (default: %s)\n", $$1, $$3, $$2 ? $$2 : "none" }' Makefile
report: $(REPORTED) ## train both models, evaluate them, write the report [reports/index.html]
$(REPORTED): $(EVALUATED) scripts/report.py $(call code,results analysis experiments report)
	$(PY) scripts/report.py $(OPTIONS)
	@sh tools/stamp.sh keep reported
data: | $(READY) ## show what is found in DATA; trains nothing [reports/data.png]
	@$(PY) scripts/data.py $(OPTIONS)
preview: | $(READY) ## show what POLICY makes of the images; trains nothing [reports/preview.html]
	@$(PY) scripts/preview.py $(OPTIONS)

#@ Train and evaluate
baseline augmented: | $(READY)
	$(PY) scripts/train.py $@ $(OPTIONS) $(WHERE)
baseline: ## train without augmentation [results/baseline/]
augmented: ## train with the policy [results/augmented/]
evaluate: $(EVALUATED) ## train what is missing of both, evaluate them [results/*/metrics.csv]
$(EVALUATED): scripts/train.py $(call code,results data augment train evaluate analysis experiments) | $(READY)
	@sh tools/stamp.sh begin
	$(PY) scripts/train.py baseline augmented --evaluate $(OPTIONS) $(SETS) $(WHERE)
	@sh tools/stamp.sh keep evaluated
leaderboard: | $(READY) ## print all that was trained, best first [reports/leaderboard.md, .tex]
	@$(PY) scripts/leaderboard.py $(OPTIONS)
check: | $(READY) ## compare your results, or what `make reference` rebuilt, with the reference
	@for one in "$$RESULTS"/*/baseline; do [ ! -d "$$one" ] || exit 0; done; $(MAKE) evaluate
	$(PY) scripts/check.py $(OPTIONS)

#@ Studies: train what is missing, and write the report
# The results of these are not there yet when make looks, so it is called again to see them.
$(STUDIES) study tuned: | $(READY)
	$(PY) scripts/study.py $(patsubst study,$(STUDIES),$@) $(OPTIONS) $(WHERE) \
	  $(if $(POLICIES),--policies="$$POLICIES") $(if $(EXTRA),--extra="$$EXTRA")
	@$(MAKE) --no-print-directory report
ablation: ## each part of the default policy alone, and left out
strength: ## the default policy's magnitudes multiplied by 0 to 2
grid: ## each part of the default policy alone, at 0.5 to 2 times its magnitude
data-efficiency: ## both models on 100 to all training images
epochs: ## both models trained for longer
variance: ## both models, each seed on training images of its own drawing
compare: ## POLICY with POLICIES, or with each published method, on the same seeds
study: ## all of these studies

#@ Tune, and compare with published results
tune: | $(READY) ## search policy and training settings on validation images [results/tune/]
	$(PY) scripts/tune.py $(OPTIONS) --trials="$$TRIALS" --search="$$SEARCH" \
	  $(if $(STORAGE),--storage="$$STORAGE") $(if $(SCHEDULER),--scheduler="$$SCHEDULER")
tuned: ## what `make tune` found, with new seeds, on the test images; the report
published: | $(READY) ## published results of dense networks, the same networks here; the report
	$(PY) scripts/published.py $(SOURCE) --results="$$RESULTS" $(if $(ROW),--row="$$ROW") $(WHERE)
	@$(MAKE) --no-print-directory report
records: published # its name in version 0.1

#@ Rebuild the reference
# mnist is the reference case. The others show that the answer depends on data and model.
REFERENCE := mnist mnist-cnn fashion-mnist fashion-mnist-cnn
reference: $(REFERENCE:%=reference-%) ## all of results/reference anew, in folders of RESULTS: hours
.PHONY: $(REFERENCE:%=reference-%)
into = --results="$$RESULTS/$(@:reference-%=%)" --reports="$$REPORTS/$(@:reference-%=%)"
both = $(PY) scripts/train.py baseline augmented --evaluate --tta=8 --seeds=$1 $(into) $2 $(WHERE)
study = $(PY) scripts/study.py $1 $(into) $2 $(WHERE)
reference-mnist: | $(READY)
	$(call both,30)
	$(call study,$(STUDIES),--seeds=10)
	$(PY) scripts/tune.py $(into) $(if $(SCHEDULER),--scheduler="$$SCHEDULER")
	$(call study,tuned,--seeds=10)
	$(PY) scripts/published.py $(into) $(WHERE)
	$(PY) scripts/bench.py $(into)
	$(PY) scripts/report.py $(into)
reference-mnist-cnn: | $(READY)
	$(call both,10,--model=cnn)
	$(call study,compare,--seeds=5 --model=cnn \
	  --policies="trivialaugment augmix random-erasing label-smoothing")
	$(PY) scripts/report.py $(into) --model=cnn
reference-fashion-mnist: | $(READY)
	$(call both,10,--data="$$FASHION")
	$(call study,compare,--seeds=10 --data="$$FASHION")
	$(PY) scripts/report.py $(into) --data="$$FASHION"
reference-fashion-mnist-cnn: | $(READY)
	$(call both,10,--data="$$FASHION" --model=cnn)
	$(call study,compare,--seeds=5 --data="$$FASHION" --model=cnn \
	  --policies="trivialaugment random-erasing flip flip-crop")
	$(PY) scripts/report.py $(into) --data="$$FASHION" --model=cnn

#@ Use the models
predict: $(EVALUATED) ## classify a picture, or a folder of them: IMAGE=photo.jpg
	@$(PY) scripts/predict.py --results="$$RESULTS" -- "$$IMAGE"
app: $(REPORTED) ## the drawing page alone, for any static host [reports/app.html]
	@[ -e "$$REPORTS/app.html" ] || [ ! -e "$$REPORTS/index.html" ] || { echo "error: there is no drawing page: it takes grey images of 8 to 64 pixels a side, and models that run in a page; the report says which layers don't" >&2; exit 2; }
serve: app ## show the report and the drawing page at http://127.0.0.1:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory="$$REPORTS" 8000
notebook: | $(READY) ## open the guided tour in Jupyter [notebooks/MNIST.ipynb]
	$(PY) -m jupyterlab notebooks/MNIST.ipynb

#@ Maintain
setup: $(READY) ## make .venv from requirements.lock; conda's mnist-aug needs none
bench: | $(READY) ## time training and augmentation against other libraries [results/bench.csv]
	$(PY) scripts/bench.py $(OPTIONS)
test: | $(READY) ## run the tests
	$(PY) -m pytest -n 2 --dist loadfile
torture: | $(READY) ## run the tests that take long, count what they try [docs/reliability.md]
	$(PY) -m pytest -m torture --counts=docs/reliability.md
lint: | $(READY) ## check style, format and types
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy mnist_aug tools
clean: ## remove the report
	rm -rf -- $(addprefix "$${REPORTS:?}"/,$(PAGES) data.png preview.html preview.png leaderboard.md leaderboard.tex .lock) $(REPORTED)
clean-results: ## remove all results: runs, metrics, studies, search and benchmark
	rm -rf -- $(addprefix "$${RESULTS:?}"/,$(BOTH) $(OTHERS) tensorboard .lock) $(EVALUATED)
