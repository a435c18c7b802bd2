"""Rules about texts that come as words, each with a label, and about texts that grow without measure."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.model_files import ModelFiles
from tokbench.check.samples import SAMPLES
from tokbench.check.subject import Subject

WORDS = ("The", "fox", "jumps")
EMPTY = {"zero width space": "\u200b", "byte order mark": "\ufeff", "soft hyphen": "\u00ad"}
MOST_TOKENS = 64  # for one character; byte-level emoji take 4 to 25


def words_are_tokens_of_the_text(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """A text given as words has the tokens of the text, and no word goes without one.

    Cause: byte-level BPE without add_prefix_space marks a space that single words do not have; a normalizer
    deletes characters of which a word may consist.
    Example: a model that labels words sees other tokens than in pre-training, and no error; a word of U+200B
    alone has no token, so its label is lost: word_ids 0, 2, 4.
    Source: transformers #8962, #14055, #12317, tokenizers #2149
    """
    if not model.architecture.endswith("ForTokenClassification"):
        return
    text = subject.tokenizer.encode(" ".join(WORDS), add_special_tokens=False).tokens
    words = subject.tokenizer.encode(WORDS, is_pretokenized=True, add_special_tokens=False).tokens
    lost = [name for name, word in EMPTY.items() if not _tokens(subject, word)]
    if words != text:
        yield Finding(
            "TB305",
            "warning",
            "words given one by one get other tokens than in a text",
            f"{quoted(' '.join(WORDS))}: {listed(text, 6)} → {listed(words, 6)}",
            'write "add_prefix_space": true into the ByteLevel pre_tokenizer, or give texts and use offsets',
        )
    elif lost:
        yield Finding(
            "TB305",
            "note",
            "some words have no token, and so no place for their label",
            f"a word of only a {listed(lost)}",
            "drop such words and their labels together before training",
        )


def texts_stay_short(subject: Subject) -> Iterator[Finding]:
    """A text has no more tokens than its characters can need.

    Cause: a Replace or Prepend of the normalizer that puts in far more than it takes out.
    Example: with "e" replaced by a megabyte, 29 letters become 29 million ids in 20 seconds.
    Source: 66 damaged folders, loaded with tokenizers 0.23
    """
    sizes = {
        name: len(subject.tokenizer.encode(text, add_special_tokens=False)) for name, text in SAMPLES.items()
    }
    grown = [f"{name}: {len(SAMPLES[name])} characters, {size:,} tokens" for name, size in sizes.items()
             if size > MOST_TOKENS * len(SAMPLES[name])]  # fmt: skip
    if grown:
        yield Finding(
            "TB511",
            "error",
            "texts grow out of all proportion",
            listed(grown),
            "take the Replace or Prepend that does it out of normalizer in tokenizer.json",
        )


def _tokens(subject: Subject, word: str) -> list[str]:
    return subject.tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).tokens
