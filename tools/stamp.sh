# Whether what make made is still there as it was; called by the Makefile, with its variables in the
# environment. A stamp holds checksums of results or pages, as times are no guide where files are
# copied. Its name is a checksum, too, of settings and datasets, so that make can handle it whatever
# they hold.
#
#     stamp.sh name evaluated|reported    the stamp's name; it is gone if what it stands for differs
#     stamp.sh begin                      results with these settings are being made
#     stamp.sh keep evaluated|reported    they are made: write the stamp, unless another make has
#                                         begun with other settings meanwhile

path() { case $1 in /*) printf %s "$1" ;; *) printf %s "./$1" ;; esac; } # so that it is no option

key() { cksum | tr ' ' -; }

sums() { # of the files in $2, given from folder $1; further arguments are conditions for find
  folder=$(path "$1") names=$2 && shift 2
  (cd "$folder" && find -L $names -type f ! -path '*/.*' "$@" -exec cksum {} + | LC_ALL=C sort) || :
}

named() { basename -- "$1" | sed 's/[][*?\\]/\\&/g'; } # as a pattern for find

files() { # of data at $1: all in a folder; a file, or what begins so, and what may belong to it
  case $1 in '' | "$RESULTS" | "$REPORTS") return 0 ;; esac # these change as they are made
  at=$(path "$1")
  if [ -d "$at" ]; then # results may lie in it, and it may itself be hidden
    set --
    for output in "$RESULTS" "$REPORTS"; do
      [ ! -d "$output" ] || set -- "$@" -samefile "$(path "$output")" -o
    done
    find -L "$at" -mindepth 1 -maxdepth 33 -type d '(' "$@" -name '.[!.]*' ')' -prune \
      -o -type f -exec cksum {} +
  elif [ -f "$at" ] || [ "$1" != "${1#*/}" ]; then
    find -L "$(dirname -- "$at")" -maxdepth 1 -type f '(' -name "$(named "$at")*" \
      -o -name '*tr*' -o -name '*te*' -o -name '*t10k*' -o -name '*val*' -o -name '*label*' ')' \
      -exec cksum {} +
  fi | LC_ALL=C sort
}

policies() ( # files of POLICY: it is one, or some of what plus signs join
  IFS=+ && set -f
  for one in "$POLICY" $POLICY; do
    [ ! -f "$one" ] || cksum < "$one"
  done
)

settings() {
  printf '%s\n' "$DATA" "$TRANSPOSE" "$SEEDS" "$EPOCHS" "$POLICY" "$MODEL" "$EXTRA" "$MNIST_C" \
    "$RESULTS"
  [ -z "$TTA" ] || printf 'TTA %s\n' "$TTA"
  for given in "$DATA" "$EXTRA" "$MNIST_C"; do files "$given"; done
  policies
  case $MODEL in # what a file may import lies next to it or below, its settings next to it
    *.py:*)
      at=$(dirname -- "$(path "${MODEL%:*}")")
      find -L "$at" -mindepth 1 -maxdepth 5 -type d -name '.[!.]*' -prune \
        -o -name '*.py' -type f -exec cksum {} +
      find -L "$at" -mindepth 1 -maxdepth 1 -type f '(' -name '*.json' -o -name '*.yaml' \
        -o -name '*.yml' -o -name '*.toml' -o -name '*.ini' -o -name '*.cfg' -o -name '*.keras' \
        ')' -exec cksum {} + ;;
    *.keras) cksum "$(path "$MODEL")" ;;
  esac | LC_ALL=C sort
}

made() {
  if [ "$1" = evaluated ]; then
    sums "$RESULTS" "$BOTH"
  else # what is evaluated has a stamp of its own
    sums "$RESULTS" "$OTHERS" ! -name '*.keras' ! -name 'journal*'
    sums "$REPORTS" "$PAGES"
  fi
}

settings=$(settings 2> /dev/null | key)
begun=.make/$(printf %s "$RESULTS" | key).begun
stamp=.make/$settings.$2
[ "$2" = evaluated ] || stamp=.make/$settings-$(printf %s "$REPORTS$MARGIN" | key).$2
case $1 in
  name)
    made "$2" 2> /dev/null | cmp -s - "$stamp" || rm -f "$stamp"
    echo "$stamp"
    ;;
  begin) mkdir -p .make && echo "$settings" > "$begun" ;;
  keep) [ "$(cat "$begun")" != "$settings" ] || made "$2" > "$stamp" 2> /dev/null ;;
esac
