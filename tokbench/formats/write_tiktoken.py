"""Byte-level BPE as tiktoken's ranks: tokenizer.tiktoken, encoding.json, and a module that loads both.

tiktoken merges whichever two neighbours spell the token of the lowest rank, and a rank is an id. The library
merges by its list. They agree where the merge that ranks give each token stands in the list, in the order of
the ids: rank_merges.py says why no other pair can ever meet. A word that is a token as it stands is taken
whole by tiktoken, as the library does with ignore_merges.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from runpy import run_path
from typing import Any

from tokbench.errors import clipped, plural
from tokbench.formats.byte_level_files import GPT2_WORDS
from tokbench.formats.exportable import Exportable, Written
from tokbench.formats.portable import Oracle
from tokbench.formats.rank_merges import merges_out_of_order
from tokbench.formats.tiktoken_files import ENCODING_FILE
from tokbench.tracing.spelling import byte_values

RANKS, LOADER = "tokenizer.tiktoken", "load_encoding.py"
MODULE = '''"""tiktoken's Encoding of the two files beside this one: from load_encoding import encoding."""
import base64, json, pathlib, tiktoken
here = pathlib.Path(__file__).parent
said = json.loads((here / "encoding.json").read_text(encoding="utf-8"))
lines = [line.split() for line in (here / "tokenizer.tiktoken").read_bytes().splitlines()]
ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
encoding = tiktoken.Encoding(said["name"], pat_str=said["pat_str"], mergeable_ranks=ranks, special_tokens=said["special_tokens"])
'''  # noqa: E501  six lines of somebody's own code


@dataclass(frozen=True)
class EncodingParts:
    """What tiktoken's Encoding is made of: the pattern, bytes → rank, special token → id."""

    pattern: str
    ranks: Mapping[bytes, int]
    special: Mapping[str, int]


def write_tiktoken(source: Exportable, into: Path) -> Written:
    """Write the three files; UsageError naming the first rule that the tokenizer breaks."""
    found = ranks_of(source)
    lines = (b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in found.ranks.items())
    (into / RANKS).write_bytes(b"".join(lines))
    named = {role: token for role, token in source.roles.items() if token in found.special}
    said = {
        "name": Path(source.name).name or "tokenizer",
        "pat_str": found.pattern,
        "special_tokens": dict(found.special),
        "roles": named,
    }
    text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    (into / ENCODING_FILE).write_text(text, encoding="utf-8", newline="\n")
    (into / LOADER).write_text(MODULE, encoding="utf-8", newline="\n")
    return Written(RANKS, found.special, _notes(source))


def _notes(source: Exportable) -> tuple[str, ...]:
    """What tiktoken has no place for."""
    told = [kind for kind in ("TemplateProcessing", "RobertaProcessing", "BertProcessing")
            if any(each["type"] == kind for each in source.blocks("post_processor"))]  # fmt: skip
    return tuple(f"tiktoken puts nothing around a text, as {kind} does here" for kind in told)


def ranks_of(source: Exportable) -> EncodingParts:
    """What the tokenizer is in tiktoken; UsageError naming the first rule that it breaks."""
    rule = _broken_block(source) or _broken_option(source.model) or _broken_added(source)
    if rule:
        raise source.refusal("tiktoken", rule)
    special = {each.content: number for number, each in source.added.items()}
    values = byte_values()
    vocabulary = {token: rank for token, rank in source.model["vocab"].items() if token not in special}
    odd = next(
        (token for token in vocabulary if not token or any(each not in values for each in token)), None
    )
    if odd is not None:
        raise source.refusal("tiktoken", f"its token {clipped(odd)} is not spelt in letters for bytes")
    by_rank = sorted(vocabulary.items(), key=lambda each: each[1])
    ranks = {bytes(values[letter] for letter in token): rank for token, rank in by_rank}
    rule = _broken_rank(source, vocabulary, ranks)
    if rule:
        raise source.refusal("tiktoken", rule)
    return EncodingParts(_pattern(source), ranks, special)


def _broken_block(source: Exportable) -> str:
    if source.model["type"] != "BPE":
        return f"its model is {source.model['type']}, and tiktoken's is byte-level BPE"
    changing = [each["type"] for each in source.blocks("normalizer")]
    if changing:
        return f"its normalizer {changing[0]} changes texts, which tiktoken leaves as they are"
    *before, last = source.blocks("pre_tokenizer") or [{"type": "no pre_tokenizer"}]
    if last["type"] != "ByteLevel":
        return f"it is not byte-level: its last pre_tokenizer is {last['type']}, not ByteLevel"
    if last["add_prefix_space"]:
        return "add_prefix_space puts a space before a text, which tiktoken does not"
    if len(before) + last.get("use_regex", True) != 1:
        return (
            f"texts are cut {len(before) + last.get('use_regex', True)} times, and tiktoken has one pattern"
        )
    return _broken_split(before[0]) if before else ""


def _broken_split(split: Mapping[str, Any]) -> str:
    if split["type"] != "Split" or "Regex" not in split["pattern"]:
        return f"texts are cut by {split['type']}, and tiktoken cuts by one pattern"
    if (split["behavior"], split["invert"]) not in (("Isolated", False), ("Removed", True)):
        inverted = " inverted" if split["invert"] else ""
        return f"its Split is {split['behavior']}{inverted}, and tiktoken takes all that it finds (Isolated)"
    return ""


def _broken_option(model: Mapping[str, Any]) -> str:
    if model.get("dropout"):
        return f"dropout {model['dropout']} leaves merges out at random"
    for option in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(option):
            return f"its {option} {model[option]!r} is no byte of the text"
    return ""


def _broken_added(source: Exportable) -> str:
    """Special tokens are found as they are spelt and only when asked for: no others can be written."""
    tokens = list(source.added.values())
    text = [each.content for each in tokens if not each.special]
    if text:
        are = "is" if len(text) == 1 else "are"
        return (
            f"{plural(len(text), 'added token')} such as {clipped(text[0])} {are} text, "
            "and tiktoken adds special ones only"
        )
    eats = [each.content for each in tokens if each.lstrip or each.rstrip or each.single_word]
    if eats:
        return f"the special token {clipped(eats[0])} takes spaces, or whole words only; tiktoken's do not"
    names = sorted(each.content for each in tokens)
    inside = next((pair for pair in pairwise(names) if pair[1].startswith(pair[0])), None)
    if inside:
        both = f"{clipped(inside[0])} begins {clipped(inside[1])}"
        return f"the special token {both}, and tiktoken may take either"
    return ""


def _broken_rank(source: Exportable, vocabulary: Mapping[str, int], ranks: Mapping[bytes, int]) -> str:
    missing = next((byte for byte in range(256) if bytes([byte]) not in ranks), None)
    if missing is not None:
        return f"not all 256 bytes are tokens: it has none for 0x{missing:02X}"
    disorder, unmade = merges_out_of_order(vocabulary, source.merges)
    if disorder:
        return disorder
    if unmade and not source.model.get("ignore_merges"):
        return (
            f"{plural(len(unmade), 'token')} such as {clipped(unmade[0])} is dead: no merge makes it, and "
            "tiktoken gives it where a word is it"
        )
    return ""


def _pattern(source: Exportable) -> str:
    first = source.blocks("pre_tokenizer")[0]
    return GPT2_WORDS if first["type"] == "ByteLevel" else str(first["pattern"]["Regex"])


def written_tiktoken(into: Path) -> Oracle:
    """What the module that was written makes of texts, special tokens being text."""
    encoding = run_path(str(into / LOADER))["encoding"]

    def token_id(token: str) -> int | None:
        ids = encoding.encode(token, allowed_special="all")
        return int(ids[0]) if len(ids) == 1 else None

    return Oracle("tiktoken", encoding.encode_ordinary, token_id=token_id)
