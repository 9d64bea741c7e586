#!/bin/sh
# Makes the virtual environment and fills it from requirements.lock: uv does it, and is fetched where it is absent.
set -eu
venv=$1
# A name on the path can be a shim for a Python that is not there, so each candidate must answer.
python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "stillwatch needs Python 3.11 or newer, and none of ${PYTHON:-python3 and its kin} is. Set PYTHON=/path/to/python3." >&2
    exit 2
fi
if [ ! -x "$venv/bin/python" ]; then
    # Debian splits venv off Python: where it is absent, bring it in if we may.
    "$python" -m venv "$venv" 2>/dev/null || {
        rm -rf "$venv"
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
            "$python" -m venv "$venv"
        else
            echo "Python's venv module is absent: run 'sudo apt install python3-venv' and try again." >&2
            exit 2
        fi
    }
fi
if [ ! -x "$venv/bin/uv" ]; then
    if command -v uv >/dev/null; then
        ln -s "$(command -v uv)" "$venv/bin/uv"
    else
        "$venv/bin/python" -m pip install --quiet 'uv>=0.9'
    fi
fi
# The lock does not name uv, which must outlive the synchronisation.
VIRTUAL_ENV=$PWD/$venv "$venv/bin/uv" pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
VIRTUAL_ENV=$PWD/$venv "$venv/bin/uv" pip install --quiet --no-deps --editable .
