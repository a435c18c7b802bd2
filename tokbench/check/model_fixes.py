"""What mends a model's config.json and generation_config.json, where there is one way to mend them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokbench.check.draft import Draft
from tokbench.check.model_files import CONFIG, GENERATION, NESTED, ModelFiles, whole
from tokbench.check.special_ids import ROLES, START
from tokbench.check.subject import Subject


def vocab_size_is_counted(subject: Subject, draft: Draft) -> Iterator[str]:
    """vocab_size becomes the rows of the weights, where all matrices have the same and all ids fit."""
    model = _model(subject)
    sizes = {*model.embeddings.values(), *model.outputs.values()}
    if len(sizes) == 1 and subject.size <= min(sizes):
        yield from _put(draft, "vocab_size", sizes.pop())


def padding_id_is_the_tokenizers(subject: Subject, draft: Draft) -> Iterator[str]:
    """pad_token_id becomes the tokenizer's; not where positions are counted from it, for they would move."""
    family, number = _model(subject).family, subject.id_of("pad")
    if number is not None and not (family is not None and family.positions == "after pad"):
        yield from _put(draft, "pad_token_id", number)


def special_ids_are_the_tokenizers(subject: Subject, draft: Draft) -> Iterator[str]:
    """Each special id that differs, or has no row, becomes the tokenizer's; without one there it goes."""
    rows = _model(subject).rows
    for role in ("pad", *ROLES):
        own, key = subject.id_of(role), f"{role}_token_id"
        stated = _model(subject).number(key)
        default = _default(_model(subject), role) if stated is None else stated
        beyond = rows is not None and default is not None and not 0 <= default < rows
        if own is not None and own != default and (role != "pad" or beyond):
            yield from _put(draft, key, own)
        elif own is None and beyond:
            yield from _put(draft, key, None)
    yield from _generating(subject, draft, rows)


def decoder_starts_with_padding(subject: Subject, draft: Draft) -> Iterator[str]:
    """decoder_start_token_id becomes the padding id, as T5 has it."""
    padding = subject.id_of("pad")
    if padding is not None:
        yield from _put(draft, START, padding)


def _generating(subject: Subject, draft: Draft, rows: int | None) -> Iterator[str]:
    generation = draft.read(GENERATION)
    for role in ROLES:
        key, own = f"{role}_token_id", subject.id_of(role)
        given = generation.get(key)
        stated = [whole(each) for each in (given if isinstance(given, list) else [given])]
        if own is not None and given is not None and own not in stated:
            generation[key] = own
            draft.write(GENERATION, generation)
            yield f"{GENERATION}: {key} {given} → {own}"


def _put(draft: Draft, key: str, value: int | None) -> Iterator[str]:
    """Write a key where it stands: in the config itself, or in the part that speaks of the text model."""
    config = draft.read(CONFIG)
    levels = [config, *(config[name] for name in NESTED if isinstance(config.get(name), dict))]
    holding: dict[str, Any] = next((level for level in levels if key in level), _text_of(levels))
    if key in holding and holding[key] == value:
        return
    before = holding.get(key, "the model's default")
    holding[key] = value
    draft.write(CONFIG, config)
    yield f"{CONFIG}: {key} {before} → {'null' if value is None else value}"


def _text_of(levels: list[dict[str, Any]]) -> dict[str, Any]:
    return next((level for level in levels if "vocab_size" in level), levels[0])


def _default(model: ModelFiles, role: str) -> int | None:
    key = f"{role}_token_id"
    if key in model.text or key in model.config or model.family is None:
        return None
    return model.family.default(role)


def _model(subject: Subject) -> ModelFiles:
    assert subject.model is not None
    return subject.model
