"""What mends a tokenizer's files, where there is one way to mend them; rules look, these change.

Each takes the subject and a draft of its folder, changes the draft and says what it changed, a line each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tokbench.checks.context import GENERIC, CheckContext, plain_decoder
from tokbench.checks.model_files import (
    CONFIG,
    GENERATION,
    NESTED,
    NO_LIMIT,
    ROLES,
    START,
    ModelFiles,
    whole_or_none,
)
from tokbench.checks.staging import StagedCopy
from tokbench.pretrained.special_tokens import EXTRA_KEYS, extra_of, guessed_roles, roles_of
from tokbench.pretrained.wrap import CLASS, input_names, wrapper_config
from tokbench.tracing.spelling import blocks_of

Fix = Callable[[CheckContext, StagedCopy], Iterator[str]]
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def added_tokens_are_pinned(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """An added token that is numbered anew gets its id in the model's own vocabulary as well."""
    raw = draft.read(TOKENIZER)
    vocabulary = raw["model"].get("vocab")
    if not isinstance(vocabulary, dict):
        return
    taken = set(vocabulary.values())
    for entry in raw.get("added_tokens") or ():
        if subject.vocabulary.get(entry["content"]) != entry["id"]:
            if entry["content"] in vocabulary or entry["id"] in taken:
                continue  # two tokens want one id: nobody but the owner knows which may have it
            vocabulary[entry["content"]] = entry["id"]
            yield f"{TOKENIZER}: {entry['content']} is {entry['id']} in the model's vocabulary too"
    draft.write(TOKENIZER, raw)


