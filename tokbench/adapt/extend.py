"""A vocabulary that learns more tokens from a corpus, with the model that follows it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from tokenizers import models

from tokbench.adapt.adapted_card import Measure, adapted_card
from tokbench.adapt.continued.continued_bpe import (
    ModelAlone,
    SpelledWords,
    continue_bpe,
    unreachable,
    with_merges,
)
from tokbench.adapt.grow import RowChoices, grow_model, planned
from tokbench.adapt.growth import CARD, Growth, saved
from tokbench.analysis.sweep import knee
from tokbench.corpus.reading import Corpus, CorpusSource, TextsCorpus, as_corpus
from tokbench.errors import NegativeResultError, UsageError, plural
from tokbench.io.atomic import ensure_writable
from tokbench.io.library_errors import parse_tokenizer
from tokbench.model.files import has_weights
from tokbench.native.ragged import equal_rows
from tokbench.native.word_counter import texts_of
from tokbench.pretrained.added_tokens import Added, without_truncation
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load, untruncated
from tokbench.pretrained.wrap import portable_config, with_loaded_flags
from tokbench.progress import Progress, silent
from tokbench.results import Result
from tokbench.training.counting.count_corpus import count_packed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokbench.adapt.continued.continued_bpe import ContinuedBPE
    from tokbench.training.counting.store import PackedWords
    from tokbench.training.word_counts import CountedCorpus

RECORD = "extend.json"
POINTS = 8  # of the curve
FIRST = 12  # new tokens that are shown
MOST_TEXTS = 20_000  # of a sample that is measured


@dataclass(frozen=True)
class ExtensionPoint:
    """What so many new tokens make of the corpus: tokens in all, and UTF-8 bytes a token."""

    tokens: int
    corpus_tokens: int
    bytes_per_token: float


@dataclass(frozen=True)
class Effect:
    """Texts before and after: UTF-8 bytes a token, and the share of the texts whose ids stay as they were."""

    texts: int
    before: float
    after: float
    unchanged: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Extension(Result, kind="extension", table="curve"):
    """A tokenizer that learned more tokens, and the model that follows if there is one.

    asked, got: new tokens, of which `characters` are characters that the vocabulary lacked; a corpus may hold
    fewer than were asked for. first: those learned first that are whole characters, as text. unused: those
    that the corpus itself has no text for in the end, since longer ones take their places. dead: new tokens
    that do not come out of their own text. dead_before: old tokens that do not, `refused` the merges that
    would have spelled one. domain: the corpus by its words, of which `unchanged` keep their tokens.
    sample: other texts. engine, why: what learned. model: "" for none. path: None where nothing was written.
    """

    tokenizer: str
    asked: int
    got: int
    characters: int
    first: tuple[str, ...]
    unused: int
    dead: int
    dead_before: int
    refused: int
    curve: tuple[ExtensionPoint, ...]
    knee: int | None
    domain: Effect
    sample: Effect | None
    engine: str
    why: str
    model: str
    path: Path | None
    dry: bool
    growth: Growth = field(repr=False)


def extend(
    tokenizer: TokenizerSource,
    corpus: CorpusSource,
    *,
    tokens: int = 2_000,
    model: str | Path | None = None,
    min_frequency: int = 2,
    max_token_length: int | None = None,
    column: str | None = None,
    sample: CorpusSource | None = None,
    output: str | Path | None = None,
    engine: str = "auto",
    dry_run: bool = False,
    force: bool = False,
    progress: Progress = silent,
    **choices: Unpack[RowChoices],
) -> Extension:
    """Learn up to `tokens` more tokens of a corpus where the tokenizer's own merges end.

    Old tokens keep their ids, texts only lose boundaries, and each new token comes out of its own text. A
    model (`model`, or weights beside the tokenizer) gets a row for each, by default the mean of the rows of
    the old tokens that it is made of. `sample` are texts of what must not suffer: how many keep their ids is
    told. Both are saved to `output`, whole or not at all; without it, or for a dry run, nothing is written.

    Raises UsageError for a tokenizer that is not BPE, has dropout or cuts no words, NegativeResultError
    where the corpus teaches nothing, and what add_tokens raises for a model.

    >>> import tokbench as tb
    >>> tok = tb.train(["a cat", "a hat"] * 9, "bpe", vocab_size=262)
    >>> wider = extend(tok, ["the mat on the mats"] * 9, tokens=4)
    >>> wider.first, wider.growth.added.before, wider.dead
    (('he', 'mat', 'the', ' mat'), 262, 0)
    """
    out = None if output is None or dry_run else Path(output)
    if out is not None:
        ensure_writable(out, force=force)
    folder = with_loaded_flags(load(tokenizer))
    if model is None and has_weights(folder.path):
        model = folder.path
    _must_be_extendable(folder, tokens)
    packed, counted = _words(folder, corpus, column=column, progress=progress)
    learned = _learned(
        folder,
        SpelledWords.of(packed),
        tokens,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        engine=engine,
        progress=progress,
    )
    added = _added(folder, learned)
    growth = (planned if dry_run else grow_model)(folder, model, added, **choices)
    effect = None if sample is None else _effect(without_truncation(folder), added.tokenizer, sample)
    result = _extension(learned, growth, counted, asked=tokens, sample=effect, out=out)
    if out is None:
        return result
    more = {
        RECORD: _record(result, learned.found, packed, counted),
        CARD: adapted_card(str(out), growth, _done(result), _measures(result), _proved(result)),
    }
    return replace(result, growth=saved(growth, out, force=force, more=more, act="extend"))


@dataclass(frozen=True, eq=False)
class _Learned:
    """What was learned of these words, and tokenizer.json before and after; dead: old unreachable tokens."""

    raw: Mapping[str, Any]
    extended: Mapping[str, Any]
    words: SpelledWords
    found: ContinuedBPE
    dead: int


def _learned(
    folder: TokenizerFolder,
    words: SpelledWords,
    tokens: int,
    *,
    min_frequency: int,
    max_token_length: int | None,
    engine: str,
    progress: Progress,
) -> _Learned:
    """The new tokens; NegativeResultError where there are none."""
    raw: Mapping[str, Any] = json.loads(without_truncation(folder).to_str())
    lost = unreachable(raw)
    found = continue_bpe(
        raw,
        words,
        tokens,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        has_dead=bool(lost),
        engine=engine,
        progress=progress,
    )
    if not found.tokens:
        raise NegativeResultError(
            f"nothing to gain: {folder.name} has no two neighbours {min_frequency} times in this corpus",
            fix="a larger corpus, or --min-frequency 1",
        )
    return _Learned(raw, with_merges(raw, found), words, found, len(lost))


def _extension(
    learned: _Learned,
    growth: Growth,
    corpus: CountedCorpus,
    *,
    asked: int,
    sample: Effect | None,
    out: Path | None,
) -> Extension:
    """The result, measured."""
    found, measured = learned.found, _Measured(learned, corpus)
    return Extension(
        tokenizer=growth.tokenizer.name,
        asked=asked,
        got=len(found.tokens),
        characters=found.characters,
        first=tuple(islice(_readable(growth.added), FIRST)),
        unused=measured.unused,
        dead=measured.dead,
        dead_before=learned.dead,
        refused=found.refused,
        curve=measured.curve,
        knee=measured.knee,
        domain=measured.domain,
        sample=sample,
        engine=found.choice.engine,
        why=found.choice.why,
        model=growth.model,
        path=out,
        dry=growth.dry,
        growth=growth,
    )


def _readable(added: Added) -> Iterator[str]:
    """The new tokens that are whole characters, as text."""
    for number in added.regular.values():
        text = added.tokenizer.decode([number], skip_special_tokens=False)
        if "\N{REPLACEMENT CHARACTER}" not in text:
            yield text


def _must_be_extendable(folder: TokenizerFolder, tokens: int) -> None:
    """UsageError where continuing means nothing."""
    library, name = folder.tokenizer, folder.name
    if tokens < 1:
        raise UsageError(f"{tokens} tokens are none", fix="--tokens 2000")
    if not isinstance(library.model, models.BPE):
        kind = type(library.model).__name__
        raise UsageError(
            f"{name} is {kind}, and only BPE is continued: its merges are a list that can go on",
            fix=f"train one on all texts: tokbench train-like {shlex.quote(name)} corpus.txt -o new-tok",
        )
    if library.model.dropout:
        raise UsageError(
            f"{name} has dropout {library.model.dropout:g}, so its words have no one segmentation",
            fix="take the tokenizer without dropout: set it to null in tokenizer.json",
        )
    if not _cuts_words(library):
        raise UsageError(
            f"{name} has no pre_tokenizer that cuts texts, so whole lines would be words",
            fix=f"train one on all texts: tokbench train-like {shlex.quote(name)} corpus.txt -o new-tok",
        )


MARKS = "one two\tthree|four,five.six-seven_eight/nine"  # what words may be cut at


def _cuts_words(library: Tokenizer) -> bool:
    """Whether texts come in words: Gemma's splits at spaces, of which its normalizer has left none."""
    if library.pre_tokenizer is None:
        return False
    text = library.normalizer.normalize_str(MARKS) if library.normalizer else MARKS
    return len(library.pre_tokenizer.pre_tokenize_str(text)) > 1


