"""The order of blocks: none may look for what a block before it has written over.

Every block declares what it reads and writes (registry.BlockSpec). ByteLevel writes letters that stand for
bytes, so no block behind it sees a letter as it was typed: Punctuation and Digits take ¼ and ³ among the
byte letters for signs and numbers, and cut inside characters (tokenizers #1399). Metaspace writes ▁, which
is neither a space nor a letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokbench.errors import RecipeError
from tokbench.recipes.decoders import DECODERS
from tokbench.recipes.normalizers import NORMALIZERS
from tokbench.recipes.pre_tokenizers import PRE_TOKENIZERS
from tokbench.recipes.recipe import Block, Recipe, block, flat
from tokbench.recipes.registry import (
    APART,
    BYTE_LETTERS,
    LETTERS,
    MARKS,
    ONE_TOKEN,
    SPACES,
    TAKES,
    TOKENS,
    BlockSpec,
    contents,
)

TABLES: Mapping[str, Mapping[str, BlockSpec[Any]]] = {
    "normalizers": NORMALIZERS,
    "pre_tokenizers": PRE_TOKENIZERS,
    "decoders": DECODERS,
}
DID = {
    BYTE_LETTERS: "has written the text as letters that stand for bytes",
    MARKS: "has written the spaces as ▁",
    ONE_TOKEN: "has joined the tokens",
}
FOR = {LETTERS: "characters as they are typed", SPACES: "spaces", TOKENS: "single tokens"}
CAPITAL = re.compile("(?<!^)(?=[A-Z])")  # where words join in the library's spelling of a behavior
Chain = Sequence[tuple[str, Block]]


@dataclass(frozen=True)
class WrongOrder:
    """Two blocks of which the first takes away what the second looks for.

    `harms` is False where the second then only does nothing. `right` is place → the blocks in the order that
    works, in TOML, of the places that change; {} where nobody but the author knows.
    """

    first: str
    second: str
    why: str
    harms: bool
    right: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """Both blocks, and why they do not work in this order."""
        return f"{self.second} stands behind {self.first}, which {self.why}"

    @property
    def settings(self) -> str:
        """The right order as options of a command that takes a recipe."""
        return " ".join(f"--set '{place}={blocks}'" for place, blocks in self.right.items())


def wrong_orders(
    normalizers: Sequence[Block], pre_tokenizers: Sequence[Block], decoders: Sequence[Block] = ()
) -> Iterator[WrongOrder]:
    """Every block that looks for what one before it has written over; blocks that no table has are passed."""
    forth = [("normalizers", each) for each in flat(normalizers)]
    forth += [("pre_tokenizers", each) for each in flat(pre_tokenizers)]
    for chain in (forth, [("decoders", each) for each in flat(decoders)]):
        yield from _taken(chain)
        yield from _too_early(chain)


def refuse_wrong_order(recipe: Recipe) -> None:
    """RecipeError for blocks in an order that harms, with the order that works."""
    cuts = (*recipe.pre_tokenizers, *recipe.training_pre_tokenizers)
    for wrong in wrong_orders(recipe.normalizers, cuts, recipe.decoders):
        if wrong.harms:
            raise RecipeError(wrong.sentence, fix=wrong.settings or "take one of the two out")


def block_of(raw: Mapping[str, Any]) -> Block:
    """A block as tokenizer.json writes it, as a recipe has it.

    >>> block_of({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithNext"}).options
    {'behavior': 'merged_with_next', 'pattern': ' '}
    """
    options = {key: value for key, value in raw.items() if key != "type"}
    sought = options.get("pattern")
    if isinstance(sought, Mapping):
        del options["pattern"]
        options |= {"pattern": sought["String"]} if "String" in sought else {"regex": sought.get("Regex", "")}
    if isinstance(behavior := options.get("behavior"), str):
        options["behavior"] = CAPITAL.sub("_", behavior).lower()
    return block(str(raw.get("type")), **options)


def _taken(chain: Chain) -> Iterator[WrongOrder]:
    """Readers behind the writer that took what they read."""
    gone: dict[str, tuple[int, str]] = {}  # what is read → where it was taken away, and what stands there now
    for at, (place, each) in enumerate(chain):
        spec = TABLES[place].get(each.type)
        if spec is None:
            continue
        reads = contents(spec.reads, each.options)
        lost = [what for what in reads if what in gone]
        if lost:
            writer, written = gone[lost[0]]
            why = f"{DID[written]}: it looks for {FOR[lost[0]]}"
            harms = LETTERS in reads or TOKENS in reads
            right = _right(chain, writer, written)
            yield WrongOrder(_named(chain[writer]), _named(chain[at]), why, harms, right)
        for what in contents(spec.writes, each.options):
            gone |= {taken: (at, what) for taken in TAKES.get(what, ()) if taken not in gone}


def _too_early(chain: Chain) -> Iterator[WrongOrder]:
    """StripAccents before what sets the accents apart."""
    does = [(contents(spec.reads, each.options), contents(spec.writes, each.options))
            if (spec := TABLES[place].get(each.type)) else ((), ())
            for place, each in chain]  # fmt: skip
    for at, (reads, _) in enumerate(does):
        writers = [number for number, (_, writes) in enumerate(does) if APART in writes]
        if APART in reads and writers and writers[0] > at:
            order = [*chain[:at], chain[writers[0]], *chain[at : writers[0]], *chain[writers[0] + 1 :]]
            why = "takes accents away only where they were set apart before"
            right = _changed(chain, order)
            yield WrongOrder(_named(chain[at]), _named(chain[writers[0]]), why, harms=True, right=right)


def _right(chain: Chain, writer: int, written: str) -> Mapping[str, str]:
    """The chain with the writer behind the last block that reads what it takes away.

    Where that is in another place of the recipe, the block of that place that writes the same stands there.
    """
    readers = [at for at, (place, each) in enumerate(chain) if _reads(place, each, TAKES[written])]
    last = max(at for at in readers if at != writer)
    place, moved = chain[writer]
    if chain[last][0] != place:
        bytewise = block("ByteLevel", add_prefix_space=False, use_regex=False)
        moved = bytewise if written == BYTE_LETTERS else block("Metaspace")
    if any(each.type == moved.type for _, each in chain[writer + 1 :]):
        return {}  # it stands there a second time already
    order = [*chain[:writer], *chain[writer + 1 : last + 1], (chain[last][0], moved), *chain[last + 1 :]]
    return _changed(chain, order)


def _reads(place: str, each: Block, wanted: Sequence[str]) -> bool:
    spec = TABLES[place].get(each.type)
    return spec is not None and any(what in wanted for what in contents(spec.reads, each.options))


def _changed(before: Chain, after: Chain) -> dict[str, str]:
    """Place → its blocks in TOML, of the places that differ."""
    places = dict.fromkeys(place for place, _ in before)
    lists = {
        place: [[each for where, each in chain if where == place] for chain in (before, after)]
        for place in places
    }
    return {place: _toml(new) for place, (old, new) in lists.items() if old != new}


def _toml(blocks: Sequence[Block]) -> str:
    """Blocks on one line: JSON's strings, numbers and lists are TOML's too.

    >>> _toml([block("Digits"), block("ByteLevel", use_regex=False)])
    '["Digits", {type = "ByteLevel", use_regex = false}]'
    """
    return f"[{', '.join(map(_inline, blocks))}]"


def _inline(each: Block) -> str:
    if not each.options:
        return json.dumps(each.type)
    options = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in each.options.items()]
    return f"{{type = {json.dumps(each.type)}, {', '.join(options)}}}"


def _named(entry: tuple[str, Block]) -> str:
    place, each = entry
    return f"{each.type} in {place}"
