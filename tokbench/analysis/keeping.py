"""Some of the swept sizes as folders, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from tokbench.blocks.recipe import Recipe
from tokbench.corpus.reading import CorpusFacts
from tokbench.errors import AskedWrongly, RecipeProblem, did_you_mean
from tokbench.pretrained.folder import ensure_free, replacing
from tokbench.pretrained.trained import save_trained
from tokbench.training.roads import Road

ALL = "all"
RECORD = "tokbench.sweep.json"  # also what lets --force replace the folder


@dataclass(frozen=True)
class Keeping:
    """Which sizes to keep, or "all", and the folder that gets a folder of each."""

    sizes: tuple[str, ...]
    folder: Path
    force: bool = False

    def check(self, sizes: Sequence[int]) -> None:
        """AskedWrongly for a size that is not swept; FileProblem when the folder may not be written."""
        for word in self.sizes:
            if word != ALL and word not in map(str, sizes):
                raise AskedWrongly(
                    f"{word} is none of the sizes", fix=did_you_mean(word, [ALL, *map(str, sizes)])
                )
        ensure_free(self.folder, force=self.force)

    def chosen(self, size: int) -> bool:
        """Whether this size is kept."""
        return ALL in self.sizes or str(size) in self.sizes


def keep(
    tokenizers: Mapping[int, Tokenizer], recipe: Recipe, corpus: CorpusFacts, keeping: Keeping
) -> tuple[Path, ...]:
    """Save the chosen ones as training each would have; returns their folders.

    RecipeProblem when one was too small to be trained.
    """
    for word in keeping.sizes:
        if word != ALL and int(word) not in tokenizers:
            raise RecipeProblem(
                f"{word} is too small for the characters of these texts",
                fix=f"keep {min(tokenizers)} or more",
            )
    chosen = {size: each for size, each in tokenizers.items() if keeping.chosen(size)}
    with replacing(keeping.folder, force=keeping.force) as folder:
        for size, tokenizer in chosen.items():
            alone = replace(recipe, vocab_size=size)
            save_trained(tokenizer, alone, corpus, folder / str(size), road=Road("compiled"))
        facts = {"schema": "tokbench/sweep-folder/1", "sizes": sorted(chosen)}
        (folder / RECORD).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return tuple(keeping.folder / str(size) for size in chosen)


def wanted(sizes: Sequence[str] | None, folder: Path | None, *, force: bool = False) -> Keeping | None:
    """What these words ask to keep, or None; AskedWrongly for one without the other.

    >>> wanted(["16_000"], Path("sizes")).sizes
    ('16000',)
    """
    if sizes and folder:
        return Keeping(tuple(size.replace("_", "").replace(",", "") for size in sizes), folder, force)
    if sizes:
        raise AskedWrongly("sizes that are kept need a folder", fix="name it: -o sizes")
    if folder:
        raise AskedWrongly(
            "the folder gets the sizes that are kept, and none is", fix="say which: --keep all"
        )
    return None
