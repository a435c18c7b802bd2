"""A table of blocks: a name leads to what the block does, what makes it, and the options it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tokenizers import Regex

from tokbench.errors import RecipeProblem, did_you_mean
from tokbench.recipes.options import Option, choose
from tokbench.recipes.recipe import Block

Made = TypeVar("Made")


@dataclass(frozen=True)
class Kind(Generic[Made]):
    """One block of the library: what it does in a sentence, what makes it, its options."""

    about: str
    make: Callable[..., Made]
    options: Mapping[str, Option] = field(default_factory=dict)


def make(each: Block, table: Mapping[str, Kind[Made]], what: str) -> Made:
    """The library's block for this one of a recipe; `what` is the word for such blocks."""
    kind = table.get(each.type)
    if kind is None:
        raise RecipeProblem(f"there is no {what} {each.type}", fix=did_you_mean(each.type, table))
    where = f"{what} {each.type}"
    options = choose(each.options, kind.options, where)
    with refusals(where):
        return kind.make(**options)


def pattern(*, pattern: str = "", regex: str = "") -> str | Regex:
    """What to look for: a literal text or a regular expression, one of the two."""
    if bool(pattern) == bool(regex):
        raise ValueError("give either pattern (a literal text) or regex (a regular expression)")
    return Regex(regex) if regex else pattern


@contextmanager
def refusals(where: str) -> Iterator[None]:
    """What the library refuses here, as a RecipeProblem. It raises bare Exception, and panics below that."""
    try:
        yield
    except RecipeProblem:
        raise
    except Exception as error:
        raise RecipeProblem(f"{where}: {error}", fix="see its options: tokbench blocks") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise RecipeProblem(
            f"{where} breaks the library: {error}", fix="see its options: tokbench blocks"
        ) from error
