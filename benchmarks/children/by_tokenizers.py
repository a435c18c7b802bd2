"""Byte-level BPE by the tokenizers library: CORPUS VOCAB_SIZE OUTPUT [lines|files].

lines: one text a line, blank ones left out, as tokbench reads; files: the library's own reading, in which a
line keeps its line feed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

corpus, vocab_size, output, mode = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=int(vocab_size),
    special_tokens=["<|endoftext|>", "<|pad|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)


def lines() -> Iterator[str]:
    """The texts: lines that are not blank."""
    with Path(corpus).open(encoding="utf-8", newline="\n") as file:
        for line in file:
            text = line.removesuffix("\n").removesuffix("\r")
            if text and not text.isspace():
                yield text


if mode == "files":
    tokenizer.train([corpus], trainer)
else:
    tokenizer.train_from_iterator(lines(), trainer)
tokenizer.save(output)
