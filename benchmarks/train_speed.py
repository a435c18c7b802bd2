"""Training speed against tokenizers, rustbpe and SentencePiece, whole processes in turn, equality first.

Run: python benchmarks/train_speed.py --data FOLDER
FOLDER holds en*.txt, ko*.txt and code*.txt, each perhaps with .xz; without it the shipped corpora are
repeated, which shows that all works and flatters whoever keeps a table of words. README.md has the parts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import claims
from processes import Run, child, interleaved, run, tokbench
from tables import Table, here, installed, publish, times
from texts import Texts, texts_in

OURS = "tokbench"
SPECIAL = 2
CASES = {  # language, megabytes, vocabulary
    "quick": [(each, 10, 32_000) for each in ("en", "ko", "code", "mixed")] + [("en", 10, 8_000)],
    "readme": [("en", 100, 32_000), ("ko", 20, 32_000), ("code", 50, 32_000)],
    "full": [
        *[("en", size, vocab) for size in (10, 30, 100) for vocab in (8_000, 32_000, 64_000)],
        *[("ko", size, vocab) for size in (10, 20) for vocab in (8_000, 32_000, 64_000)],
        *[("code", size, vocab) for size in (10, 30, 50) for vocab in (8_000, 32_000, 64_000)],
        *[("mixed", size, 32_000) for size in (10, 30)],
    ],
}
PRESETS = ("gpt2", "roberta", "llama3", "bert", "bert-cased", "korean")
EQUALITY = {"quick": (2, (1_000, 8_000)), "readme": (5, (1_000, 8_000)), "full": (10, (1_000, 8_000, 32_000))}


def speed(texts: Texts, size: str, rounds: int) -> Table:
    """Byte-level BPE of the same corpus by everybody who is installed."""
    header = ["text", "MB", "vocabulary", "engine", "CPU s", "wall s", "peak MB", "CPU", "wall", "result"]
    table = Table("Training byte-level BPE, whole processes, medians", header)
    for language, megabytes, vocab_size in CASES[size]:
        corpus = texts.slice(language, megabytes)
        if corpus is None:
            table.notes.append(f"left out, there is too little text: {language} {megabytes} MB")
            continue
        found, results = _contest(corpus, vocab_size, rounds)
        ours = found[OURS]
        for name, took in found.items():
            ratios = ["", ""] if name == OURS else [times(took.cpu, ours.cpu), times(took.wall, ours.wall)]
            row = [language, megabytes, f"{vocab_size:,}", name, took.cpu, took.wall, round(took.peak)]
            table.rows.append([*row, *ratios, results[name]])
    missing = [each for each in ("rustbpe", "sentencepiece") if not installed(each)]
    table.notes += [f"left out, not installed: {each}" for each in missing]
    table.notes += [
        f"{rounds} rounds in turn, tokbench twice in each; × is what they take to tokbench's 1",
        "tokbench is the command as it is typed, with the start of Python and of its command line",
        "tokenizers reads the same texts through an iterator; from the file it reads in its own way, in "
        "which a line keeps its line feed; both with its default threads",
    ]
    return table


def _contest(corpus: Path, vocab_size: int, rounds: int) -> tuple[dict[str, Run], dict[str, str]]:
    """What each takes, and how its result compares with the library's."""
    out = {
        name: corpus.with_name(f"{corpus.stem}-{name}")
        for name in ("tokbench", "api", "lines", "files", "rust", "spm")
    }
    train = ("train-bpe", corpus, "-o", out["tokbench"], "-v", vocab_size, "--engine", "compiled")
    commands = {
        OURS: tokbench(*train, "--force", "--quiet"),
        "tokbench, from Python": child("by_tokbench", corpus, vocab_size, out["api"]),
        "tokenizers": child("by_tokenizers", corpus, vocab_size, out["lines"], "lines"),
        "tokenizers, from the file": child("by_tokenizers", corpus, vocab_size, out["files"], "files"),
    }
    if installed("rustbpe"):
        commands["rustbpe"] = child("by_rustbpe", corpus, vocab_size, out["rust"])
    if installed("sentencepiece"):
        commands["SentencePiece"] = child("by_sentencepiece", corpus, vocab_size, f"{out['spm']}.model")
    run(commands[OURS])  # whatever has to be compiled is compiled now
    found = interleaved(commands, rounds, ours=OURS)
    library = _content(out["lines"])
    for name in ("tokbench", "api"):
        if _content(out[name] / "tokenizer.json") != library:
            raise SystemExit(
                f"{corpus.name}, {vocab_size}: {name} and tokenizers made different tokenizer.json"
            )
    same = "tokenizer.json equal to the byte"
    results = dict.fromkeys(commands, same)
    results["tokenizers"] = "the reference"
    results["tokenizers, from the file"] = _in_common(_tokens(out["files"]), library)
    if installed("rustbpe"):
        results["rustbpe"] = _in_common(
            {bytes.fromhex(each) for each in json.loads(out["rust"].read_text())}, library
        )
    if installed("sentencepiece"):
        results["SentencePiece"] = "other words (parted at blanks), not comparable"
    return found, results


