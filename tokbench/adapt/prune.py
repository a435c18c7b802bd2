"""A vocabulary cut down to what a corpus needs: texts of the tokens that are left keep them, by new ids."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from tokenizers import models

from tokbench.adapt.adapted_card import FEWER, Measure, adapted_card
from tokbench.adapt.continued.spelled_words import BYTES
from tokbench.adapt.grow import RowChoices, grow_model, held_in_memory, planned
from tokbench.adapt.growth import CARD, Growth, saved
from tokbench.adapt.pair import refuse_strangers
from tokbench.adapt.reduced.kept_tokens import KINDS, TokenSet, WordPieces
from tokbench.corpus.reading import Corpus, CorpusSource, TextsCorpus, as_corpus
from tokbench.encoding.encode_texts import stream
from tokbench.errors import FileError, NegativeResultError, UsageError, plural
from tokbench.io.atomic import ensure_writable
from tokbench.io.extras import require
from tokbench.io.library_errors import parse_tokenizer
from tokbench.io.links import refuse_links_out
from tokbench.io.quiet import quiet
from tokbench.model.files import find_model, has_weights
from tokbench.model.probes import LONGEST as LONGEST_INPUT
from tokbench.model.row_plan import Renumbering, RowInit
from tokbench.native.byte_alphabet import byte_characters
from tokbench.native.corpus_encoder import by_library
from tokbench.native.ragged import Ragged, taken
from tokbench.native.word_counter import texts_of
from tokbench.pretrained.added_tokens import Added, unknown_id, without_truncation
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load
from tokbench.pretrained.lineage import IDS
from tokbench.pretrained.renumbered import cut_out, named_ids
from tokbench.pretrained.wrap import portable_config, with_loaded_flags
from tokbench.progress import Progress, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokbench.native.word_counter import TextBatch

HELD = 1 << 24  # bytes of the corpus that are encoded again with what is left
LONGER = 0.1  # more tokens than this share are refused
PROBES, LONGEST = 500, 12  # texts made of tokens that are left, and the most tokens of one
FIRST = 12  # lost tokens that are shown
ASKED = 40  # texts that a model is asked before and after
STRANGE = "hardly in this tokenizer's language"
MOST, FEW = 0.5, 0.03  # shares: of unknown tokens in a corpus, and of tokens that it uses


@dataclass(frozen=True, kw_only=True)
class PruningEffect:
    """The same texts before and after.

    before, after: UTF-8 bytes a token. longer: the share of tokens that came to them. unknown_before and
    unknown: tokens for what is not known. whole: texts of which all tokens are left; each has the same ones.
    """

    texts: int
    before: float
    after: float
    longer: float
    unknown_before: int
    unknown: int
    whole: int


@dataclass(frozen=True, kw_only=True)
class PrunedWeights:
    """Numbers and bytes of a model's weights before and after; followed: ids of its configs, old and new."""

    parameters_before: int
    parameters: int
    bytes_before: int
    bytes: int
    followed: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, kw_only=True, repr=False)
class Pruning(Result, kind="pruning"):
    """A tokenizer with fewer tokens, and the model that follows if there is one.

    tokens_before, tokens: in the vocabulary, added ones included. always: how many of them stay whatever the
    corpus says, such as single characters and special tokens: as few as there can be. used: others that the
    corpus has; passed: others that are kept because merges pass through them. dead: tokens that no text gets
    by the merges, before and after. lost: the most frequent of those that went, with their counts. texts,
    utf8_bytes: of the corpus, of which `effect` measures the beginning. probes: texts made of tokens that are
    left, each with the same ones. careful: what a reader should know. moved: old id → new id, as in ids.json.
    model: "" for none. path: None where nothing was written.
    """

    tokenizer: str
    tokens_before: int
    tokens: int
    always: int
    used: int
    passed: int
    dead_before: int
    dead: int
    lost: dict[str, int]
    texts: int
    utf8_bytes: int
    effect: PruningEffect
    probes: int
    careful: tuple[str, ...]
    model: str
    weights: PrunedWeights | None
    path: Path | None
    dry: bool
    growth: Growth = field(repr=False)
    folder: TokenizerFolder = field(repr=False, metadata={"json": False})
    moved: Mapping[int, int] = field(repr=False, metadata={"json": False})


