# Does this augmentation help this classifier on this data, by how much, and how sure are we?
#     data -> train baseline and augmented -> evaluate -> report
# Variables, as in `make report DATA=path/to/idx SEEDS=10`:
DATA ?= mnist## mnist, digits, a folder of the four IDX files, or an .npz
SEEDS ?= 5## runs of each variant
EPOCHS ?= 15## epochs of a run
POLICY ?= default## policy of the augmented variant: a name, or a file written by albumentations.save
RESULTS ?= results## folder of runs and metrics
REPORTS ?= reports## folder of the report
EXTRA ?=## another dataset of the same classes, as DATA, to evaluate on, too
MNIST_C ?=## folder of the published MNIST-C, to evaluate on, too
IMAGE ?=## picture of a handwritten digit for `make predict`, or a folder of them
TRIALS ?= 100## trials of `make tune` for each variant
SEARCH ?= policy,learning_rate,schedule,width## what it searches
STORAGE ?=## URL of a storage for it, as Optuna takes it, in place of RESULTS/tune/journal.log
ROW ?=## only these rows of `make published`, with commas between them
SCHEDULER ?=## address of a Dask scheduler to train on, as tcp://host:8786
TENSORBOARD ?=## 1 writes logs for TensorBoard into RESULTS/tensorboard
DEVICE ?= cpu## gpu lets TensorFlow use one
PYTHON ?= python3## the Python (3.10 to 3.13) that .venv is made with
# Values are taken literally and handed over as environment variables, so they may hold anything.
VARIABLES := DATA SEEDS EPOCHS POLICY RESULTS REPORTS EXTRA MNIST_C IMAGE TRIALS SEARCH STORAGE ROW \
             SCHEDULER TENSORBOARD DEVICE PYTHON
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(value $(name))))
export $(VARIABLES)
OPTIONS = --data="$$DATA" --seeds="$$SEEDS" --epochs="$$EPOCHS" --policy="$$POLICY" \
          --results="$$RESULTS" --reports="$$REPORTS"
SETS = $(if $(EXTRA),--extra="$$EXTRA") $(if $(MNIST_C),--mnist-c="$$MNIST_C")
WHERE = $(if $(SCHEDULER),--scheduler="$$SCHEDULER") $(if $(filter 1,$(TENSORBOARD)),--tensorboard)
# Make reaches both folders by links whose names it can handle, whatever the folders are called.
link = $(shell p='$(subst ','\'',$($1))'; case $$p in (/*) ;; (*) p=$$PWD/$$p;; esac; mkdir -p .make; \
  l=.make/$$(printf %s "$$p" | cksum | tr ' ' -); [ -L "$$l" ] || ln -s "$$p" "$$l"; echo "$$l")
R := $(call link,RESULTS)
P := $(call link,REPORTS)
CONDA := $(filter mnist-aug,$(CONDA_DEFAULT_ENV))
PY := $(if $(CONDA),python,.venv/bin/python)
READY := $(if $(CONDA),,.venv/ready)
code = $(wildcard mnist_aug/*.py $(foreach folder,$1,mnist_aug/$(folder)/*.* mnist_aug/$(folder)/*/*.*))
STUDIES := ablation strength data-efficiency automatic epochs
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # training uses all cores by itself, and its times are results
.PHONY: help setup baseline augmented evaluate report $(STUDIES) study tune tuned published predict \
        app serve notebook bench check test torture lint clean clean-results FORCE

help: ## list the targets and the variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile; echo
	@awk -F ' [?]= ?|## ' '/^[A-Z_]+ [?]=/ { printf "  %-12s %s (default: %s)\n", $$1, $$3, $$2 ? $$2 : "none" }' Makefile

setup: $(READY) ## make .venv from requirements.lock (or use the conda environment mnist-aug)
.venv/ready: requirements.lock
	@sh tools/setup.sh
	@touch $@

baseline augmented: | $(READY)
	$(PY) scripts/train.py $@ $(OPTIONS) $(WHERE)
baseline: ## train without augmentation [results/baseline/seed-*/]
augmented: ## train with the policy [results/augmented/seed-*/]

