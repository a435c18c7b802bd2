"""A model that gets another tokenizer: each new token a row out of old ones; how near texts stay is told."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from tokbench.adapt.adapted_card import Measure, adapted_card
from tokbench.adapt.grow import TRIED, RowChoices, grow_model, held_in_memory, planned
from tokbench.adapt.growth import CARD, Growth, saved
from tokbench.adapt.pair import refuse_strangers
from tokbench.adapt.row_starts import row_starts, start_named
from tokbench.adapt.starts.shared_tokens import STANDS_FOR, Counterparts, Vocabulary, counterparts, shared
from tokbench.corpus.reading import CorpusSource, as_corpus
from tokbench.corpus.samples import shipped
from tokbench.errors import FileError, UsageError
from tokbench.io.atomic import ensure_writable
from tokbench.io.extras import require
from tokbench.io.json_files import read_object
from tokbench.io.library_errors import parse_tokenizer
from tokbench.model.files import CONFIG, find_model
from tokbench.model.probes import PROBES
from tokbench.model.row_plan import Renumbering, RowInit
from tokbench.pretrained.added_tokens import Added
from tokbench.pretrained.folder import TOKENIZER, TokenizerFolder, TokenizerSource, load
from tokbench.pretrained.special_tokens import GONE, Move, adopted_template
from tokbench.pretrained.wrap import portable_config, said_length, type_ids, with_loaded_flags
from tokbench.progress import Progress, silent
from tokbench.recipes.recipe import ROLES
from tokbench.results import Result

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from tokbench.adapt.row_starts import RowStarts

RECORD = "transplant.json"
ROLE_KEY = re.compile(rf"(\w+_)?({'|'.join(ROLES)})_token_id|decoder_start_token_id")
MOST_CHARACTERS = 1 << 26  # of a corpus that is read: beyond it shares hardly change
EVERY, MOST_HELD = 20, 100  # each so manieth text of a corpus is kept out, until there are so many
SHIPPED = "mixed.txt"  # what is measured without a corpus


@dataclass(frozen=True)
class RowOrigin:
    """Where rows come from: how many, and which share of the corpus's tokens they are; None without one."""

    origin: str
    rows: int
    share: float | None


@dataclass(frozen=True)
class Nearness:
    """Texts that no row was made from, by both pairs: `texts` of them.

    cosine: of the sentence vectors (the mean of the last hidden states) old to new, on average; None where
    the class gives none. bits: bits per UTF-8 byte of a causal language model, before and after.
    """

    texts: int
    source: str
    bytes_per_token: tuple[float, float]
    cosine: float | None
    bits: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Transplant(Result, kind="transplant", table="origins"):
    """A model with another tokenizer.

    shared: new tokens that the old tokenizer spells alike, whatever its marks. origins: which row comes from
    where; `role` is special tokens of the same part, `aligned` means of old rows by the texts. alone: special
    tokens that the old tokenizer has none for, whose rows are the mean of all. gone: roles that no new token
    has. notes: what to know. texts, utf8_bytes: of the corpus, of which rows were made. near: None where the
    weights were not loaded. path: None where nothing was written.
    """

    tokenizer: str
    old_tokenizer: str
    model: str
    start: str
    tokens_before: int
    tokens: int
    shared: int
    origins: tuple[RowOrigin, ...]
    alone: tuple[str, ...]
    gone: tuple[str, ...]
    notes: tuple[str, ...]
    texts: int
    utf8_bytes: int
    near: Nearness | None
    path: Path | None
    dry: bool
    growth: Growth = field(repr=False)