def prune(
    tokenizer: TokenizerSource,
    corpus: CorpusSource,
    *,
    to: int | None = None,
    min_count: int = 1,
    keep: Sequence[str] = (),
    model: str | Path | None = None,
    column: str | None = None,
    output: str | Path | None = None,
    engine: str = "auto",
    force_longer: bool = False,
    dry_run: bool = False,
    force: bool = False,
    progress: Progress = silent,
    **choices: Unpack[RowChoices],
) -> Pruning:
    """Keep the tokens that a corpus has, and those without which they or single characters would be lost.

    Ids close up in their old order, and whatever states one follows. A text whose tokens are all left has the
    same ones, by their new ids. With `to` so many tokens are left: the rarest go, each counting for what
    takes its place. `keep` are tokens, or texts whose tokens stay. A model (`model`, or weights beside the
    tokenizer) keeps the rows of the tokens that are left, and gives texts of them the same hidden states, bit
    by bit; ids in its configs follow. Both are saved to `output`, whole or not at all, with ids.json, which
    maps old ids to new ones; without it, or for a dry run, nothing is written.

    UsageError for numbers that cannot be, and what add_tokens raises for a model; NegativeResultError where
    the corpus would have a tenth more tokens and not `force_longer`.

    >>> import tokbench as tb
    >>> tok = tb.train(["a cat", "a hat", "the mat"] * 9, "bpe", vocab_size=270)
    >>> lean = prune(tok, ["a hat"] * 9)
    >>> lean.tokens_before, lean.tokens, tb.encode(lean, "a hat").tokens
    (267, 261, ('a', 'Ġhat'))
    """
    out = None if output is None or dry_run else Path(output)
    if out is not None:
        ensure_writable(out, force=force)
    folder = with_loaded_flags(load(tokenizer))
    if model is None and has_weights(folder.path):
        model = folder.path
    refuse_links_out(folder.path)
    needed = {} if model is None else _needed(folder, model, choices)
    whole = _Whole(folder, keep, needed)
    whole.refuse(to, min_count)
    texts = as_corpus(corpus, column=column, progress=progress)
    counted = _Counted(whole.library, texts, engine, progress)
    cut = _cut(whole, counted, to=to, min_count=min_count, force_longer=force_longer)
    growth, weights = Growth(added=_added(whole, cut), tokenizer=folder, dry=dry_run), None
    if model is not None:
        choices = held_in_memory(out, choices, dry=dry_run)
        growth, weights = _followed(whole, cut, model, counted.held, choices, dry=dry_run)
    result = _result(whole, counted, cut, growth, weights)
    if out is None:
        return result
    more = {IDS: _ids(cut.moved), CARD: _card(result, str(out))}
    growth = saved(growth, out, act="prune", force=force, more=more)
    return replace(result, growth=growth, path=out, folder=load(out))


def _result(
    whole: _Whole, counted: _Counted, cut: _Cut, growth: Growth, weights: PrunedWeights | None
) -> Pruning:
    return Pruning(
        tokenizer=whole.folder.name,
        tokens_before=len(whole.ids),
        tokens=len(cut.moved),
        always=len(whole.fixed),
        used=cut.used,
        passed=len(cut.moved) - cut.used - len(whole.fixed),
        dead_before=len(whole.dead),
        dead=cut.dead,
        lost=cut.lost,
        texts=counted.facts.texts,
        utf8_bytes=counted.facts.utf8_bytes,
        effect=cut.effect,
        probes=cut.probes,
        careful=tuple(_careful(whole, counted, cut.used)),
        model=growth.model,
        weights=weights,
        path=None,
        dry=growth.dry,
        growth=growth,
        folder=cut.folder,
        moved=cut.moved,
    )


