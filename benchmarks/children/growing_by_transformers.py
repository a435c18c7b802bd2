"""Grow a model by transformers alone: load it, resize its embeddings, save it. Prints its rows.

Usage: growing_by_transformers.py MODEL OUT TOKENS
"""

import sys

from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto")
model.resize_token_embeddings(model.config.vocab_size + int(sys.argv[3]))
model.save_pretrained(sys.argv[2])
print(model.config.vocab_size)
