"""A vocabulary that learns more tokens from a corpus, with the model that follows it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from tokbench.adapt.adapted_card import Measure, adapted_card
from tokbench.adapt.continued.continued_bpe import continue_bpe
from tokbench.adapt.continued.continued_unigram import continue_unigram
from tokbench.adapt.continued.continued_wordpiece import continue_wordpiece
from tokbench.adapt.continued.corpus_words import corpus_words, counted_words
from tokbench.adapt.continued.effects import Effect, ExtensionPoint, WordEffects, text_effect
from tokbench.adapt.continued.spelled_words import ModelAlone, SpelledWords
from tokbench.adapt.continued.word_borders import Borders, borders, cuts_words
from tokbench.adapt.grow import RowChoices, grow_model, held_in_memory, planned
from tokbench.adapt.growth import CARD, Growth, saved
from tokbench.corpus.cleaned import chosen_cleaning, cleaned, refuse_cleaning
from tokbench.corpus.reading import as_corpus
from tokbench.errors import NegativeResultError, UsageError, plural
from tokbench.io.atomic import ensure_writable
from tokbench.io.json_files import uncollected
from tokbench.io.library_errors import parse_tokenizer
from tokbench.model.files import has_weights
from tokbench.model.initializers import initializer
from tokbench.model.row_plan import COPY, row_init
from tokbench.pretrained.added_tokens import Added, unknown_id, without_truncation
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load
from tokbench.pretrained.train import counted_source
from tokbench.pretrained.wrap import portable_config, with_loaded_flags
from tokbench.progress import Progress, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokbench.adapt.continued.learned_tokens import LearnedTokens
    from tokbench.corpus.cleaned import CleaningSource
    from tokbench.corpus.reading import CorpusSource
    from tokbench.training.counting.store import StoredCounts
    from tokbench.training.word_counts import CountedCorpus, WordCounts

RECORD = "extend.json"
FIRST = 12  # new tokens that are shown
FOREIGN, UNKNOWN = 1.5, 0.25  # bytes a token below it, or a share of unknown words above it: not its language
CONTINUED: Mapping[str, Callable[..., LearnedTokens]] = {
    "BPE": continue_bpe,
    "WordPiece": continue_wordpiece,
    "Unigram": continue_unigram,
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Extension(Result, kind="extension", table="curve"):
    """A tokenizer that learned more tokens, and the model that follows if there is one.

    asked, got: new tokens, of which `characters` are characters that the vocabulary lacked; a corpus may hold
    fewer than were asked for. first: those learned first that are whole characters, as text. unused: those
    that the corpus itself has no text for in the end, since longer ones take their places. dead: new tokens
    that do not come out of their own text. dead_before: old tokens that do not, `refused` the merges that
    would have spelled one. domain: the corpus by its words, of which `unchanged` keep their tokens.
    sample: other texts. engine, why: what learned. model: "" for none. path: None where nothing was written.
    foreign: whether the old vocabulary hardly had the corpus's language.
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
    foreign: bool = False


