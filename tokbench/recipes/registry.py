"""A table of blocks: a name leads to what the block does, what makes it, and the options it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from tokenizers import Regex

from tokbench.errors import RecipeError, did_you_mean
from tokbench.io.library_errors import is_panic, library_errors_as
from tokbench.recipes.options import Option, checked_options

if TYPE_CHECKING:
    from tokbench.recipes.recipe import Block

Made = TypeVar("Made")


@dataclass(frozen=True)
class BlockSpec(Generic[Made]):
    """One block of the library: what it does in a sentence, what makes it, its options."""

    about: str
    make: Callable[..., Made]
    options: Mapping[str, Option] = field(default_factory=dict)


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
