"""The choices behind one tokenizer, as frozen data and as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any

from tokbench.errors import FileError, RecipeError, did_you_mean
from tokbench.recipes.options import table_value, table_values, text_value, text_values, whole_value

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block by the library's name for it, with the options that differ from the defaults."""

    type: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The choices behind one tokenizer; what is not chosen is the library's default.

    algorithm: bpe, wordpiece, unigram, wordlevel or character.
    vocab_size: tokens, special ones included.
    special_tokens: role → token, in id order from 0; a token may have several roles and then has one id.
    extra_special_tokens: without a role, after those.
    added_tokens: found whole in texts as they are, but not special, after those.
    token_options: special or added token → lstrip, rstrip, single_word, normalized.
    normalizers, pre_tokenizers, decoders: done in this order; without decoders, those that undo the rest.
    training_pre_tokenizers: done after the others in training alone, so that no piece is learned across
    their cuts; SentencePiece cuts at spaces only there.
    model, trainer: options of the algorithm.
    wrapper: model_max_length, padding_side, truncation_side, model_input_names, chat_template.

    >>> chosen = Recipe(algorithm="wordpiece", special_tokens={"pad": "[PAD]", "unk": "[UNK]"})
    >>> chosen.tokens, chosen.vocab_size
    (('[PAD]', '[UNK]'), 30000)
    >>> from_toml(to_toml(chosen)) == chosen
    True
    """

    algorithm: str = "bpe"
    vocab_size: int = 30_000
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    extra_special_tokens: tuple[str, ...] = ()
    added_tokens: tuple[str, ...] = ()
    token_options: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    normalizers: tuple[Block, ...] = ()
    pre_tokenizers: tuple[Block, ...] = ()
    training_pre_tokenizers: tuple[Block, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    post_processor: Block | None = None
    decoders: tuple[Block, ...] = ()
    wrapper: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The special tokens in the order of their ids, each once."""
        return tuple(dict.fromkeys((*self.special_tokens.values(), *self.extra_special_tokens)))

    @property
    def given_tokens(self) -> tuple[str, ...]:
        """All tokens that are given and not learned, in the order of their ids: special ones, then added."""
        return (*self.tokens, *self.added_tokens)

    @property
    def is_byte_level(self) -> bool:
        """Whether the pieces are made of bytes written as characters."""
        return any(each.type == "ByteLevel" for each in flat((*self.normalizers, *self.pre_tokenizers)))


def block(name: str, /, **options: Any) -> Block:  # noqa: ANN401  an option is any value that TOML has
    """A block in one line.

    >>> block("Strip", left=False)
    Block(type='Strip', options={'left': False})
    """
    return Block(type=name, options=options)


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """These blocks in order, each Sequence replaced by what is inside it."""
    for each in blocks:
        inner = each.options.get("blocks")
        if each.type == "Sequence" and isinstance(inner, list | tuple):
            yield from flat(read_blocks(inner, "Sequence.blocks"))
        else:
            yield each


def read_block(value: object, where: str) -> Block:
    """A block from TOML: its name alone, or a table with its type and options."""
    if isinstance(value, str | Block):
        return Block(type=value) if isinstance(value, str) else value
    options = dict(table_value(value, where))
    name = options.pop("type", None)
    if not isinstance(name, str):
        raise RecipeError(f'{where} needs a type, such as type = "NFC"', fix="list them: tokbench blocks")
    return Block(type=name, options=options)


def read_blocks(value: object, where: str) -> tuple[Block, ...]:
    """Blocks from TOML, in order."""
    if not isinstance(value, list | tuple):
        raise RecipeError(f"{where} must be a list of blocks, not {value!r}", fix=f'{where} = ["NFC"]')
    return tuple(read_block(each, f"{where}.{number}") for number, each in enumerate(value))


