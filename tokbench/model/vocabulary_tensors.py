"""The tensors that a vocabulary sizes, as a class tells them, and the keys that grow. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tokbench.errors import UsageError, did_you_mean
from tokbench.model.row_plan import WITHOUT_MODEL

KEY = "vocab_size"
STACKS = ("encoder", "decoder")


@dataclass(frozen=True, kw_only=True)
class VocabularyTensor:
    """A tensor with one row (or one value) a token along `dimension`.

    Its size there is the key's value + `offset`; it gains `step` when the key gains one. `aliases` are its
    other names, of matrices that are tied to it. A `buffer` is no parameter: nothing trains it. `embeds`
    says whether it turns ids into vectors.
    """

    name: str
    shape: tuple[int, ...]
    dimension: int
    offset: int
    step: int = 1
    aliases: tuple[str, ...] = ()
    buffer: bool = False
    embeds: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All its names."""
        return (self.name, *self.aliases)

    @property
    def rows(self) -> int:
        """The key's value, read from the shape."""
        return self.shape[self.dimension] - self.offset


@dataclass(frozen=True, kw_only=True)
class VocabularyTables:
    """Every vocabulary key of a config and what it sizes.

    `values` has all keys, dotted where they are nested; `tensors` those that size something; `untried` those
    with which the class refused to be built, and its words. `text` are the keys of the tokens that the model
    reads and writes: one, or several where encoder and decoder have a vocabulary each. `inputs` and `heads`
    name the matrices that read and that write tokens. `numbers` are the integers that follow a key: (module,
    attribute, what it is beyond the key's value).
    """

    values: Mapping[str, int]
    tensors: Mapping[str, tuple[VocabularyTensor, ...]]
    text: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    numbers: Mapping[str, tuple[tuple[str, str, int], ...]] = field(default_factory=dict)
    untried: Mapping[str, str] = field(default_factory=dict)

    def key_of(self, name: str) -> str:
        """The key that sizes the tensor of this name; "" when none does."""
        return next(
            (key for key, found in self.tensors.items() if any(name in each.names for each in found)), ""
        )

    def beside(self, key: str) -> tuple[str, ...]:
        """Keys of further tables over the same tokens: `vocab_size_per_layer_input` beside `vocab_size`."""
        return tuple(other for other in self.tensors if other != key and other.startswith(f"{key}_"))

    def silent(self, key: str) -> tuple[str, ...]:
        """Keys that size nothing and state the same number for the whole model or a stack, and follow.

        T5Gemma 2 has `encoder.text_config.vocab_size`, which sizes all its tables, and repeats the number as
        `decoder.vocab_size` and `vocab_size`.
        """
        place, _, last = key.rpartition(".")
        return tuple(
            other
            for other, value in self.values.items()
            if other not in self.tensors
            and other not in self.untried
            and value == self.values[key]
            and other.rpartition(".")[2] == last
            and (other.rpartition(".")[0] in STACKS or f"{place}.".startswith(other[: -len(last)]))
        )


def keys_to_grow(
    tables: VocabularyTables, name: str, vocabulary: Sequence[str], moves: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """The keys that grow with a tokenizer: those named, or the only one that the class reads tokens by.

    `name` is the class, `moves` key → others that its config changes with it when it is read again.
    UsageError names the class and the reason where it cannot grow: it reads no tokens, has several
    vocabularies and none was named, or has rows of its own behind its tokens.
    """
    keys = tuple(vocabulary) or tables.text
    for key in keys:
        if key not in tables.tensors:
            known = [each for each in tables.tensors if "type_" not in each]
            raise UsageError(f"{name} has no vocabulary {key}", fix=did_you_mean(key, known or ["none"]))
    if not keys:
        raise UsageError(
            f"{name} {_no_tokens(tables)}, so no row can be made for a new token", fix=WITHOUT_MODEL
        )
    _refuse_other_sizes(name, keys, tables, named=bool(vocabulary))
    for key in keys:
        _refuse_reserved(name, key, tables)
        for other in moves.get(key, ()):
            if other not in keys:
                raise UsageError(
                    f"{name} has {tables.values[other]:,} rows by {other} as well, which its config "
                    f"changes with {keys[0]} when it is read again",
                    fix=WITHOUT_MODEL,
                )
    return keys


def untied(name: str, first: str) -> UsageError:
    """What is wrong where a class ties two matrices that the file holds with other numbers each."""
    return UsageError(
        f"config.json ties {name} to {first}, and the file holds other numbers for each",
        fix='write "tie_word_embeddings": false into config.json, if it was trained with two',
    )


def _refuse_other_sizes(name: str, keys: Sequence[str], tables: VocabularyTables, *, named: bool) -> None:
    one_size = len({tables.values[key] for key in keys}) == 1
    if len(keys) > 1 and not named:
        sizes = " and ".join(f"{key} ({tables.values[key]:,})" for key in keys)
        both = " ".join(f"--vocabulary {key}" for key in keys)
        raise UsageError(
            f"{name} has {len(keys)} vocabularies, {sizes}, and does not say which is this tokenizer's",
            fix=f"name those that are: {both}" if one_size else WITHOUT_MODEL,
        )
    if not one_size:
        raise UsageError(
            f"{' and '.join(keys)} of {name} have other numbers of rows, which no one tokenizer has",
            fix=WITHOUT_MODEL,
        )


def _no_tokens(tables: VocabularyTables) -> str:
    for key, why in tables.untried.items():
        return f"cannot be built with another {key} ({why})"
    written = [key for key in tables.tensors if key.rpartition(".")[2] == "vocab_size"]
    return f"writes by {written[0]} and reads no tokens" if written else "reads no tokens"


def _refuse_reserved(name: str, key: str, tables: VocabularyTables) -> None:
    """Rows behind the vocabulary that the class itself reads would become the new token's."""
    for each in tables.tensors[key]:
        if each.offset or each.step != 1:
            what = f"{each.rows + each.offset:,} rows for {key} {each.rows:,}"
            what = what if each.step == 1 else f"{each.step:,} rows for each token"
            raise UsageError(
                f"{name} reads rows behind its vocabulary itself: {each.name} has {what}", fix=WITHOUT_MODEL
            )
    for other, tensors in tables.tensors.items():
        for each in tensors:
            behind = any(each.name.startswith(f"{table.rpartition('.')[0]}.") for table in tables.inputs)
            own = other in (key, *tables.beside(key)) or each.name in tables.inputs
            if behind and each.embeds and not own:
                raise UsageError(
                    f"{name} has a second table for ids behind its vocabulary, {each.name} by {other}",
                    fix=WITHOUT_MODEL,
                )
