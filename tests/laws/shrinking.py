"""The smallest case that still breaks a law: blocks, tokens, texts and characters are left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

from tests.laws.random_cases import FLAGS, Case

TRIES = 4000
LISTS = ("normalizers", "pre_tokenizers", "decoders", "added", "special", "texts", "corpus")


def shrunk(case: Case, fails: Callable[[Case], bool], *, tries: int = TRIES) -> Case:
    """A case that fails too, and of which nothing more can be left out."""
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for smaller in _smaller(case):
            left -= 1
            if left <= 0:
                break
            if fails(smaller):
                case, progress = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with less in them, the boldest first."""
    for name in LISTS:
        yield from _shorter_lists(case, name)
    if case.post_processor:
        yield replace(case, post_processor=None)
    for name in ("model", "trainer"):
        options = getattr(case, name)
        for key in options:
            yield replace(case, **{name: {other: value for other, value in options.items() if other != key}})
    for algorithm in ("wordlevel", "bpe"):
        if case.algorithm not in ("wordlevel", algorithm):
            yield replace(case, algorithm=algorithm, model={}, trainer={})
    yield from _fewer_flags(case)
    yield from _shorter_texts(case)


def _shorter_lists(case: Case, name: str) -> Iterator[Case]:
    items = getattr(case, name)
    least = 1 if name in ("special", "texts", "corpus") else 0
    size = len(items)
    while size:
        for start in range(0, len(items), size):
            rest = items[:start] + items[start + size :]
            if len(rest) >= least and not (name == "special" and start == 0):
                yield replace(case, **{name: rest})
        size //= 2


def _fewer_flags(case: Case) -> Iterator[Case]:
    for name in ("special", "added"):
        tokens: tuple[Any, ...] = getattr(case, name)
        for number, token in enumerate(tokens):
            for flag in FLAGS:
                if token.get(flag):
                    changed = {key: value for key, value in token.items() if key != flag}
                    yield replace(case, **{name: (*tokens[:number], changed, *tokens[number + 1 :])})


def _shorter_texts(case: Case) -> Iterator[Case]:
    for name in ("texts", "corpus"):
        texts: tuple[str, ...] = getattr(case, name)
        for number, text in enumerate(texts):
            size = len(text) // 2
            while size:
                for start in range(0, len(text), size):
                    rest = text[:start] + text[start + size :]
                    yield replace(case, **{name: (*texts[:number], rest, *texts[number + 1 :])})
                size //= 2
            if len(text) == 1 and name == "texts" and text not in "ab ":
                yield replace(case, **{name: (*texts[:number], "a", *texts[number + 1 :])})


def snippet(case: Case, law: str) -> str:
    """Lines that break the law again when they are pasted."""
    told = {name: value for name, value in asdict(case).items() if value not in ((), None)}
    return (
        "from tests.laws.laws import check\n"
        "from tests.laws.random_cases import Case\n"
        f"check(Case(**{json_like(told)}), {law!r})"
    )


def json_like(value: Any) -> str:
    """The value as Python writes it; control characters stay escaped."""
    return ascii(json.loads(json.dumps(value))) if not isinstance(value, dict) else (
        "{" + ", ".join(f"{name!r}: {_literal(each)}" for name, each in value.items()) + "}"
    )  # fmt: skip


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + "".join(f"{_literal(each)}, " for each in value) + ")"
    return ascii(value)
