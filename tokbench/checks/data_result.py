"""The statistics of texts as data: counts by script, causes of unknown tokens, labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One reason for unknown tokens, how many it has made, and the commonest of them."""

    reason: str
    tokens: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ScriptCount:
    """The characters, words and tokens of one script; `unknown` of its tokens are unknown.

    A word is what stands between white space, and counts for the script of its first letter; a token counts
    for the script of its last character.
    """

    script: str
    characters: int
    words: int
    tokens: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class DataStats:
    """What the texts of a file showed. Tokens are counted without special ones around a text.

    `decomposed` texts are not NFC: as they are they take `decomposed_tokens`, in NFC `composed_tokens`. Of
    `korean` texts looked at, `taken_apart` lose whole syllables to the normalizer. `used` of `size` tokens
    occurred; `too_long` texts are beyond model_max_length; `invisible` are words that have no token. `labels`
    are those in `label_column` of a table and how often, commonest first; `label_names` their names by id.
    """

    name: str
    texts: int
    characters: int
    words: int
    tokens: int
    unknown: int
    scripts: tuple[ScriptCount, ...]
    causes: tuple[Cause, ...]
    decomposed: int
    decomposed_tokens: int
    composed_tokens: int
    korean: int
    taken_apart: int
    used: int
    size: int
    too_long: int
    longest: int
    invisible: tuple[str, ...]
    label_column: str = ""
    labels: tuple[tuple[str, int], ...] = ()
    label_names: tuple[str, ...] = ()