class _Whole:
    """The tokenizer as it is: ids by token, added tokens included, and which of them always stay."""

    def __init__(self, folder: TokenizerFolder, keep: Sequence[str], needed: Collection[int]) -> None:
        self.folder, self.library = folder, _as_saved(without_truncation(folder))
        self.raw: Mapping[str, Any] = json.loads(self.library.to_str())
        self.ids = self.library.get_vocab(with_added_tokens=True)
        self.kind: TokenSet = KINDS[self.raw["model"]["type"]](self.raw["model"])
        self.added = frozenset(entry["content"] for entry in self.raw.get("added_tokens") or ())
        self.unknown = unknown_id(folder)
        named = {*needed, *named_ids(self.raw), *chain.from_iterable(map(self._ids_of, keep))}
        tokens = {number: token for token, number in self.ids.items()}
        if strange := sorted(named - tokens.keys()):
            raise FileError(
                f"{folder.name} names the id {strange[0]:,}, which no token has",
                fix=f"tokbench check {shlex.quote(folder.name)}",
            )
        roles = self.ids.keys() & {*folder.roles.values(), *folder.extra}
        stated = {tokens[number] for number in named}
        self.fixed = self.kind.closed({*self.kind.always, *self.added, *roles, *stated})
        self.dead = self.kind.dead - self.added

    def refuse(self, to: int | None, min_count: int) -> None:
        """UsageError for numbers that cannot be."""
        size, name = len(self.ids), self.folder.name
        if dropout := self.raw["model"].get("dropout"):
            raise UsageError(
                f"{name} has dropout {dropout:g}, so its words have no one segmentation",
                fix="take the tokenizer without dropout: set it to null in tokenizer.json",
            )
        if to is not None and min_count != 1:
            raise UsageError(
                "either a number of tokens or a least count decides", fix="leave --min-count out"
            )
        if min_count < 1:
            raise UsageError(f"a token cannot occur {min_count} times", fix="--min-count 1")
        if to is not None and to > size:
            raise UsageError(f"{name} has {size:,} tokens, which is fewer than {to:,}", fix=f"--to {size}")
        if to is not None and to < len(self.fixed):
            raise UsageError(
                f"{name} needs {len(self.fixed):,} tokens at least: characters, added ones, what is to stay",
                fix=f"--to {len(self.fixed)}",
            )

    def _ids_of(self, text: str) -> list[int]:
        """A token's id, or those of a text; UsageError for what this tokenizer does not know."""
        if text in self.ids:
            return [self.ids[text]]
        found = self.library.encode(text, add_special_tokens=False).ids
        if not found or self.unknown in found:
            raise UsageError(f"{text!r} is no token here, and no text of some", fix="leave it out of --keep")
        return found


def _as_saved(library: Tokenizer) -> Tokenizer:
    """Unigram as it is once it was written: the library reads some scores off by their last bit, once."""
    if not isinstance(library.model, models.Unigram):
        return library
    return parse_tokenizer(library.to_str(), name="the tokenizer")


class _Counted:
    """How often each id stands in a corpus, and the first batches of it."""

    def __init__(self, library: Tokenizer, texts: Corpus, engine: str, progress: Progress) -> None:
        self.held: list[TextBatch] = []
        self.counts = np.zeros(
            max(library.get_vocab(with_added_tokens=True).values(), default=0) + 1, np.int64
        )
        batches = self._holding(texts.rows() if isinstance(texts, TextsCorpus) else texts.whole_texts())
        for part in stream(
            library, batches, special=False, engine=engine, size=texts.size, progress=progress
        ):
            self.counts += np.bincount(part.ids, minlength=len(self.counts))
        self.facts = texts.facts

    def _holding(self, batches: Iterable[TextBatch]) -> Iterator[TextBatch]:
        room = HELD
        for batch in batches:
            if room > 0:
                self.held.append(batch)
                room -= _utf8_bytes(batch)
            yield batch

    def by_token(self, ids: Mapping[str, int]) -> dict[str, int]:
        """Token → count of those that occur."""
        return {token: int(self.counts[number]) for token, number in ids.items() if self.counts[number]}


