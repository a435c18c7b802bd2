"""The loops as Python calls them: each takes the address of a job, which layout.py describes."""

from __future__ import annotations

from tokbench.training.kernels.memory import Pointer
from tokbench.training.lookup import pairs, pieces, texts, trie, words, writing
from tokbench.training.lookup.layout import TABLE
from tokbench.training.merging.cells import as_numbers


def part(job: Pointer) -> int:
    """Write down where the texts of a block end."""
    texts.part(job, as_numbers(job[TABLE]))
    return 0


def search(job: Pointer) -> int:
    """Note which texts hold a token that is matched whole."""
    texts.search(job, as_numbers(job[TABLE]))
    return 0


def rewrite(job: Pointer) -> int:
    """Write the new form of every text."""
    texts.rewrite_texts(job, as_numbers(job[TABLE]))
    return 0


def number(job: Pointer) -> int:
    """Number the words of a block; 1 when the table lacks room to go on, 0 when done."""
    return words.number_words(job, as_numbers(job[TABLE]))


def write(job: Pointer) -> int:
    """Write the ids of a block; 1 when there is no room for them, 0 when done."""
    return writing.write_ids(job)


def enter(job: Pointer) -> int:
    """Fill the table of merges."""
    pairs.enter_merges(job)
    return 0


def plant(job: Pointer) -> int:
    """Fill the trie of tokens."""
    trie.plant(job)
    return 0


def merge(job: Pointer) -> int:
    """Make ids of new words by BPE."""
    pairs.merge_all(job)
    return 0


def cut(job: Pointer) -> int:
    """Make ids of new words by WordPiece."""
    pieces.cut_all(job)
    return 0
