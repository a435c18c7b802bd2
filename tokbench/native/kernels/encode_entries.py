"""The loops as Python calls them: each takes the address of a job, which layout.py describes."""

from __future__ import annotations

from tokbench.native.kernels import encode_models, encode_words
from tokbench.native.kernels.encode_abi import TABLE
from tokbench.native.kernels.learn_pairs import as_numbers
from tokbench.native.kernels.simd import Pointer


def part(job: Pointer) -> int:
    """Write down where the texts of a block end."""
    encode_words.mark_text_ends(job, as_numbers(job[TABLE]))
    return 0


def search(job: Pointer) -> int:
    """Note which texts hold a token that is matched whole."""
    encode_words.find_added_tokens(job, as_numbers(job[TABLE]))
    return 0


def rewrite(job: Pointer) -> int:
    """Write the new form of every text."""
    encode_words.rewrite_texts(job, as_numbers(job[TABLE]))
    return 0


def number(job: Pointer) -> int:
    """Number the words of a block; 1 when the table lacks room to go on, 0 when done."""
    return encode_words.number_words(job, as_numbers(job[TABLE]))


def write(job: Pointer) -> int:
    """Write the ids of a block; 1 when there is no room for them, 0 when done."""
    return encode_words.write_ids(job)


def enter(job: Pointer) -> int:
    """Fill the table of merges."""
    encode_models.enter_merges(job)
    return 0


def plant(job: Pointer) -> int:
    """Fill the trie of tokens."""
    encode_models.build_trie(job)
    return 0


def merge(job: Pointer) -> int:
    """Make ids of new words by BPE."""
    encode_models.merge_all(job)
    return 0


def cut(job: Pointer) -> int:
    """Make ids of new words by WordPiece."""
    encode_models.cut_all(job)
    return 0
