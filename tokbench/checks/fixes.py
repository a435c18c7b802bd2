"""The fixes that rules name: each changes a staged copy of a folder where there is one right way to.

A fix takes the context and the copy, and yields what it changed, a line for each change. Rules only look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tokbench.checks.context import GENERIC, CheckContext, plain_decoder
from tokbench.checks.contradictions import (
    SENTENCEPIECE,
    contradicting_vocabularies,
    media_corrections,
    unseen_tokens,
)
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
from tokbench.pretrained.companions import CHAT_FILES
from tokbench.pretrained.special_tokens import EXTRA_KEYS, extra_of, guessed_roles, roles_of
from tokbench.pretrained.token_facts import changed_flags
from tokbench.pretrained.tokenizer_classes import exists
from tokbench.pretrained.wrap import CLASS, first_space, input_names, wrapper_config
from tokbench.recipes.validate import equal_tokens
from tokbench.tracing.spelling import blocks_of

Fix = Callable[[CheckContext, StagedCopy], Iterator[str]]
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def added_tokens_are_pinned(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """An added token that is numbered anew gets its id in the model's own vocabulary as well."""
    raw = copy.read(TOKENIZER)
    vocabulary = raw["model"].get("vocab")
    if not isinstance(vocabulary, dict):
        return
    taken = set(vocabulary.values())
    for entry in raw.get("added_tokens") or ():
        if context.vocabulary.get(entry["content"]) != entry["id"]:
            if entry["content"] in vocabulary or entry["id"] in taken:
                continue  # two tokens want one id: nobody but the owner knows which may have it
            vocabulary[entry["content"]] = entry["id"]
            yield f"{TOKENIZER}: {entry['content']} is {entry['id']} in the model's vocabulary too"
    copy.write(TOKENIZER, raw)