def _words(
    folder: TokenizerFolder,
    corpus: CorpusSource,
    *,
    column: str | None,
    progress: Progress,
) -> tuple[PackedWords, CountedCorpus]:
    """The words of the corpus; added tokens are no part of any, as when a text is encoded."""
    texts = as_corpus(corpus, column=column, progress=progress)
    added = folder.tokenizer.get_added_tokens_decoder().values()
    contents = sorted((each.content for each in added), key=len, reverse=True)
    library = untruncated(folder.tokenizer)
    if contents and (pattern := re.compile("|".join(map(re.escape, contents)))) and _holds(texts, pattern):
        return count_packed(_between(texts, pattern), library, progress=progress)
    return count_packed(texts, library, progress=progress)


def _holds(texts: Corpus, pattern: re.Pattern[str]) -> bool:
    """Whether a text holds an added token; what can be read only once is taken to hold some."""
    if texts.size is None:
        return True
    batches = texts if isinstance(texts, TextsCorpus) else texts.whole_texts()
    found = False
    with suppress(StopIteration):
        found = any(pattern.search(text) for batch in batches for text in texts_of(batch))
    return found


def _between(texts: Iterable[Sequence[str]], pattern: re.Pattern[str]) -> Iterator[str]:
    """What stands between added tokens."""
    for batch in texts:
        for text in batch:
            yield from pattern.split(text)


