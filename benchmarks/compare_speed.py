"""How much compare adds to a plain loop over encode_batch, and what one training for many sizes saves.

    python benchmarks/compare_speed.py overhead TOKENIZER… --corpus FILE
    python benchmarks/compare_speed.py sweep --corpus FILE --sizes 1000:128000:x2

Both compare the answers first: tokens counted, tokenizers byte for byte. Times are the least of `--repeat`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokbench.analysis.compare import compare
from tokbench.analysis.sweep import read_sizes, train_sizes
from tokbench.corpus.reading import open_corpus
from tokbench.pretrained.folder import load
from tokbench.recipes.build import build
from tokbench.recipes.presets import resolve_recipe

BATCH = 1000  # texts a call


def plain_loop(tokenizer: Tokenizer, corpus: Path) -> int:
    """The tokens of a file's lines, as people count them."""
    tokens = 0
    with corpus.open(encoding="utf-8") as lines:
        batch: list[str] = []
        for line in lines:
            if line.strip():
                batch.append(line.rstrip("\n"))
            if len(batch) == BATCH:
                tokens += sum(map(len, tokenizer.encode_batch(batch, add_special_tokens=False)))
                batch = []
    return tokens + sum(map(len, tokenizer.encode_batch(batch, add_special_tokens=False)))


def processor_time() -> float:
    """Processor seconds of this process and of those it started and waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def timed(work: Callable[[], Any], repeat: int) -> tuple[Any, float, float]:
    """What work gives, with its least wall and processor seconds."""
    walls, processors, result = [], [], None
    for _ in range(repeat):
        wall, processor = time.perf_counter(), processor_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        processors.append(processor_time() - processor)
    return result, min(walls), min(processors)


def overhead(names: list[str], corpus: Path, repeat: int) -> None:
    """Each tokenizer alone, then all together."""
    whole_wall = whole_processor = 0.0
    for name in names:
        tokenizer = load(name).tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        compare([name], [str(corpus)])  # whatever is compiled once
        tokens, wall, processor = timed(lambda each=tokenizer: plain_loop(each, corpus), repeat)
        result, our_wall, our_processor = timed(lambda each=name: compare([each], [str(corpus)]), repeat)
        counted = result.results[0].tokens
        whole_wall, whole_processor = whole_wall + wall, whole_processor + processor
        same = "same tokens" if counted == tokens else f"TOKENS DIFFER: {tokens} and {counted}"
        row(name, wall, processor, our_wall, our_processor, f"{same}, {result.results[0].engine}")
    _, our_wall, our_processor = timed(lambda: compare(names, [str(corpus)]), repeat)
    row("all together", whole_wall, whole_processor, our_wall, our_processor, "")


def row(name: str, wall: float, processor: float, our_wall: float, our_processor: float, words: str) -> None:
    """Seconds of the loop, seconds of compare, and the overhead (negative where compare is faster)."""
    print(
        f"{name}: loop {wall:.2f} s ({processor:.2f} CPU), "
        f"compare {our_wall:.2f} s ({our_processor:.2f} CPU): "
        f"{our_wall / wall - 1:+.0%} wall, {our_processor / processor - 1:+.0%} CPU  {words}"
    )


def sweep(recipe_name: str, corpus: Path, words: str, *, engine: str, repeat: int) -> None:
    """One training cut to all sizes, and a training for each."""
    recipe, sizes = resolve_recipe(recipe_name), read_sizes(words)
    texts = open_corpus([str(corpus)])
    train_sizes(recipe, texts, sizes[:1])  # whatever is compiled once
    family, wall, processor = timed(lambda: train_sizes(recipe, texts, sizes), repeat)

    def apart() -> dict[int, Tokenizer]:
        return {
            size: build(replace(recipe, vocab_size=size), texts, engine=engine, size=texts.size or 0)
            for size in sizes
            if size not in family.too_small
        }

    alone, their_wall, their_processor = timed(apart, repeat)
    same = sum(family.tokenizers[size].to_str() == each.to_str() for size, each in alone.items())
    print(
        f"{recipe_name}, {len(alone)} sizes to {sizes[-1]:,} ({family.trainings} training): "
        f"{same} of {len(alone)} identical; {wall:.2f} s ({processor:.2f} CPU) "
        f"against {their_wall:.2f} s ({their_processor:.2f} CPU, {engine}): "
        f"{their_wall / wall:.1f} times as fast, {their_processor / processor:.1f} in CPU"
    )


def main() -> None:
    """Read the words, run one of the two."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["overhead", "sweep"])
    parser.add_argument("names", nargs="*", help="tokenizers, or one recipe for sweep")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--sizes", default="1000:128000:x2")
    parser.add_argument("--engine", default="auto", help="of the separate trainings")
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    if asked.what == "overhead":
        overhead(asked.names, asked.corpus, asked.repeat)
    else:
        sweep(
            (asked.names or ["bpe"])[0], asked.corpus, asked.sizes, engine=asked.engine, repeat=asked.repeat
        )


if __name__ == "__main__":
    main()
