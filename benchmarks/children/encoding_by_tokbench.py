"""Encode a corpus twice with one table of words: TOKENIZER.JSON CORPUS; CPU seconds and a digest of the ids.

The first pass counts from the bare tokenizer on, with reading the file, and its table is empty; the second
has a full one.
"""

import json
import os
import sys
import time
from hashlib import sha256

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tokenizers import Tokenizer

from tokbench.corpus.reading import open_corpus
from tokbench.encoding.encode_texts import served_encoding
from tokbench.native.compiler import load_kernels, loops
from tokbench.native.corpus_encoder import CompiledEncoder
from tokbench.training.engine import in_bytes

tokenizer = Tokenizer.from_file(sys.argv[1])
load_kernels(["count", "encode"])
seconds, digests, tokens = [], [], 0
begun = time.process_time()
pipeline = served_encoding(tokenizer)
assert not isinstance(pipeline, str), pipeline
encoder = CompiledEncoder(pipeline, loops("encode"))
for _ in range(2):
    parts = [encoder.encode(batch) for batch in in_bytes(open_corpus([sys.argv[2]]))]
    seconds.append(time.process_time() - begun)
    digest = sha256()
    for part in parts:
        digest.update(part.ids.astype("<u4").tobytes())
    digest.update(np.concatenate([part.lengths for part in parts]).astype("<i8").tobytes())
    digests.append(digest.hexdigest())
    tokens = sum(len(part.ids) for part in parts)
    begun = time.process_time()
assert digests[0] == digests[1]
print(json.dumps({"first": seconds[0], "warm": seconds[1], "tokens": tokens, "ids": digests[0]}))