def _added(folder: TokenizerFolder, learned: _Learned) -> Added:
    """The tokenizer with its new tokens, as growth takes it; NegativeResultError where ids differ."""
    found = learned.found
    library = parse_tokenizer(json.dumps(learned.extended, ensure_ascii=False), name=folder.name)
    old = without_truncation(folder).get_vocab(with_added_tokens=True)
    if library.get_vocab(with_added_tokens=True) != {**old, **found.tokens}:
        raise NegativeResultError(
            f"the library gives other ids than those of {folder.name} and the new tokens; nothing was saved"
        )
    return Added(
        tokenizer=library,
        config=portable_config(folder, library),
        special={},
        regular=found.tokens,
        existing={},
        declared=(),
        before=max(old.values()) + 1,
        after=max(found.tokens.values()) + 1,
        holes_filled=0,
        pieces=found.pieces,
    )


class _Measured:
    """What the new tokens do to the words they were learned of, asked of the library."""

    def __init__(self, learned: _Learned, corpus: CountedCorpus) -> None:
        found, words = learned.found, learned.words.packed
        before = found.before
        extended = ModelAlone.of(learned.extended)
        after = extended.ids(learned.words)
        old, new = (int((words.counts * each.lengths).sum()) for each in (before, after))
        times = np.repeat(words.counts, after.lengths)
        used = np.zeros(max(found.tokens.values()) + 1, np.int64)
        np.add.at(used, after.ids, times)
        uses = {number: int(used[number]) for number in found.tokens.values()}
        self.unused = sum(not each for each in uses.values())
        self.dead = len(extended.in_parts(list(found.tokens)))
        self.curve = _curve(found, uses, old, corpus.utf8_bytes)
        at = knee([each.tokens for each in self.curve], [each.bytes_per_token for each in self.curve])
        self.knee = None if at is None else self.curve[at].tokens
        same = equal_rows(before, after)
        unchanged = int(words.counts[same].sum()) / max(1, int(words.counts.sum()))
        self.domain = Effect(corpus.texts, corpus.utf8_bytes / old, corpus.utf8_bytes / new, unchanged)


