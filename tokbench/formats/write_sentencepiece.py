"""Unigram, and BPE over spaces written as ▁, as SentencePiece's .model, through its own description of it.

SentencePiece has one normalizer with four options (a table of characters, spaces collapsed, one put in front,
spaces written as ▁) and gives the whole text to the model. The blocks must come down to these; others are
refused. What comes near but differs on some texts is written with a note, and the proof counts those texts:
spaces at the ends, blocks that stand for a table, and scores, which SentencePiece adds up with 32 bits. BPE
merges whichever two neighbours spell the piece of the best score; rank_merges.py says when that is the list.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isclose
from pathlib import Path
from typing import Any

from tokbench.errors import clipped, plural
from tokbench.formats.exportable import Exportable, Written
from tokbench.formats.portable import Oracle
from tokbench.formats.rank_merges import merges_out_of_order
from tokbench.formats.sentencepiece_models import (
    BPE,
    BYTE,
    COLLAPSED,
    CONTROL,
    NORMAL,
    SPACE,
    STRIPPED,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    defined_words,
    rounded,
)
from tokbench.io.extras import require

MODEL = "tokenizer.model"
BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")
MODELS = {"Unigram": UNIGRAM, "BPE": BPE}
# What blocks without a table stand for: SentencePiece's own rules, by their names.
RULES = {(): "identity", ("Nmt", "NFKC"): "nmt_nfkc", ("NFKC",): "nfkc"}

ROUNDED = "scores are rounded to 32 bits, so cuts that are equally good may be others"
FUSED = "a row of unknown characters is one unknown piece in SentencePiece, and one each here"


@dataclass(frozen=True)
class SpmOptions:
    """What SentencePiece's normalizer does.

    charsmap: the table, b"" for the rule's own. notes: what differs.
    """

    rule: str = "identity"
    charsmap: bytes = b""
    dummy_prefix: bool = False
    collapses_spaces: bool = False
    notes: tuple[str, ...] = ()


def write_sentencepiece(source: Exportable, into: Path) -> Written:
    """Write tokenizer.model; UsageError naming the first rule that the tokenizer breaks.

    Raises MissingExtraError without sentencepiece and protobuf.
    """
    rule = _broken_model(source) or _broken_cut(source)
    blocks = SpmBlocks(source)
    rule = rule or blocks.broken
    if rule:
        raise source.refusal("SentencePiece's model", rule)
    options = blocks.options
    pieces = _pieces(source)
    rule = _broken_pieces(source, pieces, options)
    if rule:
        raise source.refusal("SentencePiece's model", rule)
    scores, notes = _scores(source, pieces)
    for package, named in (("sentencepiece", ""), ("google.protobuf", "protobuf")):
        require(package, extra="sentencepiece", what="writing a .model", named=named)
    (into / MODEL).write_bytes(_proto(source, pieces, scores, options).SerializeToString(deterministic=True))
    return Written(MODEL, source.special, (*options.notes, *notes))


def _broken_model(source: Exportable) -> str:
    model = source.model
    if model["type"] not in MODELS:
        return f"its model is {model['type']}, not BPE or Unigram"
    if model.get("dropout"):
        return f"dropout {model['dropout']} leaves merges out at random"
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return "its pieces are marked inside or at the end of words, and SentencePiece's where a space was"
    unknown = model.get("unk_id") if model["type"] == "Unigram" else model.get("unk_token")
    if unknown is None:
        return "it has no unknown token, and SentencePiece has one always"
    return ""


def _broken_cut(source: Exportable) -> str:
    """SentencePiece cuts nothing before the model but user-defined pieces."""
    kinds = [each["type"] for each in source.blocks("pre_tokenizer")]
    if kinds in ([], ["Metaspace"], ["WhitespaceSplit", "Metaspace"]) or _is_idle(source) or _defined(source):
        return ""
    return f"texts are cut by {' and '.join(kinds)}, and SentencePiece cuts at spaces written as {SPACE} only"


def _is_idle(source: Exportable) -> bool:
    """Whether the only cut is at spaces, of which the normalizer has left none: Gemma's."""
    cutters = source.blocks("pre_tokenizer")
    escaped = any(_replaces(each) == (" ", SPACE) for each in source.blocks("normalizer"))
    return escaped and [each.get("pattern") for each in cutters] == [{"String": " "}]


def _defined(source: Exportable) -> dict[str, int]:
    """User-defined pieces → id, which the reader of .model cuts out by a Split of their own."""
    cutters = source.blocks("pre_tokenizer")
    if len(cutters) != 1 or cutters[0]["type"] != "Split" or "Regex" not in cutters[0]["pattern"]:
        return {}
    words = cutters[0]["pattern"]["Regex"]
    parts = set(re.split(r"(?<!\\)\|", words))
    vocabulary = source.tokenizer.get_vocab(with_added_tokens=False)
    found = {token: number for token, number in vocabulary.items() if re.escape(token) in parts}
    return found if defined_words(found) == words else {}


