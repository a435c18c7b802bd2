"""The laws for every tokenizer and text: tokbench's words, merges and ids are the library's own."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tests.laws.random_cases import Case, blank, raw_trainer, recipe_of, trained
from tokbench.analysis.backends import HfBackend
from tokbench.encoding.encode_corpus import encode_corpus
from tokbench.encoding.encode_texts import served_encoding
from tokbench.errors import TokbenchError, UsageError
from tokbench.io.library_errors import library_errors_as
from tokbench.native.compiler import loops
from tokbench.native.corpus_encoder import CompiledEncoder
from tokbench.native.ragged import Ragged
from tokbench.native.scanner import scanner_for
from tokbench.native.word_counter import BLOCK, TextBatch, count_words_compiled
from tokbench.recipes.build import build
from tokbench.recipes.validate import empty_tokens
from tokbench.training.counting.store import packed_of_compiled
from tokbench.training.engine import DIFFERENT
from tokbench.training.probe import library_words

os.environ["RUST_BACKTRACE"] = "0"  # a panic of the library would look up names for a minute


class DifferenceError(AssertionError):
    """Tokbench and the library part ways: by which law, on what, and what each of them says."""

    def __init__(self, law: str, what: str, library: object, ours: object) -> None:
        super().__init__(f"{law}: {what}\n  library:  {library!r:.600}\n  tokbench: {ours!r:.600}")


class UnusableCaseError(TokbenchError):
    """The library itself makes no tokenizer of this case, or no ids of its texts."""


def counting(tokenizer: Tokenizer, texts: Sequence[str]) -> bool:
    """The compiled loops count the library's words; whether they serve this tokenizer at all."""
    scanner = scanner_for(tokenizer)
    if isinstance(scanner, str):
        return False
    half = len(texts) // 2
    compiled = count_words_compiled([list(texts[:half]), list(texts[half:])], scanner, threads=1 + half % 2)
    found = dict(packed_of_compiled(compiled).word_counts().counts)
    wanted = library_words(tokenizer, texts)
    if found != wanted:
        raise DifferenceError("counting", "words", _without(wanted, found), _without(found, wanted))
    return True


