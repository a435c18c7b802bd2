"""Load a tokenizer.json with the library alone."""

import sys

from tokenizers import Tokenizer

Tokenizer.from_file(sys.argv[1])
