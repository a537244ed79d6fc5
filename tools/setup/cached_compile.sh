#!/usr/bin/env bash
# cached_compile.sh COMPILER ARGUMENT…: compiles by way of ccache, so that checkouts of the project share what they compiled, wherever they lie.
#
# ccache makes paths below its base_dir relative, but not those behind -Xclang, which is how CMake hands over precompiled headers; and such a header holds
# the paths of its sources, so that no two checkouts have the same one. Here it counts by what it was made from (pch_external_checksum of ccache's manual).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1

if [[ " $* " != *" -emit-pch "* ]]; then
  relative=() previous=
  for argument in "$@"; do
    if [ "$previous" = -Xclang ]; then
      argument=${argument//"$PWD"/.}
      argument=${argument//"$root"/..}
    fi
    relative+=("$argument")
    previous=$argument
  done
  exec ccache "${relative[@]}"
fi

# Clang compares the sizes of a header's sources, comments included, which the preprocessor would drop before ccache looks: depend mode takes them as they are.
CCACHE_DEPEND=1 ccache "$@"
header= dependencies= previous=
for argument in "$@"; do
  case $previous in
    -o) header=$argument ;;
    -MF) dependencies=$argument ;;
  esac
  previous=$argument
done
sed -e '1s/^[^:]*://' -e 's/\\$//' "$dependencies" | tr -s ' ' '\n' | grep -v '^$' | xargs cat | sed "s#$root##g" | sha256sum >"$header.sum"
