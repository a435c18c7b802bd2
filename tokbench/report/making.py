"""Windows on what was made: a trained tokenizer, recipes, blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tokbench.blocks.presets import ABOUT
from tokbench.blocks.recipe import Recipe, to_toml
from tokbench.errors import plural
from tokbench.report.corpora import engine, left_out
from tokbench.report.parts import Facts, Grid, Headline, Paragraph, Part

if TYPE_CHECKING:
    from tokbench.blocks.catalog import Catalog, Entry
    from tokbench.pretrained.trained import Trained


def trained(result: Trained) -> Iterator[Part]:
    """Where it is, how big it became, what it was made of."""
    yield Headline(f"{result.path}: {result.algorithm} with {plural(result.reached, 'token')}", "good")
    corpus = result.corpus
    specials = ", ".join(f"{token} {at}" for token, at in result.special_tokens.items())
    yield Facts(
        [
            ("tokens", _sizes(result)),
            ("special tokens", specials or "none"),
            (
                "corpus",
                f"{plural(corpus.texts, 'text')}, {plural(corpus.utf8_bytes, 'byte')}, "
                f"{corpus.blank:,} blank left out",
            ),
            _source(result),
            ("tokenizer.json sha256", result.sha256),
            ("engine", engine(result.engine, result.why)),
        ]
    )
    if result.counts and result.counts.min_count > 1:
        yield Paragraph(left_out(result.counts.min_count))


def _source(result: Trained) -> tuple[str, str]:
    """What identifies the texts, or the counts that were read instead of them."""
    if result.counts is None:
        return "corpus sha256", result.corpus.sha256
    words = plural(result.counts.words, "different word")
    return "counts", f"{words}, fingerprint {result.counts.fingerprint}"


def _sizes(result: Trained) -> str:
    if result.reached == result.asked:
        return f"{result.reached:,}"
    return f"{result.reached:,} of {result.asked:,} asked: the corpus has no more to learn"


def presets(result: Mapping[str, Recipe]) -> Iterator[Part]:
    """The recipes, a line each."""
    rows = [
        (name, recipe.algorithm, f"{recipe.vocab_size:,}", ABOUT[name]) for name, recipe in result.items()
    ]
    yield Grid(("preset", "algorithm", "tokens", "what it is"), rows, right=("tokens",))


def recipe(result: Recipe) -> Iterator[Part]:
    """The recipe as TOML, ready to be saved."""
    yield Paragraph(to_toml(result).rstrip("\n"), verbatim=True)


def blocks(result: Catalog) -> Iterator[Part]:
    """A row a block, its options below each other."""
    rows = [(entry.place, entry.name, entry.about, _options(entry)) for entry in result.entries]
    yield Grid(("place", "block", "what it does", "options"), rows)


def _options(entry: Entry) -> str:
    return "; ".join(f"{name}: {words}" for name, words in entry.options.items())