def _replaces(block: Mapping[str, Any]) -> tuple[str, str]:
    """What a Replace looks for and puts in; empty strings for another block."""
    if block["type"] != "Replace":
        return "", ""
    sought = block["pattern"]
    return str(sought.get("String") or sought.get("Regex")), str(block["content"])


@dataclass(frozen=True)
class SpmBlocks:
    """The blocks of a tokenizer, read as the options of SentencePiece's normalizer."""

    source: Exportable

    @cached_property
    def normalizers(self) -> list[dict[str, Any]]:
        """The normalizers in order."""
        return self.source.blocks("normalizer")

    @cached_property
    def metaspace(self) -> dict[str, Any]:
        """The pre-tokenizer that writes spaces as ▁, {} where there is none."""
        return next((each for each in self.source.blocks("pre_tokenizer") if each["type"] == "Metaspace"), {})

    @cached_property
    def mapping(self) -> tuple[str, ...]:
        """The blocks that change characters: those before spaces are looked at."""
        kept = (
            each["type"] for each in self.normalizers if each["type"] not in ("Strip", "Prepend", "Replace")
        )
        return tuple(kept)

    @cached_property
    def replaced(self) -> list[tuple[str, str]]:
        """What each Replace looks for and puts in."""
        return [_replaces(each) for each in self.normalizers if each["type"] == "Replace"]

    @property
    def broken(self) -> str:
        """The rule that the blocks break, "" for none."""
        known = {STRIPPED, COLLAPSED, (COLLAPSED[0], SPACE), (" ", SPACE)}
        strange = next((pair for pair in self.replaced if pair not in known), None)
        if self.mapping not in RULES and self.mapping != ("Precompiled",):
            return f"its normalizers {' and '.join(self.mapping)} are no table of SentencePiece"
        if strange:
            return f"its normalizer replaces {strange[0]!r} by {strange[1]!r}, which SentencePiece does not"
        if not self.metaspace and (" ", SPACE) not in self.replaced:
            return f"spaces are not written as {SPACE}"
        if self.metaspace.get("replacement", SPACE) != SPACE:
            return f"spaces are written as {self.metaspace['replacement']}, not as {SPACE}"
        return ""

    @property
    def options(self) -> SpmOptions:
        """What SentencePiece does of it, and what it does otherwise."""
        table = next((each for each in self.normalizers if each["type"] == "Precompiled"), None)
        prepends = any(each["type"] == "Prepend" for each in self.normalizers)
        return SpmOptions(
            rule="from_export" if table else RULES[self.mapping],
            charsmap=base64.b64decode(table["precompiled_charsmap"]) if table else b"",
            dummy_prefix=prepends or self.metaspace.get("prepend_scheme", "never") != "never",
            collapses_spaces=self._collapses,
            notes=tuple(self._notes()),
        )

    @property
    def _cuts_words(self) -> bool:
        return any(each["type"] == "WhitespaceSplit" for each in self.source.blocks("pre_tokenizer"))

    @property
    def _collapses(self) -> bool:
        return self._cuts_words or any(sought == COLLAPSED[0] for sought, _ in self.replaced)

    def _notes(self) -> list[str]:
        """Where SentencePiece comes near, and not to the same."""
        notes = []
        strips = (
            self._cuts_words
            or STRIPPED in self.replaced
            or any(each["type"] == "Strip" for each in self.normalizers)
        )
        if self._collapses and not strips:
            notes.append("a space at the end of a text is a token here, and SentencePiece takes it away")
        if self.metaspace and not self._collapses and self.metaspace["prepend_scheme"] != "never":
            notes.append(
                f"before a text that begins with a space SentencePiece puts another {SPACE}, not so here"
            )
        if self.mapping in RULES and self.mapping:
            notes.append(
                f"{' and '.join(self.mapping)} are not quite SentencePiece's table {RULES[self.mapping]}"
            )
        return notes


def _pieces(source: Exportable) -> dict[int, tuple[str, int]]:
    """Id → piece and its type, in the order of the ids."""
    model = source.model
    if model["type"] == "Unigram":
        found = {number: token for number, (token, _) in enumerate(model["vocab"])}
        unknown = int(model["unk_id"])
    else:
        found = {number: token for token, number in model["vocab"].items()}
        unknown = model["vocab"][model["unk_token"]]
    found |= {number: each.content for number, each in source.added.items()}
    defined = _defined(source)

    def kind(number: int, token: str) -> int:
        if number == unknown:
            return UNKNOWN
        if number in source.added:
            return CONTROL if source.added[number].special else USER_DEFINED
        if token in defined:
            return USER_DEFINED
        return BYTE if model.get("byte_fallback") and BYTE_PIECE.fullmatch(token) else NORMAL

    return {number: (token, kind(number, token)) for number, token in sorted(found.items())}