def transplant(
    tokenizer: TokenizerSource,
    *,
    model: str | Path,
    old_tokenizer: TokenizerSource | None = None,
    corpus: CorpusSource | None = None,
    column: str | None = None,
    output: str | Path | None = None,
    dry_run: bool = False,
    force: bool = False,
    progress: Progress = silent,
    **choices: Unpack[RowChoices],
) -> Transplant:
    """Give a model another tokenizer; its old one lies beside it, or is named.

    With a corpus a new row is the mean of the old rows that cover the same characters of it (`start` is
    "aligned"); without one, that of the old tokenizer's pieces of the token's text ("pieces"). Special tokens
    get the row of the same role. Texts that are kept out of it tell how near their vectors stay.

    Raises UsageError for a start that does not exist, for a role that the model cannot be without, and what
    resize raises for a model.

    >>> import tempfile, tokbench as tb
    >>> from transformers import BertConfig, BertModel
    >>> texts = ["a cat sat", "a hat", "the mat"] * 9
    >>> old, new = (tb.train(texts, "wordpiece", vocab_size=size) for size in (20, 30))
    >>> small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    >>> with tempfile.TemporaryDirectory() as place:
    ...     BertModel(BertConfig(vocab_size=old.reached, **small)).save_pretrained(place)
    ...     moved = tb.transplant(new, model=place, old_tokenizer=old, corpus=texts)
    >>> moved.growth.plan.size == new.reached, moved.growth.proof.holds
    (True, True)
    """
    out = None if output is None or dry_run else Path(output)
    if out is not None:
        ensure_writable(out, force=force)
    choices = held_in_memory(out, choices, dry=dry_run)
    start = start_named(choices.get("start", ""), texts=corpus is not None)
    require("torch", extra="train", what="giving a model another tokenizer")
    new, old = with_loaded_flags(load(tokenizer)), _old(model, old_tokenizer)
    refuse_strangers(old, model, anyway=choices.get("force_ids", False))
    texts = _Texts.of(corpus, column=column, progress=progress)
    pair = _Pair.of(new, old, model, choices)
    starts = row_starts(start, pair.new, pair.old, pair.roles.ids, texts.learned)
    before = _measured_before(pair, texts)
    growth = _grown(pair, starts, texts, dry=dry_run, choices=choices)
    near = None if before is None else _nearness(before, growth, pair, texts)
    result = _result(pair, starts, growth, texts, near=near, out=out)
    if out is None:
        return result
    more = {
        RECORD: _record(result),
        CARD: adapted_card(str(out), growth, f"moved to the tokenizer {new.name}", _measures(result)),
    }
    written = saved(growth, out, act="transplant", force=force, more=more, tokenizer=new.path)
    return replace(result, growth=written)


def _old(model: str | Path, named: TokenizerSource | None) -> TokenizerFolder:
    """The tokenizer that the model was trained with."""
    if named is not None:
        return with_loaded_flags(load(named))
    path = find_model(model, weights=False, besides=(TOKENIZER,))
    if not (path / TOKENIZER).is_file():
        raise FileError(
            f"no tokenizer lies beside {model}",
            fix="--old-tokenizer TOKENIZER: the one that it was trained with",
        )
    return with_loaded_flags(load(model))