def _utf8_bytes(batch: TextBatch) -> int:
    if isinstance(batch, bytes):
        return len(batch) - batch.count(b"\n")
    return sum(len(text.encode()) for text in batch)


@dataclass(frozen=True)
class _Cut:
    """The tokenizer of the tokens that are left, old id → new id, what the corpus has of it, and the proof.

    used: how many of the tokens the corpus needs beside what always stays; lost: the most frequent that went.
    """

    folder: TokenizerFolder
    moved: Mapping[int, int]
    used: int
    dead: int
    lost: dict[str, int]
    effect: PruningEffect
    probes: int


def _cut(whole: _Whole, counted: _Counted, *, to: int | None, min_count: int, force_longer: bool) -> _Cut:
    """What the corpus has `min_count` times and what that takes, or `to` tokens."""
    counts = counted.by_token(whole.ids)
    used = {token for token, times in counts.items() if times >= min_count} - whole.fixed
    if to is None:
        kept = whole.fixed | whole.kind.closed(used)
    else:
        kept = whole.ids.keys() - whole.kind.order(counts, whole.fixed)[: len(whole.ids) - to]
    gone = sorted(counts.keys() - kept, key=lambda token: (-counts[token], whole.ids[token]))
    folder, moved = _pruned(whole, kept)
    effect = _effect(whole, folder, moved, counted.held)
    _refuse_longer(whole.folder, effect, forced=force_longer)
    return _Cut(
        folder=folder,
        moved=moved,
        used=len(used & kept),
        dead=len(whole.dead & kept),
        lost={token: counts[token] for token in gone[:FIRST]},
        effect=effect,
        probes=_proved(whole, folder.tokenizer, moved),
    )


def _pruned(whole: _Whole, kept: Collection[str]) -> tuple[TokenizerFolder, dict[int, int]]:
    """The tokenizer of these tokens, and old id → new id; NegativeResultError where the library differs."""
    folder = whole.folder
    raw, moved = cut_out(whole.raw, whole.ids, [whole.ids[token] for token in kept])
    library = parse_tokenizer(json.dumps(raw, ensure_ascii=False), name=folder.name)
    if library.get_vocab(with_added_tokens=True) != {token: moved[whole.ids[token]] for token in kept}:
        raise NegativeResultError(
            f"the library gives other ids than those of {folder.name}, closed up; nothing was saved"
        )
    config = portable_config(folder, library)
    named = Path(f"<{folder.name}>")
    return TokenizerFolder(folder.name, named, library, raw, config, folder.roles, folder.extra), moved


def _effect(
    whole: _Whole, pruned: TokenizerFolder, moved: Mapping[int, int], held: Sequence[TextBatch]
) -> PruningEffect:
    """Texts before and after; NegativeResultError where one has lost its tokens."""
    same = _Same(whole, moved)
    unknowns = whole.unknown, unknown_id(pruned)
    texts = kept = size = 0
    tokens, unknown = [0, 0], [0, 0]
    both = (stream(each, held, special=False, size=HELD) for each in (whole.library, pruned.tokenizer))
    for batch, *found in zip(held, *both, strict=True):
        kept += same.texts(batch, *found)
        texts, size = texts + len(found[0]), size + _utf8_bytes(batch)
        for at, each in enumerate(found):
            tokens[at] += len(each.ids)
            unknown[at] += int((each.ids == unknowns[at]).sum()) if unknowns[at] is not None else 0
    return PruningEffect(
        texts=texts,
        before=size / max(1, tokens[0]),
        after=size / max(1, tokens[1]),
        longer=tokens[1] / max(1, tokens[0]) - 1,
        unknown_before=unknown[0],
        unknown=unknown[1],
        whole=kept,
    )


