#!/bin/sh
# Brings what the tests run for real beside Python packages: nginx, Redis, Chromium, and LiteLLM in an environment of its
# own, which pins what we do not. Where something cannot be had the tests that need it are skipped, and say so.
set -u
venv=$1
litellm=$2
missing=
for pair in nginx:nginx redis-server:redis-server chromium:chromium; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] || missing="$missing ${pair##*:}"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        # Policy: the packages' own services are not started; each test starts what it needs on a port of its own.
        { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null 2>&1 ||
            echo "could not install$missing: tests that need them will be skipped" >&2
    else
        echo "for all tests, install:$missing" >&2
    fi
fi
if [ ! -x "$litellm/bin/litellm" ]; then
    "$venv/bin/python" -m venv "$litellm" >/dev/null 2>&1 &&
        VIRTUAL_ENV=$PWD/$litellm "$venv/bin/uv" pip install --quiet --python "$litellm/bin/python" \
            'litellm[proxy]==1.106.2' common-expression-language pyarrow ||
        { rm -rf "$litellm"; echo "could not install LiteLLM: its tests will be skipped" >&2; }
fi
exit 0
