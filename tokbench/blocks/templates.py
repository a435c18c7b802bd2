"""Templates of a post-processor, such as `[CLS] $A [SEP]`, read without the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokbench.blocks.options import template
from tokbench.blocks.recipe import Block, Recipe, flat
from tokbench.errors import RecipeProblem

PAIR_HINT = 'pair = "[CLS] $A [SEP] $B:1 [SEP]:1"'


@dataclass(frozen=True)
class Piece:
    """One place of a template: a text ("A" or "B") or a special token, and its type id."""

    text: str = ""
    token: str = ""
    type_id: int = 0


def pieces(places: str | Sequence[str]) -> tuple[Piece, ...]:
    """The places of a template, in order.

    >>> pieces("[CLS] $B:1")
    (Piece(text='', token='[CLS]', type_id=0), Piece(text='B', token='', type_id=1))
    """
    return tuple(_piece(part) for part in parts(places))


def parts(places: str | Sequence[str]) -> list[str]:
    """The places as they are written, however many spaces are between them."""
    return places.split() if isinstance(places, str) else list(places)


def _piece(part: str) -> Piece:
    """One place; `$1` is text A with type id 1, as in the library."""
    body, sign, number = part.rpartition(":")
    if not (sign and body and number.isdecimal()):
        body, number = part, "0"
    if not body.startswith("$"):
        return Piece(token=body, type_id=int(number))
    name = body[1:].upper()
    if name.isdecimal():
        return Piece(text="A", type_id=int(name))
    return Piece(text=name or "A", type_id=int(number))


def check_template(single: str | Sequence[str], pair: str | Sequence[str]) -> None:
    """RecipeProblem when a text has no place: the library would drop it without a word."""
    for name, given, needed in (("single", single, ["A"]), ("pair", pair, ["A", "B"])):
        if sorted(each.text for each in pieces(given) if each.text) != needed:
            places = " and ".join(f"${text}" for text in needed)
            raise RecipeProblem(
                f"post_processor TemplateProcessing: {name} must hold {places}, each once, not {given!r}",
                fix=PAIR_HINT if name == "pair" else 'single = "[CLS] $A [SEP]"',
            )


def has_type_ids(recipe: Recipe) -> bool:
    """Whether the second text of a pair gets another type id than the first."""
    chosen = (recipe.post_processor,) if recipe.post_processor else ()
    return any(_types(each) for each in flat(chosen))


def input_names(recipe: Recipe) -> tuple[str, ...]:
    """What a model is given: as the wrapper says, else with token_type_ids where the template has them."""
    given = recipe.wrapper.get("model_input_names")
    if given:
        return tuple(given)
    return ("input_ids", *(("token_type_ids",) if has_type_ids(recipe) else ()), "attention_mask")


def _types(each: Block) -> bool:
    return each.type == "BertProcessing" or any(place.type_id for place in _places(each))


def _places(each: Block) -> Iterator[Piece]:
    for name in ("single", "pair"):
        value = each.options.get(name, "")
        if template().accepts(value):
            yield from pieces(value)