def specials_are_declared(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """A token with a role becomes a special added token, matched as it is written."""
    raw = draft.read(TOKENIZER)
    entries = raw.setdefault("added_tokens", [])
    known = {entry["content"]: entry for entry in entries}
    for token in subject.specials:
        number = subject.vocabulary.get(token)
        entry = known.get(token)
        if number is None or (entry is not None and PLAIN.items() <= entry.items()):
            continue
        if entry is None:
            entries.append({"id": number, "content": token, **PLAIN})
        else:
            entry.update(PLAIN)
        yield f"{TOKENIZER}: {token} is a special added token, id {number}"
    entries.sort(key=lambda each: int(each["id"]))
    draft.write(TOKENIZER, raw)


def specials_are_taken_as_written(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """A special token is matched in the text as it is, not in what the normalizer makes of it."""
    raw = draft.read(TOKENIZER)
    for entry in raw.get("added_tokens") or ():
        if entry.get("special") and entry.get("normalized"):
            entry["normalized"] = False
            yield f"{TOKENIZER}: {entry['content']} is not normalized"
    draft.write(TOKENIZER, raw)


def template_follows_the_vocabulary(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """The post-processor's tokens get the ids of the vocabulary."""
    raw = draft.read(TOKENIZER)
    for block in blocks_of(raw, "post_processor"):
        for role in ("sep", "cls"):
            if isinstance(block.get(role), list) and _differs(subject, *block[role]):
                token, before = block[role]
                block[role] = [token, subject.vocabulary[token]]
                yield f"{TOKENIZER}: post_processor, {token} {before} → {subject.vocabulary[token]}"
        for entry in (block.get("special_tokens") or {}).values():
            pairs = list(zip(entry["tokens"], entry["ids"], strict=True))
            for token, before in pairs:
                if _differs(subject, token, before):
                    yield f"{TOKENIZER}: post_processor, {token} {before} → {subject.vocabulary[token]}"
            entry["ids"] = [subject.vocabulary.get(token, before) for token, before in pairs]
    draft.write(TOKENIZER, raw)


def decoder_undoes_the_blocks(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """A tokenizer without a decoder gets the one that undoes its pre-tokenizer and model; ids stay."""
    decoder = plain_decoder(subject)
    if subject.raw.get("decoder") is None and decoder is not None:
        raw = draft.read(TOKENIZER)
        raw["decoder"] = decoder
        draft.write(TOKENIZER, raw)
        yield f"{TOKENIZER}: decoder {decoder['type']}"


def nothing_is_baked_in(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """Truncation and padding of some earlier call leave tokenizer.json."""
    raw = draft.read(TOKENIZER)
    for key in ("truncation", "padding"):
        if raw.get(key):
            raw[key] = None
            yield f"{TOKENIZER}: {key} null"
    draft.write(TOKENIZER, raw)


def roles_name_known_tokens(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """A role whose token is unknown gets the special token that is spelt for it, if there is one."""
    usual = guessed_roles(subject.raw)
    config = draft.read(TOKENIZER_CONFIG)
    for role, token in roles_of(config).items():
        if token not in subject.vocabulary and usual.get(role) in subject.vocabulary:
            config[f"{role}_token"] = usual[role]
            yield f"{TOKENIZER_CONFIG}: {role}_token {token} → {usual[role]}"
    draft.write(TOKENIZER_CONFIG, config)


def unknown_token_is_the_models(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """The config names the unknown token that the model block gives."""
    yield from _set(draft, "unk_token", subject.unknown)


def segments_are_given(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """token_type_ids come among the inputs."""
    yield from _set(draft, "model_input_names", input_names(subject.tokenizer))


def segments_are_left_out(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """token_type_ids, for which the model has no rows, are no longer among the inputs."""
    names = [name for name in subject.config["model_input_names"] if name != "token_type_ids"]
    yield from _set(draft, "model_input_names", names)


def longest_is_what_fits(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """model_max_length becomes the number of positions; without a known number it goes."""
    usable = subject.model.usable_positions if subject.model else None
    if usable is not None:
        yield from _set(draft, "model_max_length", usable)
    elif not 0 < (whole_or_none(subject.config.get("model_max_length")) or 0) < NO_LIMIT:
        yield from _remove(draft, "model_max_length")


def config_is_written(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """tokenizer_config.json is made, its roles read off the usual spellings."""
    roles = guessed_roles(subject.raw)
    roles = {role: token for role, token in roles.items() if token in subject.vocabulary}
    special = {token.content for token in subject.added.values() if token.special}
    if roles and set(roles.values()) <= special:
        draft.write(TOKENIZER_CONFIG, wrapper_config(subject.tokenizer, roles))
        said = ", ".join(f"{role} {token}" for role, token in roles.items())
        yield f"{TOKENIZER_CONFIG}: written, with {said}"


def both_versions_read_it(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """The class and the list of further special tokens get the names that both versions know."""
    config = draft.read(TOKENIZER_CONFIG)
    if config.get("tokenizer_class") == GENERIC[1]:
        config["tokenizer_class"] = CLASS
        yield f"{TOKENIZER_CONFIG}: tokenizer_class {CLASS}"
    if isinstance(config.get(EXTRA_KEYS[1]), list):
        more = list(extra_of(config))
        del config[EXTRA_KEYS[1]]
        config[EXTRA_KEYS[0]] = more
        yield f"{TOKENIZER_CONFIG}: {EXTRA_KEYS[1]} is called {EXTRA_KEYS[0]}"
    draft.write(TOKENIZER_CONFIG, config)


def class_is_generic(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """The class becomes the one that takes tokenizer.json as it is; inputs and roles are spelt out."""
    if subject.is_generic:
        return
    config = draft.read(TOKENIZER_CONFIG)
    config.setdefault("model_input_names", input_names(subject.tokenizer))
    before, config["tokenizer_class"] = config.get("tokenizer_class"), CLASS
    draft.write(TOKENIZER_CONFIG, config)
    yield f"{TOKENIZER_CONFIG}: tokenizer_class {before} → {CLASS}"


def no_code_is_asked_for(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """auto_map leaves tokenizer_config.json."""
    yield from _remove(draft, "auto_map")


def dropping(*names: str) -> Fix:
    """A fix that takes these files out of the folder, as far as they contradict tokenizer.json."""

    def stale_files_go(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
        for name in names:
            if (draft.folder / name).exists():
                draft.drop(name)
                yield f"{name}: deleted"

    return stale_files_go


def _set(draft: StagedCopy, key: str, value: object) -> Iterator[str]:
    config = draft.read(TOKENIZER_CONFIG)
    if config.get(key) != value:
        before, config[key] = config.get(key), value
        draft.write(TOKENIZER_CONFIG, config)
        yield f"{TOKENIZER_CONFIG}: {key} {before} → {value}"


def _remove(draft: StagedCopy, key: str) -> Iterator[str]:
    config = draft.read(TOKENIZER_CONFIG)
    if key in config:
        before = config.pop(key)
        draft.write(TOKENIZER_CONFIG, config)
        yield f"{TOKENIZER_CONFIG}: {key} {before} taken out"


def _differs(subject: CheckContext, token: str, number: int) -> bool:
    return subject.vocabulary.get(token, number) != number


def vocab_size_is_counted(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """vocab_size becomes the rows of the weights, where all matrices have the same and all ids fit."""
    model = _model(subject)
    sizes = {*model.embeddings.values(), *model.outputs.values()}
    if len(sizes) == 1 and subject.size <= min(sizes):
        yield from _put(draft, "vocab_size", sizes.pop())


def padding_id_is_the_tokenizers(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """pad_token_id becomes the tokenizer's; not where positions are counted from it, for they would move."""
    family, number = _model(subject).family, subject.id_of("pad")
    if number is not None and not (family is not None and family.positions == "after pad"):
        yield from _put(draft, "pad_token_id", number)


def special_ids_are_the_tokenizers(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
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


def decoder_starts_with_padding(subject: CheckContext, draft: StagedCopy) -> Iterator[str]:
    """decoder_start_token_id becomes the padding id, as T5 has it."""
    padding = subject.id_of("pad")
    if padding is not None:
        yield from _put(draft, START, padding)


def _generating(subject: CheckContext, draft: StagedCopy, rows: int | None) -> Iterator[str]:
    generation = draft.read(GENERATION)
    for role in ROLES:
        key, own = f"{role}_token_id", subject.id_of(role)
        given = generation.get(key)
        stated = [whole_or_none(each) for each in (given if isinstance(given, list) else [given])]
        if own is not None and given is not None and own not in stated:
            generation[key] = own
            draft.write(GENERATION, generation)
            yield f"{GENERATION}: {key} {given} → {own}"


def _put(draft: StagedCopy, key: str, value: int | None) -> Iterator[str]:
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


def _model(subject: CheckContext) -> ModelFiles:
    assert subject.model is not None
    return subject.model


OF_MODELS = (
    vocab_size_is_counted,
    padding_id_is_the_tokenizers,
    special_ids_are_the_tokenizers,
    decoder_starts_with_padding,
)  # they change the model's folder, all others the tokenizer's
