"""Rules about an adapter: it brings what it says, and rows for the tokens that its base lacks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tokbench.check.adapters import ADAPTER, TENSORS, Adapter
from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.subject import Subject
from tokbench.errors import plural


def adapter_is_whole(subject: Subject) -> Iterator[Finding]:
    """An adapter brings its weights, and every module that it says it saves whole.

    Cause: the head or the embedding was named in modules_to_save and lost on the way, or saved as a pickle.
    Example: the classifier is not in the file: PEFT leaves the base's own, which is random numbers.
    Source: peft #334, #2898
    """
    adapter = _adapter(subject)
    lost = [
        module for module in adapter.whole if not any(f".{module}." in f".{name}" for name in adapter.tensors)
    ]
    evidence = adapter.problem or (
        f"{ADAPTER} names {listed(lost)}; {plural(len(adapter.tensors), 'tensor')}, none of it"
    )
    if adapter.problem or lost:
        yield Finding(
            "TB453",
            "error",
            "the adapter has no weights to read"
            if adapter.problem
            else "the adapter lacks weights it is made of",
            evidence,
            f"save it again with save_pretrained, or take a whole copy of {adapter.name}",
        )


def adapter_has_the_new_rows(subject: Subject) -> Iterator[Finding]:
    """Tokens beyond the rows of the base model have their rows in the adapter.

    Cause: tokens were added and the base was resized before training, but only the adapter was saved: without
    embed_tokens in modules_to_save the new rows stay behind.
    Example: loaded on the base, the first new token is an IndexError; resized again, its row is random.
    Source: peft #334, #2898
    """
    adapter, model = _adapter(subject), subject.model
    rows = None if model is None else model.rows
    short = {name: count for name, count in adapter.rows.items() if count < subject.size}
    where = f"highest id {subject.size - 1:,}; base {adapter.base or 'unnamed'}: {rows} rows"
    if short:
        short_of = plural(subject.size - min(short.values()), "token has", "tokens have")
        message = f"{short_of} no row in the adapter's own matrices"
        evidence = f"{listed([f'{name} {count}' for name, count in short.items()])}; {where}"
        fix = f"name the tokenizer that {adapter.name} was trained with"
        yield Finding("TB454", "error", message, evidence, fix)
    elif rows is not None and rows < adapter.needed(subject.size):
        fix = f"tokbench resize {shlex.quote(adapter.base)} --tokenizer {subject.word} -o resized"
        message = "the adapter was trained on a resized base, which must be resized before it is loaded"
        yield Finding("TB454", "note", message, f"{where}, the adapter for {subject.size} ids", fix)
    elif rows is not None and rows < subject.size:
        beyond = sorted((number, token) for token, number in subject.vocabulary.items() if number >= rows)
        shown = listed([f"{quoted(token)} = {number}" for number, token in beyond])
        lost = plural(len(beyond), "token has", "tokens have")
        message = f"{lost} a row neither in the base model nor in the adapter"
        fix = 'train again with modules_to_save=["embed_tokens", "lm_head"] or trainable_token_indices'
        yield Finding("TB454", "error", message, f"{shown}; {where}; {TENSORS} has no embedding", fix)


def base_is_named(subject: Subject) -> Iterator[Finding]:
    """An adapter names the model it belongs to, by a name that others have too.

    Cause: it was trained on a folder, whose path went into adapter_config.json.
    Example: AutoPeftModel looks for /home/someone/run-7 on another machine and says that it is no repository.
    Source: peft, base_model_name_or_path
    """
    adapter = _adapter(subject)
    if not adapter.base:
        shown = "none"
    elif adapter.base.startswith(("/", ".", "~")) and subject.model is None:
        shown = quoted(adapter.base, 80)
    else:
        return
    yield Finding(
        "TB455",
        "warning",
        "the adapter's base model cannot be found",
        f"base_model_name_or_path: {shown}",
        f"write its name on the hub, or its folder here, into {ADAPTER} of {adapter.name}",
    )


def _adapter(subject: Subject) -> Adapter:
    assert subject.adapter is not None
    return subject.adapter
