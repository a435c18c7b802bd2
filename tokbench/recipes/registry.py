"""A table of blocks: a name leads to what the block does, what makes it, and the options it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tokenizers import Regex

from tokbench.errors import RecipeError, did_you_mean
from tokbench.io.library_errors import is_panic, library_errors_as
from tokbench.recipes.options import Option, checked_options

if TYPE_CHECKING:
    from tokbench.recipes.recipe import Block

Made = TypeVar("Made")

# What a block reads and writes of a text on its way: letters and spaces as they were typed, letters that
# stand for bytes, ▁ in the place of a space, accents set apart; and of tokens on their way back, each alone.
LETTERS, SPACES, BYTE_LETTERS, MARKS, APART = "letters", "spaces", "byte letters", "▁", "accents set apart"
TOKENS, ONE_TOKEN = "tokens", "one text"
# What is written takes away what was there before.
TAKES = {BYTE_LETTERS: (LETTERS, SPACES), MARKS: (SPACES,), ONE_TOKEN: (TOKENS,)}
Contents = tuple[str, ...] | Callable[[Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True)
class BlockSpec(Generic[Made]):
    """One block of the library: what it does in a sentence, what makes it, its options.

    `reads` and `writes` say what it looks for in a text and what it puts there, for these options.
    """

    about: str
    make: Callable[..., Made]
    options: Mapping[str, Option] = field(default_factory=dict)
    reads: Contents = ()
    writes: Contents = ()


def contents(declared: Contents, options: Mapping[str, Any]) -> tuple[str, ...]:
    """What a block with these options reads or writes."""
    return declared if isinstance(declared, tuple) else declared(options)


def make(each: Block, table: Mapping[str, BlockSpec[Made]], what: str) -> Made:
    """The library's block for this one of a recipe; `what` is the word for such blocks."""
    kind = table.get(each.type)
    if kind is None:
        raise RecipeError(f"there is no {what} {each.type}", fix=did_you_mean(each.type, table))
    where = f"{what} {each.type}"
    options = checked_options(each.options, kind.options, where)
    with recipe_errors(where):
        return kind.make(**options)


def make_sequence(
    blocks: Sequence[Block],
    table: Mapping[str, BlockSpec[Made]],
    what: str,
    sequence: Callable[[list[Made]], Made],
) -> Made | None:
    """One library block that does these in order; none for none."""
    made = [make(each, table, what) for each in blocks]
    return sequence(made) if len(made) > 1 else (made[0] if made else None)


def pattern(*, pattern: str = "", regex: str = "") -> str | Regex:
    """What to look for: a literal text or a regular expression, one of the two."""
    if bool(pattern) == bool(regex):
        raise ValueError("give either pattern (a literal text) or regex (a regular expression)")
    return Regex(regex) if regex else pattern


@contextmanager
def recipe_errors(where: str) -> Iterator[None]:
    """Turn what the library refuses here, and its Python edge with it, into a RecipeError about `where`."""

    def recipe_error(error: BaseException) -> RecipeError:
        broken = " breaks the library" if is_panic(error) else ""
        return RecipeError(f"{where}{broken}: {error}", fix="see its options: tokbench blocks")

    with library_errors_as(recipe_error, also=(Exception,)):
        yield