# A stamp holds checksums of what it stands for, so that what is removed or changed is made again. It
# is not written where another make has changed the settings meanwhile.
SETTINGS = { printf '%s\n' "$$DATA" "$$SEEDS" "$$EPOCHS" "$$POLICY" "$$EXTRA" "$$MNIST_C"; \
  for p in "$$DATA" "$$POLICY" "$$EXTRA" "$$MNIST_C"; do case $$p in (/*) ;; (?*) p=./$$p;; esac; \
    [ ! -e "$$p" ] || find -L "$$p" -maxdepth 2 -type f '(' -name '*ubyte*' -o -name '*.np[yz]' \
      -o -name '*.y*ml' -o -name '*.json' ')' -exec cksum {} + ; done | LC_ALL=C sort; }
sums = find -L $1 -type f '(' -name '*.json' -o -path '$P/[a-z]*' ')' -exec cksum {} + 2>/dev/null | LC_ALL=C sort
stale = $(shell $(call sums,$2) | cmp -s - $1 || echo FORCE)
stamp = ! $(SETTINGS) | cmp -s - $R/.settings || $(call sums,$1) > $@
$R/.settings: FORCE
	@mkdir -p "$$RESULTS"; $(SETTINGS) | cmp -s - $@ || $(SETTINGS) > $@

BOTH := $R/baseline $R/augmented $R/samples.json
evaluate: $R/.evaluated ## train what is missing of both, and evaluate them [results/*/metrics.csv]
$R/.evaluated: $R/.settings $(call stale,$R/.evaluated,$(BOTH)) scripts/train.py \
               $(call code,results data augment train evaluate analysis experiments) | $(READY)
	$(PY) scripts/train.py baseline augmented --evaluate $(OPTIONS) $(SETS) $(WHERE)
	@$(call stamp,$(BOTH))

report: $P/.reported ## do all of it, and write the report [reports/index.html]
$P/.reported: $R/.evaluated $(call stale,$P/.reported,$R $P) scripts/report.py \
              $(call code,results analysis experiments report)
	$(PY) scripts/report.py $(OPTIONS)
	@$(call stamp,$R $P)

# The results of these are not there yet when make looks, so it is called again to see them.
$(STUDIES) tuned: | $(READY)
	$(PY) scripts/study.py $@ $(OPTIONS) $(WHERE)
	@$(MAKE) --no-print-directory report
ablation: ## each part of the default policy alone and left out, and the report
strength: ## the default policy's magnitudes from 0 to 2 times, and the report
data-efficiency: ## both variants on 100 to all training images, and the report
automatic: ## TrivialAugment and RandAugment instead of the policy, and the report
epochs: ## both variants trained for longer, and the report
tuned: ## what `make tune` found, trained with new seeds and evaluated, and the report
study: | $(READY) ## all of these studies but `tuned`, and the report
	$(PY) scripts/study.py $(STUDIES) $(OPTIONS) $(WHERE)
	@$(MAKE) --no-print-directory report
published: | $(READY) ## published results of dense networks, and what the same networks reach here
	$(PY) scripts/published.py --data="$$DATA" --results="$$RESULTS" $(if $(ROW),--row="$$ROW") $(WHERE)
	@$(MAKE) --no-print-directory report
tune: | $(READY) ## search policy and training settings on validation [results/tune/tuned.yaml]
	$(PY) scripts/tune.py $(OPTIONS) --trials="$$TRIALS" --search="$$SEARCH" \
	  $(if $(STORAGE),--storage="$$STORAGE") $(if $(SCHEDULER),--scheduler="$$SCHEDULER")

predict: $R/.evaluated ## read a picture of a digit: IMAGE=photo.jpg
	@$(PY) scripts/predict.py --results="$$RESULTS" -- "$$IMAGE"
app: $P/.reported ## the report's drawing page alone, for any static host [reports/app.html]
serve: app ## show the report and the drawing page at http://127.0.0.1:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory "$$REPORTS" 8000
notebook: | $(READY) ## open the guided tour in Jupyter [notebooks/MNIST.ipynb]
	$(PY) -m jupyterlab notebooks/MNIST.ipynb
bench: | $(READY) ## measure epochs and engine, side by side with what else there is [results/bench.csv]
	$(PY) scripts/bench.py $(OPTIONS)
check: $R/.evaluated ## compare your results with the committed reference
	$(PY) scripts/check.py $(OPTIONS)
test: | $(READY) ## run the tests
	$(PY) -m pytest -n 2 --dist loadfile
torture: | $(READY) ## run the tests that take long, and count what they tried [docs/reliability.md]
	$(PY) -m pytest -m torture --counts=docs/reliability.md
lint: | $(READY) ## check style, format and types
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy mnist_aug tools
clean: ## remove the report
	rm -rf $(addprefix $P/,index.html app.html report.md tables figures .reported .lock) .make
clean-results: ## remove all results: runs, metrics, studies, the search and the benchmark
	rm -rf $(addprefix $R/,baseline augmented $(STUDIES) tune tuned recipes published tensorboard \
	  samples.npz weights.npz samples.json bench.csv bench.json .settings .evaluated .lock)