def _done(result: Extension) -> str:
    """What was done, for the card."""
    return f"extended by {plural(result.got, 'token')} of a corpus of {plural(result.domain.texts, 'text')}"


def _measures(result: Extension) -> Iterator[Measure]:
    """The figures of the card."""
    learned = ("the corpus that it learned", result.domain, "words")
    for named, effect, unit in (learned, ("other texts", result.sample, "texts")):
        if effect is not None:
            yield Measure(f"bytes a token, {named}", f"{effect.before:.3f}", f"{effect.after:.3f}")
            yield Measure(f"{unit} with the same tokens, {named}", "", f"{effect.unchanged:.1%}")
    yield Measure("new tokens that the corpus has no text for", "", f"{result.unused:,}")


def _proved(result: Extension) -> Iterator[str]:
    """What the card says of ids."""
    yield "Old tokens have their old ids."
    yield f"Of the new tokens {result.dead:,} do not come out of their own text."


def _curve(found: ContinuedBPE, uses: dict[int, int], old: int, size: int) -> tuple[ExtensionPoint, ...]:
    """The tokens of the corpus at POINTS numbers of new tokens.

    A merge was made as often as its token is used, alone or inside longer ones, and saved one token each
    time; a character saved those of its bytes but one. Exact where each token is made by one merge.
    """
    made = {token: uses[number] for token, number in found.tokens.items()}
    for token in reversed(found.tokens):
        for part in found.parts.get(token, ()):
            if part in made:
                made[part] += made[token]
    saved = [
        times * (1 if token in found.parts else max(0, len(found.pieces[token]) - 1))
        for token, times in made.items()
    ]
    asked = sorted({max(1, len(saved) * step // POINTS) for step in range(1, POINTS + 1)} | {0})
    left, curve = old, [ExtensionPoint(0, old, size / old)]
    for before, behind in pairwise(asked):
        left -= sum(saved[before:behind])
        curve.append(ExtensionPoint(behind, left, size / left))
    return tuple(curve)


def _effect(old: Tokenizer, new: Tokenizer, sample: CorpusSource) -> Effect:
    """The first MOST_TEXTS texts of a sample, before and after."""
    texts = same = size = 0
    counts = [0, 0]
    for batch in as_corpus(sample):
        kept = batch[: MOST_TEXTS - texts]
        one, other = (each.encode_batch_fast(kept, add_special_tokens=False) for each in (old, new))
        for text, first, second in zip(kept, one, other, strict=True):
            size += len(text.encode())
            same += first.ids == second.ids
            counts = [counts[0] + len(first.ids), counts[1] + len(second.ids)]
        texts += len(kept)
        if texts >= MOST_TEXTS:
            break
    return Effect(texts, size / max(1, counts[0]), size / max(1, counts[1]), same / max(1, texts))


def _record(result: Extension, found: ContinuedBPE, words: PackedWords, corpus: CountedCorpus) -> str:
    """What was learned, of which corpus: the merges in order, and the new tokens by id."""
    facts = {
        "schema": "tokbench/extension/1",
        "asked": result.asked,
        "corpus": {
            "sources": [source.rpartition("/")[2] for source in corpus.sources],
            "texts": corpus.texts,
            "utf8_bytes": corpus.utf8_bytes,
        },
        "words_sha256": _hash(words),
        "tokens": found.tokens,
        "merges": found.merges,
        "pieces": found.pieces,
        "curve": [[each.tokens, each.corpus_tokens] for each in result.curve],
    }
    return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


def _hash(words: PackedWords) -> str:
    """Of all words and their counts: the same corpus gives the same, whatever file it came from."""
    return sha256(words.utf8.tobytes() + words.lengths.tobytes() + words.counts.tobytes()).hexdigest()


__all__ = ["Effect", "Extension", "ExtensionPoint", "extend"]
