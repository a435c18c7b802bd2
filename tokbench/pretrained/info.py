"""What a tokenizer is: its blocks in order, its sizes, its special tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokbench.pretrained.chat_facts import ChatFacts, chat_facts
from tokbench.pretrained.folder import TokenizerSource, load
from tokbench.pretrained.token_facts import changed_flags
from tokbench.results import Result
from tokbench.tracing.spelling import blocks_of

LONGEST = 2_000  # characters of an option's value: all regexes that we met, and not Precompiled's table


@dataclass(frozen=True, kw_only=True, repr=False)
class TokenizerInfo(Result, kind="info"):
    """A tokenizer in words: blocks as `Name(option=value)`, sizes, roles and ids.

    `vocab_size` counts the model's own tokens, `tokens` the added ones too; a model needs at least
    `rows_needed` embedding rows (highest id + 1). `saved_lengths` is what tokenizer.json holds of padding and
    truncation, which encode and trace leave to the call. `loaded_as` is added token → flag → value where
    transformers takes another flag than tokenizer.json has; `chat` is what the chat template does, if any.
    """

    name: str
    model: str
    vocab_size: int
    tokens: int
    rows_needed: int
    normalizers: tuple[str, ...]
    pre_tokenizers: tuple[str, ...]
    post_processor: tuple[str, ...]
    decoders: tuple[str, ...]
    special_tokens: Mapping[str, tuple[str, int | None]]
    added_tokens: int
    tokenizer_class: str
    model_max_length: int | None
    padding_side: str
    model_input_names: tuple[str, ...]
    saved_lengths: str = ""
    loaded_as: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    chat: ChatFacts | None = None


def info(tokenizer: TokenizerSource) -> TokenizerInfo:
    """What a tokenizer is: its blocks in order, its sizes, its special tokens.

    Raises FileError where there is no tokenizer.

    >>> from tokenizers import Tokenizer, models
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "cat": 1}, "[UNK]"))
    >>> found = info(tokenizer)
    >>> found.model, found.tokens, found.special_tokens
    ("WordLevel(unk_token='[UNK]')", 2, {'unk': ('[UNK]', 0)})
    """
    folder = load(tokenizer)
    library, raw, config = folder.tokenizer, folder.blocks, folder.config
    vocabulary = library.get_vocab(with_added_tokens=True)
    longest = config.get("model_max_length")
    return TokenizerInfo(
        name=folder.name,
        model=_shown(raw.get("model") or {}, skip=("vocab", "merges")),
        vocab_size=library.get_vocab_size(with_added_tokens=False),
        tokens=len(vocabulary),
        rows_needed=max(vocabulary.values(), default=-1) + 1,
        normalizers=_blocks(raw, "normalizer"),
        pre_tokenizers=_blocks(raw, "pre_tokenizer"),
        post_processor=_blocks(raw, "post_processor"),
        decoders=_blocks(raw, "decoder"),
        special_tokens={role: (token, vocabulary.get(token)) for role, token in folder.roles.items()},
        added_tokens=len(raw.get("added_tokens") or ()),
        tokenizer_class=str(config.get("tokenizer_class", "")),
        model_max_length=longest if isinstance(longest, int) and longest < 10**9 else None,
        padding_side=str(config.get("padding_side", "right")),
        model_input_names=tuple(config.get("model_input_names") or ("input_ids", "attention_mask")),
        saved_lengths=folder.saved_lengths,
        loaded_as=changed_flags(library, config),
        chat=chat_facts(folder),
    )


def _blocks(raw: Mapping[str, Any], place: str) -> tuple[str, ...]:
    return tuple(
        f"TemplateProcessing({_template(block['single'])} | {_template(block['pair'])})"
        if block.get("type") == "TemplateProcessing"
        else _shown(block)
        for block in blocks_of(raw, place)
    )


def _template(parts: list[Mapping[str, Mapping[str, Any]]]) -> str:
    words = []
    for part in parts:
        [(kind, value)] = part.items()
        name = f"${value['id']}" if kind == "Sequence" else value["id"]
        words.append(f"{name}:{value['type_id']}")
    return " ".join(words)


def _shown(block: Mapping[str, Any], skip: tuple[str, ...] = ()) -> str:
    options = ", ".join(
        f"{name}={_short(value)}"
        for name, value in block.items()
        if name != "type" and name not in skip and value is not None
    )
    return f"{block.get('type', '?')}({options})"


def _short(value: object) -> str:
    """A value as it is: a cut regex says nothing; what is binary, and long, is cut."""
    words = repr(value)
    return words if len(words) <= LONGEST or isinstance(value, dict) else f"{words[:LONGEST]}…"
