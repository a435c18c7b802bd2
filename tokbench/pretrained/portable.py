"""A tokenizer_config.json that says everything itself and loads alike in transformers 4 and 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from tokbench.pretrained.folder import TokenizerFolder
from tokbench.pretrained.special_tokens import EXTRA_KEYS, special_tokens_of
from tokbench.pretrained.wrap import CLASS, input_names

# Classes that are nothing but a pipeline, which tokenizer.json describes. Transformers 5 builds these
# pipelines anew and forgets the file's own; others (languages to switch, left padding) keep their class.
PLAIN = frozenset({
    "", CLASS, "TokenizersBackend", "AlbertTokenizer", "BertTokenizer", "DistilBertTokenizer",
    "ElectraTokenizer", "GPT2Tokenizer", "Qwen2Tokenizer", "RobertaTokenizer", "T5Tokenizer",
})  # fmt: skip
# Where a file lay on somebody's disk, and what tokenizer.json says already.
STALE = ("backend", "name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "merges_file",
         "is_local", "local_files_only", "added_tokens_decoder", "auto_map")  # fmt: skip


def portable_config(
    folder: TokenizerFolder, tokenizer: Tokenizer, *, extra: Sequence[str] = ()
) -> dict[str, Any]:
    """The folder's config with every role spelt out and `extra` special tokens behind those it has."""
    config = {key: value for key, value in folder.config.items() if key not in STALE}
    config = _with_roles(config, folder, tokenizer)
    config = _with_extra(config, [*folder.extra, *extra])
    return _with_class(config, tokenizer)


def _with_roles(config: dict[str, Any], folder: TokenizerFolder, tokenizer: Tokenizer) -> dict[str, Any]:
    special = special_tokens_of(tokenizer)
    roles = {f"{role}_token": token for role, token in folder.roles.items() if token in special}
    return {**roles, **{key: value for key, value in config.items() if value is not None or key not in roles}}


def _with_extra(config: dict[str, Any], tokens: Sequence[str]) -> dict[str, Any]:
    """Version 5's list goes by a name that 4 cannot read; its named tokens (an object) stay as they are."""
    kept = {
        key: value for key, value in config.items() if key not in EXTRA_KEYS or isinstance(value, Mapping)
    }
    if tokens:
        kept["additional_special_tokens"] = list(dict.fromkeys(tokens))
    return kept


def _with_class(config: dict[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    name = str(config.get("tokenizer_class") or "").removesuffix("Fast")
    if name not in {known.removesuffix("Fast") for known in PLAIN}:
        return config
    names = ["input_ids", "attention_mask"] if name == "DistilBertTokenizer" else input_names(tokenizer)
    return {"model_input_names": names, **config, "tokenizer_class": CLASS}
