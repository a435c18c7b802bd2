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


def plain_decoder(subject: Subject) -> dict[str, object] | None:
    """The decoder that undoes pre-tokenizer and model, as tokenizer.json writes it; None if unsure."""
    model = subject.raw.get("model", {})
    if subject.has("pre_tokenizer", "ByteLevel") or subject.has("normalizer", "ByteLevel"):
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    if subject.kind == "WordPiece":
        prefix = model.get("continuing_subword_prefix") or "##"
        return {"type": "WordPiece", "prefix": prefix, "cleanup": False}
    spaces = [block for block in subject.blocks("pre_tokenizer") if block.get("type") == "Metaspace"]
    if spaces:
        metaspace = {key: spaces[-1].get(key) for key in ("type", "replacement", "prepend_scheme", "split")}
        bytewise = [{"type": "ByteFallback"}, metaspace, {"type": "Fuse"}]
        return {"type": "Sequence", "decoders": bytewise} if model.get("byte_fallback") else metaspace
    if model.get("end_of_word_suffix"):
        return {"type": "BPEDecoder", "suffix": model["end_of_word_suffix"]}
    return None
