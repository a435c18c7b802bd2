"""A Tokenizer as transformers takes it: roles, lengths and input names, the same in versions 4 and 5."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_folder, ensure_writable
from tokbench.io.links import refuse_links_out
from tokbench.pretrained.companions import companions
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load, save_folder
from tokbench.pretrained.special_tokens import declared, refuse_unknown_roles, special_tokens_of, with_extra
from tokbench.pretrained.token_facts import changed_flags
from tokbench.pretrained.tokenizer_classes import exists
from tokbench.recipes.recipe import ROLES
from tokbench.recipes.validate import SIDES

if TYPE_CHECKING:
    from tokbench.pretrained.info import TokenizerInfo

# TokenizersBackend, the name that transformers 5 writes, does not exist in 4; Bert…, GPT2… and their like
# rebuild the normalizer and the pre-tokenizer in 5. This one takes tokenizer.json as it is in both.
CLASS = "PreTrainedTokenizerFast"
# Classes that are nothing but a pipeline, which tokenizer.json describes. Transformers 5 builds these
# pipelines anew and forgets the file's own; others (languages to switch, left padding) keep their class.
PLAIN = frozenset({
    "", CLASS, "TokenizersBackend", "AlbertTokenizer", "BertTokenizer", "DistilBertTokenizer",
    "ElectraTokenizer", "GPT2Tokenizer", "Qwen2Tokenizer", "RobertaTokenizer", "T5Tokenizer",
})  # fmt: skip
# Where a file lay on somebody's disk, and what tokenizer.json says already.
STALE = ("backend", "name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "merges_file",
         "is_local", "local_files_only", "added_tokens_decoder", "auto_map")  # fmt: skip


def wrapper_config(
    tokenizer: Tokenizer,
    special_tokens: Mapping[str, str],
    *,
    extra: Sequence[str] = (),
    model_max_length: int | None = None,
    padding_side: str = "right",
    truncation_side: str = "right",
    model_input_names: Sequence[str] | None = None,
    chat_template: str | Sequence[Mapping[str, str]] = "",
) -> dict[str, Any]:
    """The content of tokenizer_config.json: role → token, further special tokens, and how inputs are made.

    Every token must be special in the tokenizer already: the wrapper would make it so, and the raw
    library would then give other ids than transformers.
    """
    refuse_unknown_roles(special_tokens)
    _refuse_plain_tokens(tokenizer, {**special_tokens, **{token: token for token in extra}})
    for side in (padding_side, truncation_side):
        if side not in SIDES:
            raise UsageError(f"there is no side {side}", fix="right or left")
    config: dict[str, Any] = {f"{role}_token": token for role, token in special_tokens.items()}
    if extra:
        config["additional_special_tokens"] = list(extra)  # 4 cannot read 5's name for it, and 5 reads this
    if model_max_length is not None:
        config["model_max_length"] = model_max_length
    if chat_template:
        config["chat_template"] = chat_template
    return config | {
        **_space_config(tokenizer),
        "clean_up_tokenization_spaces": False,
        "model_input_names": list(model_input_names or input_names(tokenizer)),
        "padding_side": padding_side,
        "tokenizer_class": CLASS,
        "truncation_side": truncation_side,
    }


def first_space(tokenizer: Tokenizer) -> bool | None:
    """Whether the ByteLevel block puts a space before a text; None where that block is not the first.

    transformers 4 makes that block anew by the config's add_prefix_space, false where it is missing.
    """
    cutter = json.loads(tokenizer.pre_tokenizer.__getstate__()) if tokenizer.pre_tokenizer else {}
    return bool(cutter["add_prefix_space"]) if cutter.get("type") == "ByteLevel" else None


def _space_config(tokenizer: Tokenizer) -> dict[str, Any]:
    return {"add_prefix_space": True} if first_space(tokenizer) else {}


def input_names(tokenizer: Tokenizer) -> list[str]:
    """What a model of this tokenizer is given; token_type_ids only where a template tells segments apart."""
    processor = json.loads(tokenizer.post_processor.__getstate__()) if tokenizer.post_processor else {}
    segments = ["token_type_ids"] if tells_segments(processor) else []
    return ["input_ids", *segments, "attention_mask"]


def tells_segments(processor: Mapping[str, Any]) -> bool:
    """Whether a post-processor gives a pair two segments as encoders read them, with a token behind a text.

    Decoders' templates (Llama 3, Gemma) count a second text as 1 too, but their models take no segments:
    generate raises TypeError for token_type_ids.
    """
    return any(type_ids(processor)) and _ends_texts(processor)


def _ends_texts(processor: Mapping[str, Any]) -> bool:
    parts = [*(processor.get("single") or ())]
    inner = processor.get("processors") or ()
    ended = bool(parts) and "SpecialToken" in parts[-1]
    return processor.get("type") == "BertProcessing" or ended or any(map(_ends_texts, inner))


def type_ids(processor: Mapping[str, Any]) -> Iterator[int]:
    """All segment numbers that a post-processor, as tokenizer.json writes it, can give."""
    if processor.get("type") == "BertProcessing":
        yield 1
    for piece in (*(processor.get("single") or ()), *(processor.get("pair") or ())):
        for part in piece.values():
            yield part["type_id"]
    for inner in processor.get("processors") or ():
        yield from type_ids(inner)


def _refuse_plain_tokens(tokenizer: Tokenizer, named: Mapping[str, str]) -> None:
    special = special_tokens_of(tokenizer)
    for role, token in named.items():
        if token not in special:
            what = (
                "is not special in the tokenizer" if tokenizer.token_to_id(token) is not None else "has no id"
            )
            raise UsageError(
                f"the {role} token {token} {what}" if role in ROLES else f"the special token {token} {what}",
                fix="make it one of the tokenizer's special tokens first",
            )


def portable_config(
    folder: TokenizerFolder, tokenizer: Tokenizer, *, extra: Sequence[str] = (), gone: Collection[str] = ()
) -> dict[str, Any]:
    """The folder's config with every role spelt out and `extra` special tokens behind those it has.

    What is `gone` from the tokenizer is left out.
    """
    config = {key: value for key, value in folder.config.items() if key not in STALE}
    config = _with_roles(config, folder, tokenizer)
    return _with_class(
        with_extra(config, [each for each in (*folder.extra, *extra) if each not in gone]), tokenizer
    )


def _with_roles(config: dict[str, Any], folder: TokenizerFolder, tokenizer: Tokenizer) -> dict[str, Any]:
    special = special_tokens_of(tokenizer)
    roles = {f"{role}_token": token for role, token in folder.roles.items() if token in special}
    return {**roles, **{key: value for key, value in config.items() if value is not None or key not in roles}}


def _with_class(config: dict[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    name = str(config.get("tokenizer_class") or "").removesuffix("Fast")
    if name not in {known.removesuffix("Fast") for known in PLAIN} and exists(name):
        return config
    names = ["input_ids", "attention_mask"] if name == "DistilBertTokenizer" else input_names(tokenizer)
    return {"model_input_names": names, **config, **_space_config(tokenizer), "tokenizer_class": CLASS}


def with_loaded_flags(folder: TokenizerFolder) -> TokenizerFolder:
    """The folder with the flags of added tokens that transformers takes from added_tokens_decoder.

    A config that is written has no such list: what it says must go into tokenizer.json, or be lost.
    """
    changed = changed_flags(folder.tokenizer, folder.config)
    if not changed:
        return folder
    raw = json.loads(folder.tokenizer.to_str())
    for entry in raw["added_tokens"]:
        entry.update(changed.get(entry["content"], {}))
    tokenizer = Tokenizer.from_str(json.dumps(raw))
    return TokenizerFolder(
        folder.name, folder.path, tokenizer, raw, folder.config, folder.roles, folder.extra
    )


NO_LENGTH = 10**6  # what a config says of a longest input from here on means that there is none


def said_length(folder: TokenizerFolder) -> int | None:
    """The longest input that the config tells, if it tells one: transformers writes 1e30 for none."""
    said = folder.config.get("model_max_length")
    return said if isinstance(said, int) and 0 < said < NO_LENGTH else None


def wrap(
    tokenizer: TokenizerSource,
    output: str | Path,
    *,
    roles: Mapping[str, str] | None = None,
    model_max_length: int | None = None,
    padding_side: str = "",
    force: bool = False,
) -> TokenizerInfo:
    """Save the tokenizer with its roles declared: those given, over those its files tell or spell.

    Lengths, sides and chat templates are those of its tokenizer_config.json where nothing else is said.

    Raises UsageError for a role that does not exist or a token without an id, FileError when `output` is
    there already and not `force`.

    >>> from tempfile import TemporaryDirectory
    >>> from tokenizers import models
    >>> tokenizer = Tokenizer(models.WordLevel({"<pad>": 0, "<?>": 1, "cat": 2}, "<?>"))
    >>> with TemporaryDirectory() as place:
    ...     wrapped = wrap(tokenizer, Path(place) / "tok", roles={"unk": "<?>", "pad": "<pad>"})
    >>> wrapped.special_tokens
    {'unk': ('<?>', 1), 'pad': ('<pad>', 0)}
    """
    out = Path(output)
    ensure_writable(out, force=force)
    folder = with_loaded_flags(load(tokenizer))
    refuse_links_out(folder.path)
    named = {**folder.roles, **(roles or {})}
    known = [token for token in named.values() if folder.tokenizer.token_to_id(token) is not None]
    marked = declared(folder.tokenizer, known)
    config = wrapper_config(
        marked,
        named,
        extra=folder.extra,
        model_max_length=model_max_length or said_length(folder),
        padding_side=padding_side or folder.config.get("padding_side") or "right",
        truncation_side=folder.config.get("truncation_side") or "right",
        chat_template=folder.config.get("chat_template") or "",
    )
    with atomic_folder(out, force=force) as place:
        save_folder(marked, config, place)
        companions(folder.path).copy(place)
    from tokbench.pretrained.info import info  # which training, that wraps too, need not import

    return info(out)
