#!/bin/sh
# Puts the lab's extra into the virtual environment. Not in requirements.lock: the build of torch differs by machine, and a
# build without CUDA, where pip has one at hand, is a tenth of the size.
set -eu
venv=$1
"$venv/bin/python" -c 'import torch, transformers' 2>/dev/null && exit 0
"$venv/bin/python" -m pip install --quiet 'torch==2.13.0'
"$venv/bin/python" -m pip install --quiet 'transformers>=5' 'tokenizers>=0.22'