def to_data(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a TOML document would hold it; what is empty is left out."""
    data = {each.name: _plain(getattr(recipe, each.name)) for each in fields(recipe)}
    return {key: value for key, value in data.items() if value not in ({}, [], None)}


def from_data(data: Mapping[str, Any], *, name: str = "recipe") -> Recipe:
    """The recipe that a TOML document holds; RecipeError for a key that no recipe has."""
    for key in data:
        if key not in _READERS:
            raise RecipeError(f"{name}: a recipe has no {key}", fix=did_you_mean(key, _READERS))
    return Recipe(**{key: _READERS[key](value, f"{name}: {key}") for key, value in data.items()})


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML text."""
    import tomli_w

    return tomli_w.dumps(to_data(recipe))


def from_toml(text: str, *, name: str = "recipe") -> Recipe:
    """The recipe in a TOML text; `name` says in errors where the text is from.

    >>> from_toml('normalizers = ["NFC"]').normalizers
    (Block(type='NFC', options={}),)
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{name} is not TOML: {error}", fix="see one: tokbench presets bert") from error
    return from_data(data, name=name)


def read_recipe(path: str | PathLike[str]) -> Recipe:
    """The recipe in a TOML file."""
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{place} is not UTF-8 text: {error}", fix="save it as UTF-8") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot read the recipe {place}: {reason}", fix="check the path") from error
    return from_toml(text, name=str(place))


def change(recipe: Recipe, settings: Mapping[str, str]) -> Recipe:
    """The recipe with other choices: dotted key → value, as in TOML, or text without quotes.

    A number in a key counts the blocks from 0. A key with an empty value takes the choice away.

    >>> change(Recipe(), {"trainer.min_frequency": "2", "special_tokens.pad": "[PAD]"}).trainer
    {'min_frequency': 2}
    >>> change(Recipe(vocab_size=8000), {"vocab_size": ""}).vocab_size
    30000
    """
    data = to_data(recipe)
    for key, value in settings.items():
        _put(data, key, value)
    return from_data(data, name="--set")


def _put(data: dict[str, Any], key: str, value: str) -> None:
    """Set or take away what a dotted key names."""
    *path, last = key.split(".")
    inner: Any = data
    for number, name in enumerate(path):
        inner = _inside(inner, name, ".".join(path[: number + 1]))
    place: Any = _place(inner, last, key) if isinstance(inner, list) else last
    if value:
        inner[place] = value if path == ["special_tokens"] else _value(value)
    elif isinstance(inner, list) or place in inner:
        del inner[place]


def _inside(outer: Any, name: str, where: str) -> Any:  # noqa: ANN401
    """The table or list that a name leads to; a table that is not there yet begins here."""
    inner = outer[_place(outer, name, where)] if isinstance(outer, list) else outer.setdefault(name, {})
    if not isinstance(inner, dict | list):
        raise RecipeError(f"{where} has nothing inside it", fix=f"set it as a whole: {where}=…")
    return inner


def _place(blocks: list[Any], name: str, where: str) -> int:
    if not name.isdecimal() or int(name) >= len(blocks):
        raise RecipeError(
            f"{where}: there are {len(blocks)} here, counted from 0, and no {name}",
            fix='set them as a whole: normalizers=["NFC", "Lowercase"]',
        )
    return int(name)


def _value(text: str) -> Any:  # noqa: ANN401
    """What a text says in TOML, or the text itself when it is no TOML value."""
    try:
        read = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text


def _plain(value: Any) -> Any:  # noqa: ANN401
    """The value without our types and tuples."""
    if isinstance(value, Block):
        return {"type": value.type, **_plain(value.options)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _roles(value: object, where: str) -> dict[str, str]:
    for role in table_value(value, where):
        if role not in ROLES:
            raise RecipeError(f"{where}: there is no role {role}", fix=did_you_mean(role, ROLES))
    return {role: text_value(token, f"{where}.{role}") for role, token in table_value(value, where).items()}


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "algorithm": text_value,
    "vocab_size": whole_value,
    "special_tokens": _roles,
    "extra_special_tokens": text_values,
    "added_tokens": text_values,
    "token_options": table_values,
    "normalizers": read_blocks,
    "pre_tokenizers": read_blocks,
    "training_pre_tokenizers": read_blocks,
    "model": table_value,
    "trainer": table_value,
    "post_processor": read_block,
    "decoders": read_blocks,
    "wrapper": table_value,
}
