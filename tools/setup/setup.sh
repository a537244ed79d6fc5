#!/usr/bin/env bash
# Brings a Debian 12 machine to the point where Smelt builds and its tests run: system packages, then .venv.
# Runs in the repository's root; quick when there is nothing to do. Exit code 5: the machine lacks something that this script may not install.
set -euo pipefail

fail() { echo "smelt: error: $1" >&2; exit 5; }

lists=tools/setup
mapfile -t packages < <(grep -v '^#' "$lists/apt-packages.txt")

if ! command -v dpkg-query >/dev/null; then
  [ -n "${SMELT_SKIP_PACKAGES:-}" ] || fail "this is no Debian system; install what $lists/apt-packages.txt names and set SMELT_SKIP_PACKAGES=1"
else
  installed=$(dpkg-query -W -f='${binary:Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | sed -n 's/:[a-z0-9]* / /; s/ installed$//p' || true)
  missing=()
  for package in "${packages[@]}"; do grep -qxF -- "$package" <<<"$installed" || missing+=("$package"); done
  if [ ${#missing[@]} -gt 0 ]; then
    root=()
    if [ "$(id -u)" != 0 ]; then
      sudo -n true 2>/dev/null || [ -t 0 ] && command -v sudo >/dev/null ||
        fail "missing packages and no right to install them; as root: apt-get install --no-install-recommends ${missing[*]}"
      root=(sudo)
    fi
    echo "installing ${#missing[@]} packages: ${missing[*]}"
    "${root[@]}" apt-get update -q >/dev/null || fail "apt-get update failed"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
      fail "apt-get could not install: ${missing[*]}"
  fi
fi

lock=$(sha256sum <"$lists/requirements.lock")
if [ "$(cat .venv/lock.sha256 2>/dev/null)" != "$lock" ]; then
  # The system's own Python: python3-venv above belongs to it.
  python=/usr/bin/python3
  [ -x "$python" ] || python=python3
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed; $python is older"
  echo "creating .venv"
  rm -rf .venv
  "$python" -m venv .venv || fail "$python cannot create a virtual environment"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$lists/requirements.lock" ||
    fail "pip could not install what $lists/requirements.lock pins"
  echo "$lock" >.venv/lock.sha256
fi
