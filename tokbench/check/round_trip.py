"""Rules about a text on its way into ids and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tokbench.check.evidence import apart, listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.passage import known_part, normalized, there_and_back
from tokbench.check.reloaded import in_words
from tokbench.check.samples import SAMPLES
from tokbench.check.subject import Subject
from tokbench.errors import FileProblem, plural
from tokbench.pretrained.edge import translated

WORD = re.compile("[A-Za-z]+")


def texts_can_be_encoded(subject: Subject) -> Iterator[Finding]:
    """Any text can be encoded, alone and as a pair.

    Cause: a template names a token it has no id for; a regular expression runs away; a model without its
    unknown token meets an unknown word.
    Example: the library panics, which `except Exception` in Python does not catch, or raises a bare Exception
    in the middle of a data set.
    Source: tokenizers, PanicException is a BaseException
    """
    failed = {name: _problem(subject, text) for name, text in SAMPLES.items()}
    wrong = {name: problem for name, problem in failed.items() if problem}
    if wrong:
        name, problem = next(iter(wrong.items()))
        yield Finding(
            "TB501",
            "error",
            f"{len(wrong)} of {len(SAMPLES)} sample texts cannot be encoded",
            f"{quoted(SAMPLES[name])}: {problem}",
            "train the tokenizer again, or take a whole copy of tokenizer.json",
        )


def decoding_undoes_encoding(subject: Subject) -> Iterator[Finding]:
    """Decoding gives the letters of the text again, apart from what the normalizer changes on purpose.

    Cause: no decoder, or one that does not belong to the pre-tokenizer and the model.
    Example: without ByteLevel's decoder "the cat" comes back as "the Ġcat"; without WordPiece's "un ##able".
    Source: tokenizers #830, #1392, transformers #28384
    """
    for name, text in SAMPLES.items():
        known = known_part(subject, text)
        back = there_and_back(subject, known)
        harm = _harm(normalized(subject, known).replace("▁", " "), back)  # ▁ in `back` is what remained of it
        if harm:
            yield Finding(
                "TB504",
                harm[0],
                f"{name} comes back {harm[1]}",
                apart(known, back),
                "set the decoder that undoes the pre-tokenizer and the model, in tokenizer.json",
            )
            return


def added_tokens_come_back(subject: Subject) -> Iterator[Finding]:
    """An added token decodes to its own text.

    Cause: the ByteLevel decoder reads an added token as if it were written in byte letters.
    Example: after adding "Ö", "il Ö" comes back with a replacement character.
    Source: transformers PR #44915, tokenizers #1392
    """
    wrong = [
        (token.content, text)
        for number, token in subject.added.items()
        if (text := subject.tokenizer.decode([number], skip_special_tokens=False)).strip()
        != token.content.strip()
    ]
    if wrong:
        yield Finding(
            "TB505",
            "warning",
            f"{plural(len(wrong), 'added token decodes', 'added tokens decode')} to something else",
            listed([f"{quoted(token)} → {quoted(text)}" for token, text in wrong]),
            "spell these tokens in ASCII, or learn them as merges",
        )


def texts_come_back(subject: Subject) -> Iterator[Finding]:
    """Every text comes back exactly as it was.

    Cause: by design: a normalizer lowers case or strips accents, a pre-tokenizer forgets the width of spaces.
    Example: BERT gives "the fox, twice." for "The fox,  twice."; no answer in the original's letters can be
    read off its tokens.
    Source: bert #135, tokenizers #1975
    """
    changed = [
        (name, text, back)
        for name, text in SAMPLES.items()
        if known_part(subject, text) == text and (back := there_and_back(subject, text)) != text
    ]
    if changed:
        _, text, back = changed[0]
        yield Finding(
            "TB506",
            "note",
            f"some texts come back changed: {listed([name for name, _, _ in changed], 12)}",
            apart(text, back),
            "nothing, if case, accents and spaces do not matter; else train-bpe keeps everything",
        )


def _problem(subject: Subject, text: str) -> str:
    try:
        with translated(subject.name):
            subject.tokenizer.encode(text)
            subject.tokenizer.encode(text, text)
    except FileProblem as error:
        return in_words(error.__cause__ or error)
    return ""


def _harm(wanted: str, back: str) -> tuple[str, str] | None:
    """How bad it is that a text came back so, and in which way; None when only the spacing differs."""
    new, lost = (
        Counter(_letters(back)) - Counter(_letters(wanted)),
        Counter(_letters(wanted)) - Counter(_letters(back)),
    )
    if new:
        return "error", f"with other letters: {listed([quoted(letter) for letter in new])}"
    if lost:
        return "warning", f"without some letters: {listed([quoted(letter) for letter in lost])}"
    if _letters(wanted) != _letters(back):
        return "error", "with its letters in another order"
    if WORD.findall(wanted) != WORD.findall(back):
        return "warning", "with its words joined or split"
    return None


def _letters(text: str) -> str:
    return "".join(text.split())