def _content(path: Path) -> str:
    """A tokenizer.json, its white space aside: the library's own writer may indent or not."""
    return json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False)


def _tokens(path: Path) -> set[bytes]:
    return _spelled(_content(path))


def _spelled(content: str) -> set[bytes]:
    """The tokens of a byte-level tokenizer.json as bytes, the special ones left out."""
    from tokbench.native.byte_alphabet import byte_characters

    byte = {character: number for number, character in enumerate(byte_characters())}
    vocab = json.loads(content)["model"]["vocab"]
    return {bytes(map(byte.__getitem__, token)) for token, number in vocab.items() if number >= SPECIAL}


def _in_common(tokens: set[bytes], library: str) -> str:
    theirs = _spelled(library)
    share = 100 * len(tokens & theirs) / len(theirs)
    return f"{'all' if tokens == theirs else f'{share:.2f} % of'} tokens the same; ids differ"


def equality(texts: Texts, size: str, rounds: int) -> Table:
    """Every preset that has merges, by the compiled loops and by the library: the same tokenizer.json."""
    megabytes, sizes = EQUALITY[size]
    table = Table("The same tokenizer.json as the library's", ["preset", "text", "MB", "vocabulary", "equal"])
    for preset in PRESETS:
        for language in ("en", "ko", "code"):
            corpus = texts.slice(language, megabytes)
            if corpus is None:
                continue
            for vocab_size in sizes:
                said = _equal(preset, corpus, vocab_size)
                table.rows.append([preset, language, megabytes, f"{vocab_size:,}", said])
    table.notes += [
        "compared to the byte: --engine compiled and --engine library",
        "BPE: the library's trainer; WordPiece: the library's words and the reference learner, since the "
        "library's own merges of pieces with ## differ from run to run",
    ]
    return table


def _equal(preset: str, corpus: Path, vocab_size: int) -> str:
    """Whether both engines write the same bytes, or refuse in the same words."""
    recipe = corpus.with_name(f"{preset}.toml")
    recipe.write_text(run(tokbench("presets", preset)).said, encoding="utf-8")
    made = [_made(recipe, corpus, vocab_size, engine) for engine in ("compiled", "library")]
    if made[0] != made[1]:
        return "NO"
    return "yes" if isinstance(made[0], bytes) else "yes: both refuse, there are more characters than that"


def _made(recipe: Path, corpus: Path, vocab_size: int, engine: str) -> bytes | str:
    """The tokenizer.json an engine writes, or its words where the size is too small for the characters."""
    folder = corpus.with_name(f"{recipe.stem}-{engine}")
    words = ("build", recipe, corpus, "-o", folder, "--set", f"vocab_size={vocab_size}")
    try:
        run(tokbench(*words, "--engine", engine, "--force", "--quiet"))
    except SystemExit as refused:
        _, _, error = str(refused).partition("Error: ")
        if "too small" in error:
            return error
        raise
    return (folder / "tokenizer.json").read_bytes()


Part = Callable[[Texts, str, int], Table]
PARTS: dict[str, Part] = {
    "speed": speed,
    "equality": equality,
    "sizes": claims.corpus_sizes,
    "vocabularies": claims.vocabularies,
    "first-run": claims.first_run,
    "floor": claims.floor,
    "dask": claims.dask,
}
USUAL = {"quick": list(PARTS), "readme": ["speed"], "full": list(PARTS)}


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print each table when it is there, and say with the exit code whether all was equal."""
    asked = _asked(words)
    size = "full" if asked.full else "readme" if asked.readme else "quick"
    print(f"{here()}\n", flush=True)
    tables = []
    with texts_in(asked.data) as texts:
        for name in asked.parts or USUAL[size]:
            tables.append(PARTS[name](texts, size, asked.rounds or (1 if size == "quick" else 3)))
            print(tables[-1].markdown(), flush=True)
            publish(tables, to_json=asked.json)
    return int(any("NO" in row for table in tables for row in table.rows))


def _asked(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    option = partial(parser.add_argument)
    option("--data", type=Path, help="a folder with en*.txt, ko*.txt, code*.txt (or .txt.xz)")
    option("--quick", action="store_true", help="10 MB of each, one round (the default): some minutes")
    option("--readme", action="store_true", help="English 100 MB, Korean 20, code 50, at 32k: ten minutes")
    option("--full", action="store_true", help="all languages, sizes and vocabularies: hours")
    option("--parts", nargs="+", choices=list(PARTS), help="only these")
    option("--rounds", type=int, help="how often each runs")
    option("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args(words)
    if asked.data and not asked.data.is_dir():
        parser.error(f"there is no folder {asked.data}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
