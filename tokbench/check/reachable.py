"""A rule about tokens that no text leads to: their rows are never trained."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.evidence import named
from tokbench.check.finding import Finding
from tokbench.check.subject import Subject

LETTERS = ("{}", "a{}", "{}a", "a{}a", "a {}", "1{}")
MANY = 0.1  # of the learned tokens: then it is no leftover, but a vocabulary of other blocks


def every_token_can_occur(subject: Subject) -> Iterator[Finding]:
    """Every learned token comes out of some text.

    Cause: no merge leads to it; the normalizer never leaves such letters; the pre-tokenizer always cuts
    inside it; a vocabulary was put under other blocks than it was trained with.
    Example: 588 tokens of Llama 3 cannot occur: their rows stay at random values, and a prompt that names
    their ids makes the model ramble.
    Source: rten #453, magikarp #13, wordchipper #386
    """
    dead = sorted(_dead(subject))
    learned = len(subject.vocabulary) - len(subject.added)
    if dead:
        yield Finding(
            "TB105",
            "warning" if len(dead) > MANY * learned else "note",
            f"{len(dead):,} of {learned:,} learned tokens can never occur",
            named([(token, number) for number, token in dead]),
            "nothing, if a model is trained already; else train with the blocks it is used with",
        )


def _dead(subject: Subject) -> Iterator[tuple[int, str]]:
    """Id and token of what neither a text gives nor the model block can."""
    if subject.raw.get("model", {}).get("dropout"):
        return  # then a text gives something else each time
    added = {token.content for token in subject.added.values()} | {subject.unknown}
    left = {number: token for token, number in subject.vocabulary.items() if token not in added}
    for place in LETTERS[:2]:
        left = _unreached(subject, left, place)
    for number, token in left.items():
        surface = _surface(subject, token)
        if len(surface) > 1 and not _is_partial(subject, number) and not _may_occur(subject, token, surface):
            yield number, token


def _unreached(subject: Subject, tokens: dict[int, str], place: str) -> dict[int, str]:
    """The tokens that do not come out of a text of themselves, put into `place`."""
    numbers = list(tokens)
    texts = subject.tokenizer.decode_batch([[number] for number in numbers], skip_special_tokens=False)
    prefix = subject.raw.get("model", {}).get("continuing_subword_prefix") or "\0"
    texts = [text.removeprefix(prefix) if tokens[number].startswith(prefix) else text
             for number, text in zip(numbers, texts, strict=True)]  # fmt: skip
    found = subject.tokenizer.encode_batch_fast(
        [place.replace("{}", text) for text in texts], add_special_tokens=False
    )
    pairs = zip(numbers, found, strict=True)
    return {number: tokens[number] for number, encoding in pairs if number not in encoding.ids}


def _may_occur(subject: Subject, token: str, surface: str) -> bool:
    """Whether the model block gives the token, and some text has its letters inside one word."""
    if subject.kind in ("BPE", "Unigram") and surface == token:
        # What a token's own letters make is what they make in every text: merges inside it do not see
        # its neighbours, and the best way through a whole is the best way through its parts.
        own = [each.value for each in subject.tokenizer.model.tokenize(token)]
        if own != [token]:
            return False
    text = subject.tokenizer.decode([subject.vocabulary[token]], skip_special_tokens=False)
    words = (word for place in LETTERS for word in _words(subject, place.replace("{}", text.strip("#"))))
    return any(surface in word for word in words)


def _words(subject: Subject, text: str) -> list[str]:
    """What normalizer and pre-tokenizer make of a text."""
    normalizer, cutter = subject.tokenizer.normalizer, subject.tokenizer.pre_tokenizer
    after = normalizer.normalize_str(text) if normalizer else text
    return [word for word, _ in cutter.pre_tokenize_str(after)] if cutter else [after]


def _surface(subject: Subject, token: str) -> str:
    """The token without the marks for the middle and the end of a word."""
    model = subject.raw.get("model", {})
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    return token.removeprefix(prefix).removesuffix(suffix)


def _is_partial(subject: Subject, number: int) -> bool:
    """Whether a token is no whole text: a part of a character's bytes, or a piece for one byte."""
    text = subject.tokenizer.decode([number], skip_special_tokens=False)
    token = subject.tokenizer.id_to_token(number) or ""
    return "\ufffd" in text or not text.strip() or (token.startswith("<0x") and len(token) == 6)