def _without(counts: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    """What is counted otherwise there."""
    return {word: count for word, count in counts.items() if others.get(word) != count}


def encoding(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool) -> bool:
    """The compiled loops give the library's ids, in one block and text by text; whether they serve at all."""
    pipeline = served_encoding(tokenizer, special=special)
    if isinstance(pipeline, str):
        return False
    tokenizer.encode_special_tokens = len(texts) % 3 == 0  # special tokens are read as text then
    wanted = library_ids(tokenizer, texts, special=special)
    if wanted is None:
        return False
    for piece in (8, 64, BLOCK):  # as if texts of more bytes were long
        encoder = CompiledEncoder(pipeline, loops("encode"), piece=piece)
        for start, end in ((0, len(texts)), *pairwise(range(len(texts) + 1)), (0, len(texts))):
            _hold(encoder, list(texts[start:end]), wanted[start:end])
    return True


def _hold(encoder: CompiledEncoder, texts: list[str], wanted: list[list[int]]) -> None:
    """DifferenceError where these texts, in one block, as texts or as lines, have other ids."""
    forms: list[TextBatch] = [texts]
    if not any("\n" in text for text in texts):
        forms.append("".join(f"{text}\n" for text in texts).encode())
    for form in forms:
        for text, ids, own in zip(texts, wanted, rows(encoder.encode(form)), strict=True):
            if ids != own:
                raise DifferenceError("encoding", f"{text!r:.200}, one of {len(texts)} texts", ids, own)


def library_ids(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool) -> list[list[int]] | None:
    """The library's ids of these texts, None where it refuses one."""
    try:
        with library_errors_as(lambda error: UnusableCaseError(str(error))):  # a panic writes to stderr
            found = tokenizer.encode_batch(list(texts), add_special_tokens=special)
    except UnusableCaseError:
        return None
    return [each.ids for each in found]


def rows(ragged: Ragged) -> list[list[int]]:
    """The rows as lists."""
    return [ragged[row].tolist() for row in range(len(ragged))]


def files(tokenizer: Tokenizer, texts: Sequence[str], *, engine: str) -> bool:
    """`encode --file` writes the library's ids of every text that is not blank, whatever the engine."""
    text = "\n".join(texts).removeprefix("\ufeff")  # at the beginning of a file it is no character
    text = f"{text}\n"  # the end of a file ends a line, so a CR goes before it as before LF
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    wanted = library_ids(tokenizer, lines, special=True)
    if wanted is None or not lines:
        return False
    out = io.BytesIO()
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write("\n".join(texts).encode())
        file.flush()
        try:
            done = encode_corpus(tokenizer, [Path(file.name)], output=out, engine=engine)
        except UsageError as error:
            if "compiled engine cannot" in error.message or "\0" in text:  # binary data, perhaps
                return False
            raise
    found = [json.loads(line)["ids"] for line in out.getvalue().splitlines()]
    if done.why.startswith(DIFFERENT):
        raise DifferenceError("files", done.why, "", "")
    if found != wanted:
        raise DifferenceError("files", f"engine {engine}", wanted, found)
    return True


def comparing(tokenizer: Tokenizer, texts: Sequence[str]) -> bool:
    """`compare` counts the library's ids, without special tokens around texts."""
    wanted = library_ids(tokenizer, texts, special=False)
    if wanted is None:
        return False
    backend = HfBackend("fuzzed", tokenizer)
    [found] = backend.stream([list(texts)], size=None)
    if found.choice.fell_back:
        raise DifferenceError("comparing", found.choice.why, "", "")
    if rows(found) != wanted:
        raise DifferenceError("comparing", found.choice.engine, wanted, rows(found))
    return True


def learning(case: Case) -> bool:
    """The compiled engine learns what the library's own trainer does, where that is the same every time."""
    if case.algorithm != "bpe" or {"limit_alphabet", "end_of_word_suffix"} & case.trainer.keys():
        return False
    if "continuing_subword_prefix" in case.trainer:
        return False
    made = _built(case, "compiled")
    if not isinstance(made, Tokenizer):
        return False
    raw = blank(case)
    raw.train_from_iterator(case.corpus, raw_trainer(case))
    ours, theirs = (json.loads(each.to_str())["model"] for each in (made, raw))
    for key in ("vocab", "merges"):
        if ours[key] != theirs[key]:
            raise DifferenceError("learning", key, theirs[key], ours[key])
    return True


def training(case: Case) -> bool:
    """Both engines make the same tokenizer, or refuse in the same words."""
    compiled, library = _built(case, "compiled"), _built(case, "library")
    if isinstance(compiled, str) and "engine" in compiled:
        return False
    first, second = (each.to_str() if isinstance(each, Tokenizer) else each for each in (library, compiled))
    if first != second:
        raise DifferenceError("training", "tokenizer.json", first, second)
    return True


def _built(case: Case, engine: str) -> Tokenizer | str:
    """What `build` makes of this case, or what it says against that."""
    try:
        return build(recipe_of(case), [list(case.corpus)], engine=engine)
    except TokbenchError as error:
        return error.message


def made_by_library(case: Case) -> Tokenizer:
    """The tokenizer of this case; UnusableCaseError where there can be none."""
    with library_errors_as(lambda error: UnusableCaseError(str(error)), also=(ValueError, TypeError)):
        try:
            made = trained(case)
        except TokbenchError as error:
            raise UnusableCaseError(error.message) from error
    if empty_tokens(made.normalizer, made.get_added_tokens_decoder().values()):
        raise UnusableCaseError("the library panics or takes all memory")  # see empty_tokens
    return made


Law = Callable[[Case, Tokenizer], bool]
# Each law, and of how many cases it looks at one: processes and files cost more than ids.
LAWS: dict[str, tuple[Law, int]] = {
    "counting": (lambda case, made: counting(made, (*case.texts, *case.corpus)), 1),
    "encoding": (lambda case, made: encoding(made, case.texts, special=case.seed % 2 == 0), 1),
    "learning": (lambda case, made: learning(case), 1),
    "files": (lambda case, made: files(made, case.texts, engine=_engine(case)), 4),
    "comparing": (lambda case, made: comparing(made, case.texts), 4),
    "training": (lambda case, made: training(case), 16),
}


def _engine(case: Case) -> str:
    return ("compiled", "library", "auto")[case.seed // 4 % 3]


def check(case: Case, law: str, tokenizer: Any = None) -> bool:
    """Hold the case against one law: DifferenceError where it is broken; whether it applies at all."""
    made = made_by_library(case) if tokenizer is None else tokenizer
    return LAWS[law][0](case, made)