@dataclass(frozen=True)
class _Texts:
    """The corpus in memory: what rows are made from, and what is kept out to measure."""

    learned: tuple[str, ...]
    held: tuple[str, ...]
    source: str
    whole: bool

    @classmethod
    def of(cls, corpus: CorpusSource | None, *, column: str | None, progress: Progress) -> _Texts:
        if corpus is None:
            lines = shipped(SHIPPED).read_text(encoding="utf-8").splitlines()
            some = [line for line in lines if line.strip()]
            step = max(1, len(some) // MOST_HELD)
            return cls((), tuple(some[::step][:MOST_HELD]), "texts that ship", whole=True)
        every, size, whole = [], 0, True
        for batch in as_corpus(corpus, column=column, progress=progress):
            if size >= MOST_CHARACTERS:
                whole = False
                break
            every += batch
            size += sum(map(len, batch))
        held = every[EVERY - 1 :: EVERY][:MOST_HELD]
        if not held:
            return cls(tuple(every), tuple(every), "texts that rows were made from", whole=whole)
        kept_out = set(held)
        learned = tuple(text for text in every if text not in kept_out)
        return cls(learned, tuple(held), "texts kept out", whole=whole)

    @property
    def notes(self) -> Iterator[str]:
        """What was not read."""
        if not self.whole:
            yield f"only the first {MOST_CHARACTERS:,} characters of the corpus were read"


@dataclass(frozen=True)
class _Pair:
    """The vocabularies of both, and what the model's config says."""

    model: str | Path
    new: Vocabulary
    old: Vocabulary
    rows: int
    here: bool  # whether the weights are loaded, so that texts can be asked
    roles: Counterparts
    stated: Mapping[str, Sequence[int]]  # the ids that the model's configs give, by place.key
    config: Mapping[str, Any]
    framed: bool  # whether the new tokenizer was given the old one's template

    @classmethod
    def of(cls, new: TokenizerFolder, old: TokenizerFolder, model: str | Path, choices: RowChoices) -> _Pair:
        from tokbench.model.loading import meta_model
        from tokbench.model.sync_ids import stated_in

        trust, path = choices.get("trust_remote_code", False), find_model(model)
        measure = meta_model(model, choices.get("vocabulary", ()), trust_remote_code=trust)
        stated = stated_in(path, trust_remote_code=trust)
        one, other = Vocabulary(new), Vocabulary(old, rows=measure.rows)
        roles, config = counterparts(one, other), read_object(path / CONFIG)
        framed = _framed_alike(one, other, roles)
        here = choices.get("prove", False) or measure.weight_bytes <= TRIED
        return cls(model, framed or one, other, measure.rows, here, roles, stated, config, bool(framed))

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The roles whose ids the model's configs give, by the new tokens of them; "" for none.

        UsageError for a padding that the model has and the new tokenizer has not, and for an id of a token
        that is more than a role, such as the place of a picture.
        """
        found = [move for role in ROLES for move in self._moved(role)]
        roles = [self.old.folder.roles.get(role, "") for role in ROLES]
        known = {self.old.ids.get(token) for token in roles}
        for place, numbers in self.stated.items():
            key = place.rpartition(".")[2]
            for number in numbers:
                if ROLE_KEY.fullmatch(key) or number in known or number >= self.rows:
                    continue
                token = self.old.library.id_to_token(number)
                raise UsageError(
                    f"{place} of {self.model} is {number:,} ({token}), which has no role: nothing says which "
                    "new token it is",
                    fix="take a model that reads texts alone",
                )
        return tuple(found)

    def _moved(self, role: str) -> Iterator[Move]:
        """The move of a role, and of further tokens that a list of its ids has."""
        old, new = self.old.folder.roles, self.new.folder.roles
        key = f"{role}_token_id"
        stated = [number for place, ids in self.stated.items() if place.endswith(f".{key}") for number in ids]
        token = new.get(role) or (new.get(STANDS_FOR.get(role, ""), "") if stated else "")
        number, before = self.new.ids.get(token), self.old.ids.get(old.get(role, ""))
        if number is None and stated and role == "pad":
            raise self._no_padding()
        if number is None and stated:
            yield Move(role, old.get(role, ""), before, "", GONE, template=False)
        elif number is not None and number != before:
            yield Move(role, old.get(role, ""), before, token, number, template=False)
        others = {before: after for after, before in self.roles.ids.items()}
        for each in dict.fromkeys(stated):
            if each != before and each < self.rows and before in stated:
                after = others.get(each, GONE)
                names = self.old.library.id_to_token(each), self.new.library.id_to_token(max(after, 0))
                now = "" if after == GONE else str(names[1])
                yield Move(role, str(names[0]), each, now, after, template=False)

    def _no_padding(self) -> UsageError:
        name = shlex.quote(self.new.folder.name)
        return UsageError(
            f"the model pads its texts, and {self.new.folder.name} has no token for it",
            fix=f"give it one: tokbench add-tokens {name} --special '[PAD]' --role 'pad=[PAD]' -o padded",
        )

    @cached_property
    def added(self) -> Added:
        """The new tokenizer as growth takes it."""
        library = self.new.library
        return Added(
            tokenizer=library,
            config=self._config,
            special={},
            regular={},
            existing={},
            declared=(),
            before=min(self.rows, self.old.size),
            after=self.new.size,
            holes_filled=0,
            pieces={},
            roles=self.moves,
        )

    @property
    def _config(self) -> dict[str, Any]:
        """tokenizer_config.json: no more positions and segments than the model has."""
        config = portable_config(self.new.folder, self.new.library)
        lengths = [each for each in map(said_length, (self.new.folder, self.old.folder)) if each]
        if lengths:
            config["model_max_length"] = min(lengths)
        names = config.get("model_input_names")
        if self.too_many_segments and isinstance(names, list):
            config["model_input_names"] = [name for name in names if name != "token_type_ids"]
        return config

    @cached_property
    def too_many_segments(self) -> bool:
        """Whether the new template numbers segments that the model has no rows for."""
        processor = json.loads(self.new.library.to_str()).get("post_processor") or {}
        segments = self.config.get("type_vocab_size")
        return isinstance(segments, int) and max(type_ids(processor), default=0) >= segments

    @property
    def notes(self) -> Iterator[str]:
        """What somebody should know who takes this tokenizer."""
        if self.too_many_segments:
            yield "the model has no second segment, so token_type_ids are not given to it"
        before, now = (each.library.encode("").ids for each in (self.old, self.new))
        around = " … ".join(str(self.old.library.id_to_token(each)) for each in before)
        if self.framed:
            yield f"what stands around a text as before, {around}: the new tokenizer put nothing there"
        elif before and not now:
            yield f"nothing stands around a text, and the model has only seen {around}"


def _framed_alike(new: Vocabulary, old: Vocabulary, roles: Counterparts) -> Vocabulary | None:
    """The new tokenizer with the template of the old one, where it puts nothing around texts and could."""
    raw = json.loads(new.library.to_str())
    if new.library.encode("").ids or new.library.encode("", "").ids:
        return None
    tokens = {number: token for token, number in new.ids.items()}
    before = {number: token for token, number in old.ids.items()}
    names = {before[number]: (tokens[new_id], new_id) for new_id, number in roles.ids.items()}
    template = json.loads(old.library.to_str()).get("post_processor")
    raw["post_processor"] = adopted_template(raw.get("post_processor"), template, names)
    if raw["post_processor"] is None:
        return None
    library, told = parse_tokenizer(json.dumps(raw), name=new.folder.name), new.folder
    return Vocabulary(
        TokenizerFolder(told.name, told.path, library, raw, told.config, told.roles, told.extra)
    )


def _grown(pair: _Pair, starts: RowStarts, texts: _Texts, *, dry: bool, choices: RowChoices) -> Growth:
    """The model with the rows of the new tokenizer; texts of kept rows are proved to be read as before."""
    renumbering = Renumbering(
        kept=dict(sorted(starts.kept.items())),
        start=RowInit(label=starts.start, way=starts.way, pieces=starts.pieces, weights=starts.weights),
        inputs=_kept_inputs(pair, starts, texts),
    )
    folder, model = pair.old.folder, str(pair.model)
    if dry and not pair.here:
        return planned(folder, model, pair.added, renumbering, **choices)
    return replace(grow_model(folder, model, pair.added, renumbering, **choices), dry=dry)


def _kept_inputs(pair: _Pair, starts: RowStarts, texts: _Texts) -> list[list[int]]:
    """Texts whose old ids all are rows that stay; ids in their order where there are none."""
    kept = set(starts.kept.values())
    encodings = pair.old.library.encode_batch([*PROBES, *texts.held])
    found = [each.ids for each in encodings if each.ids and kept.issuperset(each.ids)]
    return found[: len(PROBES)] or [sorted(kept)[:16] or [0]]


@dataclass(frozen=True)
class _Measured:
    """What a model says to texts: their vectors, and their bits where it is a language model."""

    vectors: Tensor | None
    bits: float | None

    @classmethod
    def of(cls, model: PreTrainedModel, vocabulary: Vocabulary, texts: Sequence[str]) -> _Measured:
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

        from tokbench.model.likelihood import Likelihood
        from tokbench.model.sentence_vectors import sentence_vectors

        framed = [each.ids for each in vocabulary.library.encode_batch(texts)]
        bits = None
        if type(model).__name__ in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
            plain = [each.ids for each in vocabulary.library.encode_batch(texts, add_special_tokens=False)]
            bits = Likelihood(vocabulary.folder.name, model).bits(plain)
        return cls(sentence_vectors(model, framed), bits)


def _measured_before(pair: _Pair, texts: _Texts) -> _Measured | None:
    """By the old pair; None where weights are too many to load them twice."""
    if not pair.here:
        return None
    from tokbench.model.loading import load_model

    return _Measured.of(load_model(pair.model).model, pair.old, texts.held)


def _nearness(before: _Measured, growth: Growth, pair: _Pair, texts: _Texts) -> Nearness | None:
    """What became of the texts that were kept out."""
    if growth.grown is None:
        return None
    from tokbench.model.sentence_vectors import cosines

    after = _Measured.of(growth.grown, pair.new, texts.held)
    size = sum(len(text.encode()) for text in texts.held)
    tokens = [
        sum(map(len, each.library.encode_batch(texts.held, add_special_tokens=False)))
        for each in (pair.old, pair.new)
    ]
    cosine = None
    if before.vectors is not None and after.vectors is not None:
        cosine = float(cosines(before.vectors, after.vectors).mean())
    return Nearness(
        texts=len(texts.held),
        source=texts.source,
        bytes_per_token=(size / max(1, tokens[0]), size / max(1, tokens[1])),
        cosine=cosine,
        bits=None if before.bits is None or after.bits is None else (before.bits / size, after.bits / size),
    )


def _origins(pair: _Pair, starts: RowStarts) -> Iterator[RowOrigin]:
    """Most rows first."""
    every = {number: starts.origin.get(number, starts.way) for number in pair.new.ids.values()}
    of = {
        number: "mean" if origin == "pieces" and number not in starts.origin else origin
        for number, origin in every.items()
    }
    times = None if starts.counted is None else starts.counted.times
    for origin, rows in Counter(of.values()).most_common():
        ids = [number for number, each in of.items() if each == origin]
        yield RowOrigin(
            origin, rows, None if times is None else float(times[ids].sum() / max(1, times.sum()))
        )


def _result(
    pair: _Pair, starts: RowStarts, growth: Growth, texts: _Texts, *, near: Nearness | None, out: Path | None
) -> Transplant:
    counted = starts.counted
    return Transplant(
        tokenizer=pair.new.folder.name,
        old_tokenizer=pair.old.folder.name,
        model=str(pair.model),
        start=starts.start,
        tokens_before=pair.old.size,
        tokens=pair.new.size,
        shared=len(shared(pair.new, pair.old)),
        origins=tuple(_origins(pair, starts)),
        alone=pair.roles.alone,
        gone=pair.roles.gone,
        notes=(*pair.notes, *texts.notes),
        texts=counted.texts if counted else 0,
        utf8_bytes=counted.utf8_bytes if counted else 0,
        near=near,
        path=out,
        dry=growth.dry,
        growth=growth,
    )


def _measures(result: Transplant) -> Iterator[Measure]:
    """For the card."""
    near = result.near
    if near is None:
        return
    before, after = near.bytes_per_token
    yield Measure(f"UTF-8 bytes a token, {near.source}", f"{before:.3f}", f"{after:.3f}")
    if near.cosine is not None:
        yield Measure("cosine of sentence vectors to the base's", "1", f"{near.cosine:.3f}")
    if near.bits is not None:
        yield Measure("bits a byte", *(f"{each:.3f}" for each in near.bits))


def _record(result: Transplant) -> str:
    """What was done, without the growth."""
    told = result.to_dict()
    facts = {key: value for key, value in told.items() if key not in ("growth", "path", "dry")}
    return json.dumps({"schema": "tokbench/transplant/1", **facts}, indent=2, ensure_ascii=False) + "\n"
