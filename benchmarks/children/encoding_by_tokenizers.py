"""Encode a corpus by encode_batch, 1,000 texts at a time: TOKENIZER.JSON CORPUS; CPU seconds and a digest.

Reading the file is not counted.
"""

import json
import os
import sys
import time
from hashlib import sha256
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
lines = Path(sys.argv[2]).read_bytes().decode().split("\n")
texts = [text for line in lines if (text := line.removesuffix("\r")) and not text.isspace()]
seconds, counts, tokens, digest = 0.0, [], 0, sha256()
for start in range(0, len(texts), 1000):
    batch = texts[start : start + 1000]
    begun = time.process_time()
    encoded = tokenizer.encode_batch(batch)
    ids = [each.ids for each in encoded]
    seconds += time.process_time() - begun
    for each in ids:
        digest.update(np.array(each, "<u4").tobytes())
        counts.append(len(each))
        tokens += len(each)
digest.update(np.array(counts, "<i8").tobytes())
print(json.dumps({"first": seconds, "tokens": tokens, "ids": digest.hexdigest()}))
