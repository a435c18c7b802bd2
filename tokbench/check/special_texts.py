"""Rules about special tokens and texts: the one are not learned from the other, nor matched by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.evidence import listed, named, quoted
from tokbench.check.finding import Finding
from tokbench.check.subject import Subject
from tokbench.errors import plural

SHORTEST = 3  # characters of a fragment that hardly comes about by chance


def specials_are_taken_literally(subject: Subject) -> Iterator[Finding]:
    """A special token is matched as it is written, never in another case or form.

    Cause: it was added with normalized=True, so the normalizer changes both the text and the token.
    Example: with a lowercasing normalizer the text "[e1]" of a user becomes the special token "[E1]", and
    decode leaves it out.
    Source: tokenizers #1408, #376
    """
    normalizer = subject.tokenizer.normalizer
    if normalizer is None:
        return
    loose = {
        token.content: after
        for token in subject.added.values()
        if token.special and token.normalized and (after := normalizer.normalize_str(token.content))
    }
    wrong = [(token, after) for token, after in loose.items() if after != token]
    if wrong:
        yield Finding(
            "TB208",
            "warning",
            f"{plural(len(wrong), 'special token is', 'special tokens are')} also found in other spellings",
            listed([f"{quoted(after)} is taken for {quoted(token)}" for token, after in wrong]),
            'write "normalized": false into their added_tokens in tokenizer.json',
        )


def specials_are_not_learned(subject: Subject) -> Iterator[Finding]:
    """No piece of a special token was learned from the texts.

    Cause: the training texts had the special tokens written in them.
    Example: "MASK" and "SEP" take places in the vocabulary, and where "[MASK]" is no added token it comes out
    as "[MAS", "K]".
    Source: tokenizers #985, #1616
    """
    added = {token.content for token in subject.added.values()}
    learned = subject.vocabulary.keys() - added
    found = {
        piece: subject.vocabulary[piece]
        for token in subject.specials
        for piece in _fragments(token)
        if piece in learned or f"##{piece}" in learned
        if piece in subject.vocabulary
    }
    bracketed = {piece: number for piece, number in found.items() if not piece.isalnum()}
    names = {piece: number for piece, number in found.items() if piece.isalnum() and piece.isupper()}
    if bracketed or len(names) > 1:
        yield Finding(
            "TB209",
            "note",
            f"{plural(len(found), 'piece of a special token was', 'pieces of special tokens were')} "
            "learned as words",
            named(found.items()),
            "take the special tokens out of the texts and train again",
        )


def _fragments(token: str) -> Iterator[str]:
    """The name inside the brackets, and what begins or ends with a bracket and more than half the token."""
    name = token.strip("[]<>|/_")
    if name != token and len(name) >= SHORTEST:
        yield name
        half = max(SHORTEST, len(token) // 2 + 1)
        for size in range(half, len(token)):
            yield token[:size]
            yield token[-size:]
