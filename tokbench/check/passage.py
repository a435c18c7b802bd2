"""A text on its way through a tokenizer, as several rules need it."""

from __future__ import annotations

from tokenizers import decoders

from tokbench.check.subject import Subject


def known_part(subject: Subject, text: str) -> str:
    """The text, or as many of its words as are known."""
    if not unknowns(subject, text)[0]:
        return text
    return " ".join(word for word in text.split() if not unknowns(subject, word)[0])


def unknowns(subject: Subject, text: str) -> tuple[int, int]:
    """How many tokens of a text are unknown, of how many."""
    ids = subject.tokenizer.encode(text, add_special_tokens=False).ids
    unknown = subject.vocabulary.get(subject.unknown or "")
    return sum(number == unknown for number in ids), len(ids)


def there_and_back(subject: Subject, text: str) -> str:
    """What decoding gives of a text's ids, without special tokens."""
    return subject.tokenizer.decode(subject.tokenizer.encode(text, add_special_tokens=False).ids)


def normalized(subject: Subject, text: str) -> str:
    """What the normalizer makes of a text; byte letters and ▁ are read back."""
    normalizer = subject.tokenizer.normalizer
    if normalizer is None:
        return text
    after = normalizer.normalize_str(text)
    return decoders.ByteLevel().decode([after]) if subject.has("normalizer", "ByteLevel") else after
