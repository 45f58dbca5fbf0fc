#!/bin/sh
# Makes the two Python environments of the compatibility suites: the Azure CLI, and the official Python packages.
# They are apart because the CLI pins older versions of the same packages. Done already: nothing happens.
#
# STRONGROOM_CACHE  where they go, under compat-venv/ (default: .cache in the project root)
# PYTHON            the interpreter, 3.10 or later (default: python3)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
environments="${STRONGROOM_CACHE:-$root/.cache}/compat-venv"
python="${PYTHON:-python3}"

if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  echo "The compatibility suites need Python 3.10 or later with its venv module: apt-get install python3 python3-venv" >&2
  exit 1
fi

install_environment() {
  directory="$environments/$1"
  requirements="$2"
  wanted="$("$python" -c 'import sys; print(sys.executable, sys.version)' | cksum) $(cksum <"$requirements")"
  if [ -f "$directory/installed" ] && [ "$(cat "$directory/installed")" = "$wanted" ]; then
    return
  fi
  rm -rf "$directory"
  "$python" -m venv "$directory"
  # The files list every package, so resolving is left out: it saves most of the time and takes nothing unlisted.
  "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$requirements"
  "$directory/bin/python" -m pip check --disable-pip-version-check
  printf '%s' "$wanted" >"$directory/installed"
}

install_environment az "$root/tests/compat/az/requirements.txt"
install_environment python "$root/tests/compat/python/requirements.txt"