def specials_are_declared(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """A token with a role becomes a special added token, matched as it is written."""
    raw = copy.read(TOKENIZER)
    entries = raw.setdefault("added_tokens", [])
    known = {entry["content"]: entry for entry in entries}
    for token in context.specials:
        number = context.vocabulary.get(token)
        entry = known.get(token)
        if number is None or (entry is not None and PLAIN.items() <= entry.items()):
            continue
        if entry is None:
            entries.append({"id": number, "content": token, **PLAIN})
        else:
            entry.update(PLAIN)
        yield f"{TOKENIZER}: {token} is a special added token, id {number}"
    entries.sort(key=lambda each: int(each["id"]))
    copy.write(TOKENIZER, raw)


def specials_are_taken_as_written(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """A special token is matched in the text as it is, not in what the normalizer makes of it."""
    raw = copy.read(TOKENIZER)
    for entry in raw.get("added_tokens") or ():
        if entry.get("special") and entry.get("normalized"):
            entry["normalized"] = False
            yield f"{TOKENIZER}: {entry['content']} is not normalized"
    copy.write(TOKENIZER, raw)


def equal_tokens_are_taken_as_written(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """Added tokens that the normalizer makes one are each matched as they are written."""
    raw = copy.read(TOKENIZER)
    equal = {
        token
        for tokens in equal_tokens(context.tokenizer.normalizer, context.added.values()).values()
        for token in tokens
    }
    for entry in raw.get("added_tokens") or ():
        if entry["content"] in equal and entry.get("normalized"):
            entry["normalized"] = False
            yield f"{TOKENIZER}: {entry['content']} is not normalized"
    copy.write(TOKENIZER, raw)


def template_follows_the_vocabulary(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The post-processor's tokens get the ids of the vocabulary."""
    raw = copy.read(TOKENIZER)
    for block in blocks_of(raw, "post_processor"):
        for role in ("sep", "cls"):
            if isinstance(block.get(role), list) and _differs(context, *block[role]):
                token, before = block[role]
                block[role] = [token, context.vocabulary[token]]
                yield f"{TOKENIZER}: post_processor, {token} {before} → {context.vocabulary[token]}"
        for entry in (block.get("special_tokens") or {}).values():
            pairs = list(zip(entry["tokens"], entry["ids"], strict=True))
            for token, before in pairs:
                if _differs(context, token, before):
                    yield f"{TOKENIZER}: post_processor, {token} {before} → {context.vocabulary[token]}"
            entry["ids"] = [context.vocabulary.get(token, before) for token, before in pairs]
    copy.write(TOKENIZER, raw)


def decoder_undoes_the_blocks(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """A tokenizer without a decoder gets the one that undoes its pre-tokenizer and model; ids stay."""
    decoder = plain_decoder(context)
    if context.raw.get("decoder") is None and decoder is not None:
        raw = copy.read(TOKENIZER)
        raw["decoder"] = decoder
        copy.write(TOKENIZER, raw)
        yield f"{TOKENIZER}: decoder {decoder['type']}"


def nothing_is_baked_in(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """Truncation and padding of some earlier call leave tokenizer.json."""
    raw = copy.read(TOKENIZER)
    for key in ("truncation", "padding"):
        if raw.get(key):
            raw[key] = None
            yield f"{TOKENIZER}: {key} null"
    copy.write(TOKENIZER, raw)


def roles_name_known_tokens(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """A role whose token is unknown gets the special token that is spelt for it, if there is one."""
    usual = guessed_roles(context.raw)
    config = copy.read(TOKENIZER_CONFIG)
    for role, token in roles_of(config).items():
        if token not in context.vocabulary and usual.get(role) in context.vocabulary:
            config[f"{role}_token"] = usual[role]
            yield f"{TOKENIZER_CONFIG}: {role}_token {token} → {usual[role]}"
    copy.write(TOKENIZER_CONFIG, config)


def unknown_token_is_the_models(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The config names the unknown token that the model block gives."""
    yield from _set(copy, "unk_token", context.unknown)


def segments_are_given(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """token_type_ids come among the inputs."""
    yield from _set(copy, "model_input_names", input_names(context.tokenizer))


def segments_are_left_out(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """token_type_ids, for which the model has no rows, are no longer among the inputs."""
    names = [name for name in context.config["model_input_names"] if name != "token_type_ids"]
    yield from _set(copy, "model_input_names", names)


def longest_is_what_fits(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """model_max_length becomes the number of positions; without a known number it goes."""
    usable = context.model.usable_positions if context.model else None
    if usable is not None:
        yield from _set(copy, "model_max_length", usable)
    elif not 0 < (whole_or_none(context.config.get("model_max_length")) or 0) < NO_LIMIT:
        yield from _remove(copy, "model_max_length")


def config_is_written(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """tokenizer_config.json is made, its roles read off the usual spellings."""
    roles = guessed_roles(context.raw)
    roles = {role: token for role, token in roles.items() if token in context.vocabulary}
    special = {token.content for token in context.added.values() if token.special}
    if roles and set(roles.values()) <= special:
        copy.write(TOKENIZER_CONFIG, wrapper_config(context.tokenizer, roles))
        said = ", ".join(f"{role} {token}" for role, token in roles.items())
        yield f"{TOKENIZER_CONFIG}: written, with {said}"


def both_versions_read_it(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The class and the list of further special tokens get the names that both versions know."""
    config = copy.read(TOKENIZER_CONFIG)
    named = config.get("tokenizer_class")
    if named == GENERIC[1] or (isinstance(named, str) and not exists(named)):
        config["tokenizer_class"] = CLASS
        yield f"{TOKENIZER_CONFIG}: tokenizer_class {CLASS}"
    if isinstance(config.get(EXTRA_KEYS[1]), list):
        more = list(extra_of(config))
        del config[EXTRA_KEYS[1]]
        config[EXTRA_KEYS[0]] = more
        yield f"{TOKENIZER_CONFIG}: {EXTRA_KEYS[1]} is called {EXTRA_KEYS[0]}"
    copy.write(TOKENIZER_CONFIG, config)


def class_is_generic(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The class becomes the one that takes tokenizer.json as it is; inputs and roles are spelt out."""
    if context.is_generic:
        return
    config = copy.read(TOKENIZER_CONFIG)
    config.setdefault("model_input_names", input_names(context.tokenizer))
    before, config["tokenizer_class"] = config.get("tokenizer_class"), CLASS
    copy.write(TOKENIZER_CONFIG, config)
    yield f"{TOKENIZER_CONFIG}: tokenizer_class {before} → {CLASS}"


def no_code_is_asked_for(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """auto_map leaves tokenizer_config.json."""
    yield from _remove(copy, "auto_map")


def dropping(*names: str) -> Fix:
    """A fix that takes these files out of the folder, as far as they contradict tokenizer.json."""

    def stale_files_go(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
        for name in names:
            if (copy.folder / name).exists():
                copy.drop(name)
                yield f"{name}: deleted"

    return stale_files_go


def contradicting_files_go(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """Vocabularies in other formats leave the folder where they are not this tokenizer's."""
    names = [said.file for said, _ in contradicting_vocabularies(context)]
    for name in dict.fromkeys([*names, *([SENTENCEPIECE] if unseen_tokens(context) else [])]):
        copy.drop(name)
        yield f"{name}: deleted"


def flags_are_those_transformers_takes(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The flags of added_tokens_decoder, which transformers takes, come into tokenizer.json."""
    raw = copy.read(TOKENIZER)
    changed = changed_flags(context.tokenizer, context.config)
    for entry in raw.get("added_tokens") or ():
        flags = changed.get(entry.get("content"), {})
        if flags:
            entry.update(flags)
            told = ", ".join(f"{name} {str(value).lower()}" for name, value in flags.items())
            yield f"{TOKENIZER}: {entry['content']} has {told}"
    if changed:
        copy.write(TOKENIZER, raw)


def media_are_the_tokenizers(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The ids of images, sounds and the like become the tokenizer's, and unknown names its known ones."""
    for file, key, value in media_corrections(context):
        content = copy.read(file)
        for part in [part for part in (content, content.get("text_config")) if isinstance(part, dict)]:
            if part.get(key, value) != value:
                yield f"{file}: {key} {part[key]} → {value}"
                part[key] = value
        copy.write(file, content)


def first_space_is_said(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """add_prefix_space, which transformers 4 takes for false where it is missing, is written down."""
    if first_space(context.tokenizer) and context.config.get("add_prefix_space") is None:
        yield from _set(copy, "add_prefix_space", value=True)


def other_templates_follow(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """JSON files that have a chat template of their own get the text of chat_template.jinja."""
    written = context.chat.written if context.chat is not None else ()
    text = next((each.text for each in written if each.file == CHAT_FILES[0]), None)
    for name in (TOKENIZER_CONFIG, CHAT_FILES[1], "processor_config.json"):
        content = copy.read(name)
        other = content.get("chat_template")
        if text is not None and isinstance(other, str) and other.strip() != text.strip():
            copy.write(name, {**content, "chat_template": text})
            yield f"{name}: chat_template as in {CHAT_FILES[0]}"


def _set(copy: StagedCopy, key: str, value: object) -> Iterator[str]:
    config = copy.read(TOKENIZER_CONFIG)
    if config.get(key) != value:
        before, config[key] = config.get(key), value
        copy.write(TOKENIZER_CONFIG, config)
        yield f"{TOKENIZER_CONFIG}: {key} {before} → {value}"


def _remove(copy: StagedCopy, key: str) -> Iterator[str]:
    config = copy.read(TOKENIZER_CONFIG)
    if key in config:
        before = config.pop(key)
        copy.write(TOKENIZER_CONFIG, config)
        yield f"{TOKENIZER_CONFIG}: {key} {before} taken out"


def _differs(context: CheckContext, token: str, number: int) -> bool:
    return context.vocabulary.get(token, number) != number


def vocab_size_is_counted(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """vocab_size becomes the rows of the weights, where all matrices have the same and all ids fit."""
    model = _model(context)
    sizes = {*model.embeddings.values(), *model.outputs.values()}
    if len(sizes) == 1 and context.size <= min(sizes):
        yield from _put(copy, "vocab_size", sizes.pop())


def padding_id_is_the_tokenizers(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """pad_token_id becomes the tokenizer's; not where positions are counted from it, for they would move."""
    number = context.id_of("pad")
    if number is not None and not _model(context).counted_positions:
        yield from _put(copy, "pad_token_id", number)


def special_ids_are_the_tokenizers(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """Each special id that differs, or has no row, becomes the tokenizer's; without one there it goes."""
    rows = _model(context).rows
    for role in ("pad", *ROLES):
        own, key = context.id_of(role), f"{role}_token_id"
        stated = _model(context).number(key)
        default = _default(_model(context), role) if stated is None else stated
        beyond = rows is not None and default is not None and not 0 <= default < rows
        if own is not None and own != default and (role != "pad" or beyond):
            yield from _put(copy, key, own)
        elif own is None and beyond:
            yield from _put(copy, key, None)
    yield from _generating(context, copy, rows)


def decoder_starts_with_padding(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """decoder_start_token_id becomes the padding id, as T5 has it."""
    padding = context.id_of("pad")
    if padding is not None:
        yield from _put(copy, START, padding)


def generation_stops_at_the_turn(context: CheckContext, copy: StagedCopy) -> Iterator[str]:
    """The token that ends a turn joins the ids at which generation stops, where they are written."""
    end = context.chat.ends_with_id if context.chat is not None else None
    for name in (GENERATION, CONFIG):
        content = copy.read(name)
        stated = content.get("eos_token_id")
        numbers = stated if isinstance(stated, list) else [stated]
        if end is not None and stated is not None:
            if end not in numbers:
                copy.write(name, {**content, "eos_token_id": [*numbers, end]})
                yield f"{name}: eos_token_id {stated} → {[*numbers, end]}"
            return


def _generating(context: CheckContext, copy: StagedCopy, rows: int | None) -> Iterator[str]:
    generation = copy.read(GENERATION)
    for role in ROLES:
        key, own = f"{role}_token_id", context.id_of(role)
        given = generation.get(key)
        stated = [whole_or_none(each) for each in (given if isinstance(given, list) else [given])]
        if own is not None and given is not None and own not in stated:
            generation[key] = own
            copy.write(GENERATION, generation)
            yield f"{GENERATION}: {key} {given} → {own}"


def _put(copy: StagedCopy, key: str, value: int | None) -> Iterator[str]:
    """Write a key where it stands: in the config itself, or in the part that speaks of the text model."""
    config = copy.read(CONFIG)
    levels = [config, *(config[name] for name in NESTED if isinstance(config.get(name), dict))]
    holding: dict[str, Any] = next((level for level in levels if key in level), _text_of(levels))
    if key in holding and holding[key] == value:
        return
    before = holding.get(key, "the model's default")
    holding[key] = value
    copy.write(CONFIG, config)
    yield f"{CONFIG}: {key} {before} → {'null' if value is None else value}"


def _text_of(levels: list[dict[str, Any]]) -> dict[str, Any]:
    return next((level for level in levels if "vocab_size" in level), levels[0])


def _default(model: ModelFiles, role: str) -> int | None:
    key = f"{role}_token_id"
    if key in model.text or key in model.config or model.family is None:
        return None
    return model.family.default(role)


def _model(context: CheckContext) -> ModelFiles:
    assert context.model is not None
    return context.model


OF_MODELS = (
    vocab_size_is_counted,
    padding_id_is_the_tokenizers,
    special_ids_are_the_tokenizers,
    decoder_starts_with_padding,
    generation_stops_at_the_turn,
)  # they change the model's folder, all others the tokenizer's
