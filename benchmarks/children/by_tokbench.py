"""The same training by tokbench's Python functions, without a command line: CORPUS VOCAB_SIZE OUTPUT."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from tokbench.pretrained.train import train
from tokbench.recipes.presets import start_recipe

corpus, vocab_size, output = sys.argv[1:]
recipe = start_recipe("bpe", None, {"vocab_size": vocab_size})
train([corpus], recipe, output=Path(output), engine="compiled", force=True)
