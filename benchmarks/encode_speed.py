"""Bulk encoding against encode_batch and SentencePiece: equal ids first, then times, processes in turn.

Run: python benchmarks/encode_speed.py --data FOLDER
FOLDER is that of train_speed.py. Tokenizers of 32k are trained on the very text that is encoded; with
--tokenizers those of these folders encode it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from processes import child, run, tokbench
from tables import Table, here, installed, publish, times
from texts import MB, Texts, texts_in

VOCAB_SIZE = 32_000
SIZES = {"quick": {"en": 10, "ko": 10, "code": 10}, "full": {"en": 30, "ko": 20, "code": 15}}


def encoding(texts: Texts, sizes: dict[str, float], rounds: int) -> Table:
    """Megabytes per CPU second of everybody, after a check that the ids are the library's."""
    header = ["text", "MB", "engine", "MB per CPU s", "CPU, of tokbench's first pass", "ids"]
    table = Table("Bulk encoding, 32k byte-level BPE, CPU seconds of encoding", header)
    for language, megabytes in sizes.items():
        corpus = texts.slice(language, megabytes)
        if corpus is None:
            table.notes.append(f"left out, there is too little text: {language} {megabytes} MB")
            continue
        told = _contest(corpus, rounds)
        ours, library = told["tokbench"], told["tokenizers, encode_batch"]
        if ours["ids"] != library["ids"]:
            raise SystemExit(f"{corpus.name}: tokbench and tokenizers gave different ids")
        told["tokbench, table full"] = {"first": ours["warm"], "ids": ours["ids"]}
        for name, each in told.items():
            ids = {ours["ids"]: "equal"}.get(each.get("ids"), "other pieces, not comparable")
            rate = corpus.stat().st_size / MB / each["first"]
            table.rows.append([language, megabytes, name, rate, times(each["first"], ours["first"]), ids])
    if not installed("sentencepiece"):
        table.notes.append("left out, not installed: sentencepiece")
    table.notes += [
        f"medians of {rounds} rounds, one thread each; tokbench's first pass counts from the bare tokenizer "
        "on and reads the file, the others have the texts in memory"
    ]
    return table


def _contest(corpus: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """What each of them told, with the median of its seconds."""
    folder, model = corpus.with_suffix(".tokenizer"), corpus.with_suffix(".model")
    run(tokbench("train-bpe", corpus, "-o", folder, "-v", VOCAB_SIZE, "--force", "--quiet"))
    tokenizer = folder / "tokenizer.json"
    commands = {
        "tokbench": child("encoding_by_tokbench", tokenizer, corpus),
        "tokenizers, encode_batch": child("encoding_by_tokenizers", tokenizer, corpus),
    }
    if installed("sentencepiece"):
        run(child("by_sentencepiece", corpus, VOCAB_SIZE, model))
        commands["SentencePiece"] = child("encoding_by_sentencepiece", model, corpus)
    run(commands["tokbench"])  # whatever has to be compiled is compiled now
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            told[name].append(json.loads(run(command).said.splitlines()[-1]))
    return {
        name: each[0] | {key: median(one[key] for one in each) for key in ("first", "warm") if key in each[0]}
        for name, each in told.items()
    }


def published(texts: Texts, folders: Sequence[Path], megabytes: float, rounds: int) -> Table:
    """Megabytes per CPU second with the tokenizers of these folders, after a check of the ids."""
    header = ["tokenizer", "text", "tokbench, first pass", "table full", "encode_batch", "ids"]
    table = Table(
        f"Bulk encoding by published tokenizers, MB a CPU second, {megabytes:g} MB of each text", header
    )
    for folder in folders:
        for language in ("en", "ko", "code"):
            corpus = texts.slice(language, megabytes)
            if corpus is None:
                continue
            words = folder / "tokenizer.json", corpus
            runs: dict[str, list[dict[str, Any]]] = {"tokbench": [], "tokenizers": []}
            for _ in range(rounds):
                for name, told in runs.items():
                    told.append(json.loads(run(child(f"encoding_by_{name}", *words)).said.splitlines()[-1]))
            size = corpus.stat().st_size / MB
            first, warm, library = (
                size / median(each[key] for each in runs[name])
                for name, key in (("tokbench", "first"), ("tokbench", "warm"), ("tokenizers", "first"))
            )
            same = len({each["ids"] for told in runs.values() for each in told}) == 1
            if not same:
                raise SystemExit(f"{folder.name}, {language}: tokbench and tokenizers gave different ids")
            table.rows.append([folder.name, language, first, warm, library, "equal"])
            print(*table.rows[-1], flush=True)
    table.notes.append(f"medians of {rounds}, one thread; the first pass makes the tables and reads the file")
    return table


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, help="a folder with en*.txt, ko*.txt, code*.txt (or .txt.xz)")
    parser.add_argument("--full", action="store_true", help="30, 20 and 15 MB in place of 10 each")
    parser.add_argument("--tokenizers", type=Path, nargs="+", metavar="FOLDER", help="these, of 8 MB each")
    parser.add_argument("--rounds", type=int, help="how often each runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args(words)
    size = "full" if asked.full else "quick"
    print(f"{here()}\n", flush=True)
    with texts_in(asked.data) as texts:
        rounds = asked.rounds or (3 if asked.full else 1)
        if asked.tokenizers:
            table = published(texts, asked.tokenizers, 8, rounds)
        else:
            table = encoding(texts, SIZES[size], rounds)
    print(table.markdown())
    publish([table], to_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