def extend(
    tokenizer: TokenizerSource,
    corpus: CorpusSource | WordCounts | StoredCounts = (),
    *,
    counts: str | Path | None = None,
    tokens: int = 2_000,
    model: str | Path | None = None,
    min_frequency: int = 2,
    max_token_length: int | None = None,
    column: str | None = None,
    clean: CleaningSource = (),
    sample: CorpusSource | None = None,
    output: str | Path | None = None,
    engine: str = "auto",
    dry_run: bool = False,
    force: bool = False,
    progress: Progress = silent,
    **choices: Unpack[RowChoices],
) -> Extension:
    """Learn up to `tokens` more tokens of a corpus where the tokenizer's own vocabulary ends.

    Old tokens keep their ids. With BPE and Unigram texts only lose boundaries, with WordPiece nearly all do:
    the result counts the words that got one. A model (`model`, or weights beside the tokenizer) gets a row
    for each token, by default the mean of the rows of the old tokens that it is made of. `sample` are texts
    of what must not suffer: how many keep their ids is told. Both are saved to `output`, whole or not at all;
    without it, or for a dry run, nothing is written. Words that were counted before (`counts`, a file of
    them, or WordCounts) stand in for the corpus. `clean` are steps that its texts go through first.

    Raises UsageError for a tokenizer that learns no pieces, has dropout or has tokens that reach over spaces,
    NegativeResultError where the corpus teaches nothing, and what add_tokens raises for a model.

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
    cut = _must_be_extendable(folder, tokens)
    start = _known_start(choices)
    read = counted_source(corpus, column, counts)
    if read is None:
        texts = cleaned(as_corpus(cast("CorpusSource", corpus), column=column, progress=progress), clean)
        words, counted, fingerprint = corpus_words(folder.tokenizer, texts, cut, progress=progress)
    else:
        refuse_cleaning(clean, "counted words are no texts to clean")
        words, counted, fingerprint = counted_words(folder, read)
    with uncollected():  # vocabularies as millions of strings, of which nothing is garbage
        learned = _learned(
            folder,
            words,
            tokens,
            parted=cut is not None,
            min_frequency=min_frequency,
            max_token_length=max_token_length,
            engine=engine,
            progress=progress,
        )
        added = _added(folder, learned)
    if model is None:
        row_init(start, added, without_truncation(folder), unknown=unknown_id(folder), descriptions={})
    choices = held_in_memory(out, choices, dry=dry_run)
    growth = (planned if dry_run else grow_model)(folder, model, added, **choices)
    effect = None if sample is None else _sampled(folder, added, sample)
    result = _extension(learned, growth, counted, asked=tokens, sample=effect, out=out)
    if out is None:
        return result
    more = {
        RECORD: _record(result, learned.found, counted, fingerprint, chosen_cleaning(clean).record),
        CARD: adapted_card(str(out), growth, _done(result), _measures(result), _proved(result)),
    }
    return replace(result, growth=saved(growth, out, force=force, more=more, act="extend"))


def _known_start(choices: RowChoices) -> str:
    """How rows start; UsageError for what no row can start with, before anything is learned."""
    start = choices.get("start", "pieces")
    if not start.startswith(COPY):
        initializer(start)
    return start


@dataclass(frozen=True, eq=False)
class _Learned:
    """What was learned of these words, and the models before and after."""

    old: ModelAlone
    new: Tokenizer
    extended: Mapping[str, Any]
    words: SpelledWords
    found: LearnedTokens


def _learned(
    folder: TokenizerFolder,
    words: SpelledWords,
    tokens: int,
    *,
    parted: bool,
    min_frequency: int,
    max_token_length: int | None,
    engine: str,
    progress: Progress,
) -> _Learned:
    """The new tokens; NegativeResultError where there are none. Words may be `parted` by us alone."""
    library = without_truncation(folder)
    old = ModelAlone.of(json.loads(library.to_str()), library, merges_all=parted)
    found = CONTINUED[old.kind](
        old,
        words,
        tokens,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        engine=engine,
        progress=progress,
    )
    if not found.tokens:
        raise NegativeResultError(
            f"nothing to gain: {folder.name} has no two neighbours {min_frequency} times in this corpus",
            fix="a larger corpus, or --min-frequency 1",
        )
    extended = found.added_to(old.whole)
    new = parse_tokenizer(json.dumps(extended, ensure_ascii=False), name=folder.name)
    return _Learned(old, new, extended, words, found)


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
    found = learned.found
    with uncollected():
        after = learned.old.grown(learned.extended, learned.new)
        measured = WordEffects(found, learned.words, old=learned.old, new=after, corpus=corpus)
    return Extension(
        tokenizer=growth.tokenizer.name,
        asked=asked,
        got=len(found.tokens),
        characters=found.characters,
        first=tuple(islice(_readable(growth.added), FIRST)),
        unused=measured.unused,
        dead=measured.dead,
        dead_before=found.dead_before,
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
        foreign=measured.domain.before < FOREIGN or measured.domain.unknown_before > UNKNOWN,
    )


def _readable(added: Added) -> Iterator[str]:
    """The new tokens that are whole characters, as text."""
    for number in added.regular.values():
        text = added.tokenizer.decode([number], skip_special_tokens=False)
        if "\N{REPLACEMENT CHARACTER}" not in text:
            yield text


def _must_be_extendable(folder: TokenizerFolder, tokens: int) -> Borders | None:
    """UsageError where continuing means nothing; where to cut words if the tokenizer does not."""
    library, name = folder.tokenizer, folder.name
    if tokens < 1:
        raise UsageError(f"{tokens} tokens are none", fix="--tokens 2000")
    kind = type(library.model).__name__
    retrain = f"train one on all texts: tokbench train-like {shlex.quote(name)} corpus.txt -o new-tok"
    if kind not in CONTINUED:
        raise UsageError(f"{name} is {kind}, which learns no pieces that could be continued", fix=retrain)
    if kind == "BPE" and library.model.dropout:
        raise UsageError(
            f"{name} has dropout {library.model.dropout:g}, so its words have no one segmentation",
            fix="take the tokenizer without dropout: set it to null in tokenizer.json",
        )
    return None if cuts_words(library) else _borders(folder, kind, retrain)


def _borders(folder: TokenizerFolder, kind: str, retrain: str) -> Borders:
    """Where to cut words; UsageError for a tokenizer whose tokens are none of words."""
    library = folder.tokenizer
    found = borders(library)
    if kind == "WordPiece" or not found.sign:
        raise UsageError(
            f"{folder.name} has no pre_tokenizer that cuts texts, so whole lines would be words", fix=retrain
        )
    if not found.part_words:
        raise UsageError(
            f"{folder.name} cuts no words, and {len(found.over):,} of its tokens reach over spaces, such as "
            f"{found.over[0]}: whole lines would be words",
            fix=retrain,
        )
    return found


def _sampled(folder: TokenizerFolder, added: Added, sample: CorpusSource) -> Effect:
    return text_effect(without_truncation(folder), added.tokenizer, sample, unknown_id(folder))


def _added(folder: TokenizerFolder, learned: _Learned) -> Added:
    """The tokenizer with its new tokens, as growth takes it; NegativeResultError where ids differ."""
    found = learned.found
    library = learned.new
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
    recut, longer = result.domain.recut, result.domain.longer
    yield f"{plural(recut, 'different word')} of the corpus got a boundary, {longer:,} more tokens."
    yield f"Of the new tokens {result.dead:,} do not come out of their own text."


def _record(
    result: Extension,
    found: LearnedTokens,
    corpus: CountedCorpus,
    fingerprint: str,
    cleaning: Mapping[str, Any],
) -> str:
    """What was learned, of which corpus: the merges in order, and the new tokens by id."""
    facts = {
        "schema": "tokbench/extension/1",
        "asked": result.asked,
        "corpus": {
            "sources": [source.rpartition("/")[2] for source in corpus.sources],
            "texts": corpus.texts,
            "utf8_bytes": corpus.utf8_bytes,
            "sha256": fingerprint,
            **({"cleaning": dict(cleaning)} if cleaning else {}),
        },
        "tokens": found.tokens,
        "merges": found.merges,
        "pieces": found.pieces,
        "scores": {token: found.scores[token] for token in found.tokens if token in found.scores},
        "curve": [[each.tokens, each.corpus_tokens] for each in result.curve],
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items())
    return "{" + ",\n ".join(lines) + "}\n"


__all__ = ["Effect", "Extension", "ExtensionPoint", "extend"]
