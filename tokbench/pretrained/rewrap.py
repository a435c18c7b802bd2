"""A folder for transformers from a bare tokenizer.json, or from a folder that lacks something."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tokbench.pretrained.describe import TokenizerInfo, describe
from tokbench.pretrained.folder import carried, ensure_free, load, replacing, save
from tokbench.pretrained.special_tokens import declared
from tokbench.pretrained.wrap import wrapper_config


def wrap_folder(
    name: str | Path,
    out: Path,
    *,
    roles: Mapping[str, str] | None = None,
    model_max_length: int | None = None,
    padding_side: str = "right",
    force: bool = False,
) -> TokenizerInfo:
    """Save the tokenizer with its roles declared: those given, over those its files tell or spell.

    Raises AskedWrongly for a role that does not exist or a token without an id.
    """
    ensure_free(out, force=force)
    folder = load(name)
    named = {**folder.roles, **(roles or {})}
    known = [token for token in named.values() if folder.tokenizer.token_to_id(token) is not None]
    tokenizer = declared(folder.tokenizer, known)
    config = wrapper_config(
        tokenizer,
        named,
        extra=folder.extra,
        model_max_length=model_max_length,
        padding_side=padding_side,
    )
    with replacing(out, force=force) as place:
        save(tokenizer, config, place, more=carried(folder))
    return describe(load(out))