class _Same:
    """Whether texts whose tokens are all left have the same ones, by their new ids."""

    def __init__(self, whole: _Whole, moved: Mapping[int, int]) -> None:
        self.numbers = np.full(max(whole.ids.values(), default=0) + 1, -1, np.int64)
        self.numbers[list(moved)] = list(moved.values())
        if isinstance(whole.kind, WordPieces) and whole.unknown is not None:
            self.numbers[whole.unknown] = -1  # what is unknown by its longest pieces may be known by others

    def texts(self, batch: TextBatch, before: Ragged, after: Ragged) -> int:
        """How many texts of these have all their tokens; NegativeResultError where one has others."""
        ids = self.numbers[before.ids]
        owners = np.repeat(np.arange(len(before)), before.lengths)
        rows = np.bincount(owners[ids < 0], minlength=len(before)) == 0
        old, new = taken(Ragged(ids, before.starts), rows), taken(after, rows)
        if not (np.array_equal(old.starts, new.starts) and np.array_equal(old.ids, new.ids)):
            text = next(
                text
                for text, is_whole, at in zip(texts_of(batch), rows, count(), strict=False)
                if is_whole and not np.array_equal(self.numbers[before[at]], after[at])
            )
            raise NegativeResultError(
                f"{text!r} would have other tokens, though its own are left; nothing was saved"
            )
        return int(rows.sum())


def _proved(whole: _Whole, library: Tokenizer, moved: Mapping[int, int]) -> int:
    """How many texts made of tokens that are left have just these tokens; see _Same."""
    chance, left = random.Random(0), sorted(moved)
    drawn = [chance.choices(left, k=chance.randint(1, LONGEST)) for _ in range(PROBES)]
    texts = whole.library.decode_batch(drawn, skip_special_tokens=False)
    before, after = (by_library(each, texts, special=False) for each in (whole.library, library))
    return _Same(whole, moved).texts(texts, before, after)


def _refuse_longer(folder: TokenizerFolder, effect: PruningEffect, *, forced: bool) -> None:
    if effect.longer > LONGER and not forced:
        raise NegativeResultError(
            f"with so few tokens of {folder.name} the corpus would have {effect.longer:.0%} more of them: "
            f"{effect.before:.3f} → {effect.after:.3f} bytes a token",
            fix="more tokens, or where it is meant so: --force-longer",
        )


def _careful(whole: _Whole, counted: _Counted, used: int) -> Iterator[str]:
    """What speaks against a corpus: it is hardly what the tokenizer was made for."""
    total = max(1, int(counted.counts.sum()))
    if whole.unknown is not None and (share := int(counted.counts[whole.unknown]) / total) > MOST:
        yield f"{share:.0%} of the corpus's tokens are unknown: it is {STRANGE}"
    bytes_of = [*BYTES, *(byte_characters() if whole.ids.keys() >= set(byte_characters()) else ())]
    numbers = [whole.ids[each] for each in bytes_of if each in whole.ids]
    if (share := int(counted.counts[numbers].sum()) / total) > MOST:
        yield f"{share:.0%} of the corpus's tokens are single bytes: it is {STRANGE}"
    if used < FEW * (len(whole.ids) - len(whole.fixed)):
        yield f"the corpus uses {used:,} of {len(whole.ids):,} tokens: it is small, or {STRANGE}"


def _ids(moved: Mapping[int, int]) -> str:
    """Old id → new id, a line each."""
    return json.dumps({str(old): new for old, new in moved.items()}, indent=0) + "\n"


def _needed(folder: TokenizerFolder, model: str | Path, choices: RowChoices) -> set[int]:
    """The ids that the model's configs name; UsageError for a model of another tokenizer."""
    require("torch", extra="train", what="pruning a model")
    from tokbench.model.loading import meta_model, told
    from tokbench.model.sync_ids import stated_in

    trusted = choices.get("trust_remote_code", False)
    refuse_links_out(Path(model).expanduser())
    refuse_strangers(folder, model, anyway=choices.get("force_ids", False))
    rows = meta_model(model, choices.get("vocabulary", ()), trust_remote_code=trusted).rows
    with told(model, "pruned"), quiet():
        stated = stated_in(find_model(model), trust_remote_code=trusted)
    ids = set(folder.tokenizer.get_vocab(with_added_tokens=True).values())
    for place, numbers in stated.items():
        for number in numbers:
            if 0 <= number < rows and number not in ids:
                file, _, key = place.partition(".")
                where = f"tokbench config set {shlex.quote(str(model))} {key}=0 --in-place"
                raise UsageError(
                    f"{place} of {model} is {number:,}, and {folder.name} has no token with that id",
                    fix=f"name one that it has: {where if file == 'config' else f'in {file}.json'}",
                )
    return {number for numbers in stated.values() for number in numbers if 0 <= number < rows}