def _broken_pieces(source: Exportable, pieces: Mapping[int, tuple[str, int]], options: SpmOptions) -> str:
    hole = next((number for number in range(len(pieces)) if number not in pieces), None)
    if hole is not None:
        return f"a piece's place is its id, and no token has id {hole:,}"
    texts = [token for token, _ in pieces.values()]
    if "" in texts or len(set(texts)) != len(texts):
        return "a piece is empty or there twice"
    bytes_ = sum(kind == BYTE for _, kind in pieces.values())
    if source.model.get("byte_fallback") and bytes_ != 256:
        return f"it falls back to bytes and has {bytes_} of the 256 as tokens"
    cutting = any(
        each["type"] == "WhitespaceSplit" or each.get("split") for each in source.blocks("pre_tokenizer")
    )
    normal = [token for token, kind in pieces.values() if kind == NORMAL]
    inner = [
        token
        for token in normal
        if SPACE in (token[1:].lstrip(SPACE) if options.collapses_spaces else token[1:])
    ]
    if cutting and inner:
        counted = f"{plural(len(inner), 'piece')} such as {clipped(inner[0])}"
        return f"{counted} has a space inside, where texts are cut here"
    if cutting and SPACE not in texts:
        return f"it has no piece {SPACE} for a space alone, and unknown characters would join across spaces"
    return ""


def _scores(
    source: Exportable, pieces: Mapping[int, tuple[str, int]]
) -> tuple[dict[int, float], tuple[str, ...]]:
    """Id → score, and what is to be said of them; UsageError for BPE whose merges no scores give."""
    if source.model["type"] == "Unigram":
        own = {number: float(score) for number, (_, score) in enumerate(source.model["vocab"])}
        changed = any(not isclose(each, rounded(each), rel_tol=1e-12) for each in own.values())
        return own, (ROUNDED,) if changed else ()
    places: dict[str, int] = {}
    for place, (left, right) in enumerate(source.merges):
        places.setdefault(left + right, place)
    met = {token for token, kind in pieces.values() if kind in (NORMAL, USER_DEFINED)}
    last = len(source.merges)
    ranks = {token: float(places.get(token, last)) for token in met}
    normal = [token for token, kind in pieces.values() if kind == NORMAL]
    disorder, unmade = merges_out_of_order(ranks, source.merges, normal)
    if not disorder and unmade and source.model.get("ignore_merges") and not _defined(source):
        disorder = f"{plural(len(unmade), 'token')} such as {clipped(unmade[0])} is made by no merge"
    if disorder:
        raise source.refusal("SentencePiece's model", disorder)
    fused = source.model.get("fuse_unk") or source.model.get("byte_fallback")
    scores = {number: -ranks[token] for number, (token, _) in pieces.items() if token in ranks}
    return scores, () if fused else (FUSED,)


def _proto(
    source: Exportable,
    pieces: Mapping[int, tuple[str, int]],
    scores: Mapping[int, float],
    options: SpmOptions,
) -> Any:  # noqa: ANN401  a message of protobuf
    from sentencepiece import SentencePieceNormalizer, sentencepiece_model_pb2

    proto: Any = sentencepiece_model_pb2.ModelProto()
    if options.rule in RULES.values():
        proto.ParseFromString(SentencePieceNormalizer(rule_name=options.rule).serialized_model_proto())
    for number, (token, kind) in pieces.items():
        proto.pieces.add(piece=token, type=kind, score=scores.get(number, 0.0) if kind == NORMAL else 0.0)
    trainer, normal = proto.trainer_spec, proto.normalizer_spec
    trainer.model_type, trainer.vocab_size = MODELS[source.model["type"]], len(pieces)
    trainer.byte_fallback = bool(source.model.get("byte_fallback"))
    ids = {token: number for number, (token, _) in pieces.items()}
    trainer.unk_id = next(number for number, (_, kind) in pieces.items() if kind == UNKNOWN)
    trainer.unk_piece = pieces[trainer.unk_id][0]
    for role in ("bos", "eos", "pad"):
        token = source.roles.get(role, "")
        setattr(trainer, f"{role}_id", ids.get(token, -1))
        if token in ids:
            setattr(trainer, f"{role}_piece", token)
    normal.name = options.rule
    if options.charsmap:
        normal.precompiled_charsmap = options.charsmap
    normal.add_dummy_prefix, normal.escape_whitespaces = options.dummy_prefix, True
    normal.remove_extra_whitespaces = options.collapses_spaces
    return proto


def written_sentencepiece(into: Path) -> Oracle:
    """What SentencePiece makes of texts with the model that was written."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(into / MODEL))
    never = [processor.id_to_piece(number) for number in range(len(processor))
             if processor.is_control(number) or processor.is_unknown(number)]  # fmt: skip
    return Oracle("sentencepiece", processor.encode, never=never, token_id=processor.piece_to_id)
