# Make .venv from requirements.lock, with uv where it is there; called by `make setup`.
set -e
PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null || {
  echo "error: $PYTHON is not Python 3.10 to 3.13: give PYTHON=..." >&2
  exit 2
}
[ ! -L .venv ] || { # what it leads to would be emptied
  echo "error: .venv is a link: remove it, or set up what it leads to there" >&2
  exit 2
}
echo "setting up .venv from requirements.lock, once: about 200 packages, 3 GB, 1 to 3 minutes"
if command -v uv > /dev/null; then
  uv venv --quiet --clear --python "$PYTHON" .venv
  export VIRTUAL_ENV=.venv
  uv pip install --compile-bytecode --require-hashes --no-deps -r requirements.lock # as pip does
  uv pip install --quiet --no-deps --no-build-isolation -e .
else
  "$PYTHON" -m venv --clear .venv
  echo "  .venv is made; pip downloads and installs the packages, which takes most of the time"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
    -r requirements.lock
  echo "  the packages are installed; mnist-aug itself follows"
  PYTHONWARNINGS=ignore .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation -e .
fi
echo "  .venv is ready"