def _followed(
    whole: _Whole, cut: _Cut, model: str | Path, held: Sequence[TextBatch], choices: RowChoices, *, dry: bool
) -> tuple[Growth, PrunedWeights]:
    """The model with the rows of the tokens that are left; its answers to texts of them are proved."""
    from tokbench.model.loading import hollow, told
    from tokbench.model.readers import positions
    from tokbench.model.resize import grown_keys, vocabulary_weights

    trusted, vocabulary = choices.get("trust_remote_code", False), choices.get("vocabulary", ())
    with told(model, "pruned"), quiet():
        empty = hollow(find_model(model, weights=False), trust_remote_code=trusted)
        tables = vocabulary_weights(empty, grown_keys(empty, vocabulary)).values()
    longest = min(LONGEST_INPUT, max(1, (positions(empty) or LONGEST_INPUT + 2) - 2))
    renumbering = Renumbering(
        kept={new: old for old, new in cut.moved.items()},
        start=RowInit(label="mean", way="mean", pieces={}),
        inputs=_inputs(whole.folder, cut.moved, held, longest),
        ids=cut.moved,
    )
    added = _added(whole, cut)
    growth = (planned if dry else grow_model)(whole.folder, model, added, renumbering, **choices)
    assert growth.plan is not None
    assert growth.memory is not None
    numbers = sum(each[0].numel() for each in tables if each.requires_grad)
    return growth, PrunedWeights(
        parameters_before=empty.num_parameters(),
        parameters=empty.num_parameters() + (growth.plan.size - growth.plan.rows_before) * numbers,
        bytes_before=growth.memory.before,
        bytes=growth.memory.after,
        followed=growth.followed,
    )


def _inputs(
    folder: TokenizerFolder, moved: Mapping[int, int], held: Sequence[TextBatch], longest: int
) -> list[list[int]]:
    """The ids of the first texts whose tokens are all left; without such a text some of those tokens."""
    library = without_truncation(folder)
    found: list[list[int]] = []
    for text in chain.from_iterable(map(texts_of, held)):
        ids = library.encode(text).ids[:longest]
        if ids and moved.keys() >= set(ids):
            found.append(ids)
        if len(found) == ASKED:
            break
    return found or [sorted(moved)[:longest]]


def _card(result: Pruning, name: str) -> str:
    """The card of what was pruned."""
    effect, weights = result.effect, result.weights
    measured = [
        Measure("tokens", f"{result.tokens_before:,}", f"{result.tokens:,}"),
        Measure("UTF-8 bytes a token, corpus", f"{effect.before:.3f}", f"{effect.after:.3f}"),
        Measure("unknown tokens, corpus", f"{effect.unknown_before:,}", f"{effect.unknown:,}"),
    ]
    if weights is not None:
        measured += [Measure("parameters", f"{weights.parameters_before:,}", f"{weights.parameters:,}")]
    proved = (
        f"{effect.whole:,} of {plural(effect.texts, 'text')} of the corpus, and {result.probes:,} made of "
        "tokens that stay, have the tokens that they had, by the ids of `ids.json`.",
    )
    done = f"pruned to {plural(result.tokens, 'token')}"
    return adapted_card(name, result.growth, done, measured, proved, not_known=FEWER)


def _added(whole: _Whole, cut: _Cut) -> Added:
    """The tokenizer as growth takes it."""
    return Added(
        tokenizer=cut.folder.tokenizer,
        config=dict(cut.folder.config),
        special={},
        regular={},
        existing={},
        declared=(),
        before=max(whole.ids.values(), default=-1) + 1,
        after=len(cut.moved),
        holes_filled=0,
        pieces={},
    )


__all__ = ["Pruning", "PruningEffect", "prune"]
