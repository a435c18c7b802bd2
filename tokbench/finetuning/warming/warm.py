"""A grown model warmed up: its new rows are trained a little, and all else keeps its bits."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from tokbench.adapt.growth import CARD
from tokbench.corpus.reading import as_corpus
from tokbench.errors import FileError, UsageError, did_you_mean, plural
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.result import LOSS, Evaluation
from tokbench.finetuning.run_files import TOKENIZER_FILES, alone_in, must_be_wanted
from tokbench.finetuning.tasks import OWN
from tokbench.io.atomic import atomic_folder, ensure_writable
from tokbench.io.extras import require
from tokbench.io.json_files import read_object
from tokbench.io.links import copy_inside, refuse_links_out
from tokbench.model.files import find_model
from tokbench.pretrained.added_tokens import highest_id
from tokbench.pretrained.companions import companions
from tokbench.pretrained.folder import TOKENIZER, load
from tokbench.pretrained.train import RECORD
from tokbench.progress import Progress, silent
from tokbench.results import Result, as_data

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.corpus.reading import Corpus, CorpusSource
    from tokbench.finetuning.engines.row_training import Origin, PreparedWarmup, TrainedRows
    from tokbench.model.trainable_rows import TrainableRows

DISTIL = "distil"
OBJECTIVES = (DISTIL, "mlm", "clm")
NEW, ALL = "new", "all"
BEFORE, AFTER = "before", "after"
COSINE = "cosine"


@dataclass(frozen=True)
class Movement:
    """A figure before the first step, and afterwards."""

    before: float
    after: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Warmup(Result, kind="warmup", table="curve"):
    """Rows that were trained alone, by which objective, and what it changed on held-out texts.

    rows: how many were trained, of which `seen` have a token in the train texts; the others stay as they
    were. loss: of held-out texts, before the first step and at the best evaluation after it. kept: "after",
    or "before" where training made it no lower; the rows that are saved, by the evaluation at `kept_step`.
    cosine: of a text's mean hidden state to the teacher's, mean over held-out texts, of the rows before and
    of those kept; None without a teacher. bits_per_byte: the same of a causal language model. untouched:
    tensors that are bit by bit those of the model; None where nothing was written. path: None there, too.
    """

    model: str
    teacher: str
    objective: str
    rows: int
    seen: int
    texts: int
    held_out: int
    steps: int
    batch_size: int
    learning_rate: float
    loss: Movement | None
    cosine: Movement | None
    bits_per_byte: Movement | None
    kept: str
    kept_step: int
    curve: tuple[Evaluation, ...]
    untouched: int | None
    cpu_seconds: float
    notes: tuple[str, ...]
    path: Path | None
    dry: bool
    copied: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    warmed: PreTrainedModel | None = field(default=None, repr=False, metadata={"json": False})


def warm(
    model: str | Path,
    corpus: CorpusSource,
    *,
    output: str | Path | None = None,
    teacher: str | Path | None = None,
    rows: str | Sequence[int] = NEW,
    objective: str = DISTIL,
    steps: int = 200,
    batch_size: int = 32,
    learning_rate: float | None = None,
    max_length: int = 128,
    seed: int = 42,
    column: str | None = None,
    save_every: int = 0,
    resume: bool = False,
    dry_run: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> Warmup:
    """Train the new rows of a grown model for some steps; every other number stays bit by bit what it was.

    By default a row is new by the folder's record of its growth (`rows` may be all, or ids), and the
    objective is `distil`: the teacher is the same model with the tokenizer it had before, which the record
    names, and hidden states at the ends of the same words are to be the same. `mlm` and `clm` need a head
    that was trained. A tenth of the texts is held out; the rows with the lowest loss on it are kept, and
    those from before the first step are among them. Without `output`, or for a dry run, nothing is written.

    Raises UsageError where nothing says which rows are new or who the teacher is, DataError for a corpus
    without their tokens, RunInterruptedError on Ctrl-C: `resume` goes on.

    >>> import tempfile, tokbench as tb
    >>> from transformers import BertConfig, BertModel
    >>> small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    >>> with tempfile.TemporaryDirectory() as place:
    ...     base, grown = f"{place}/base", f"{place}/grown"
    ...     tok = tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30, output=base)
    ...     BertModel(BertConfig(vocab_size=tok.reached, **small)).save_pretrained(base)
    ...     added = tb.add_tokens(base, tokens=["hats"], model=base, output=grown)
    ...     warmed = tb.warm(grown, ["two hats", "a cat", "her hats"], steps=2)
    >>> warmed.teacher == base, warmed.rows, warmed.texts, warmed.steps
    (True, 1, 1, 2)
    """
    require("torch", extra="train", what="warming up")
    if objective not in OBJECTIVES:
        raise UsageError(f"there is no objective {objective}", fix=did_you_mean(objective, OBJECTIVES))
    if steps < 1:
        raise UsageError(f"{steps} steps train nothing", fix="--steps 200")
    out = None if output is None or dry_run else Path(output)
    config = FinetuneConfig(
        task=OWN,
        model=str(model),
        output=str(out or ""),
        batch_size=batch_size,
        learning_rate=learning_rate,
        max_length=max_length,
        seed=seed,
        precision="fp32",
        warmup=0.1,
        weight_decay=0.0,
        metric=LOSS,
        save_every=save_every,
        graphs="off",
    )
    asked = _Asked(config, objective, steps, rows, teacher, resume=resume, force=force, dry=dry_run)
    texts = as_corpus(corpus, column=column, progress=progress)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait sleep; see train_once
    if out is None:
        return _warm(asked, texts, None, progress)
    ensure_writable(out, force=force)
    must_be_wanted(str(out), resume=resume, force=force)
    with alone_in(str(out)):
        return _warm(asked, texts, out, progress)


@dataclass(frozen=True)
class _Asked:
    """What the caller wants."""

    config: FinetuneConfig
    objective: str
    steps: int
    rows: str | Sequence[int]
    teacher: str | Path | None
    resume: bool
    force: bool
    dry: bool


def _warm(asked: _Asked, texts: Corpus, out: Path | None, progress: Progress) -> Warmup:
    """Prepare, train, write; the output appears whole at the end, or not at all."""
    began = time.process_time()
    name = asked.config.model
    path = find_model(name, besides=TOKENIZER_FILES)
    refuse_links_out(path)
    grown = load(path)
    rows = _chosen(asked.rows, path, name, highest_id(grown.tokenizer) + 1)
    origin = _origin(path, name, asked.teacher) if asked.objective == DISTIL else None
    from tokbench.finetuning.checkpoints import CheckpointStore, resumable_run
    from tokbench.finetuning.engines.row_training import prepare_warmup, train_rows
    from tokbench.finetuning.engines.step import memory_in_words

    with memory_in_words():
        prepared = prepare_warmup(
            asked.config,
            texts,
            grown,
            origin=origin,
            rows=rows,
            objective=asked.objective,
            steps=asked.steps,
        )
    made = _result(asked, prepared, origin)
    if asked.dry:
        return made
    if out is None:
        with memory_in_words():
            done = train_rows(prepared, None, progress)
        warmed = prepared.trained.written()
        return replace(made, **_outcome(done, made.notes, began), warmed=warmed)
    store = CheckpointStore(str(out), prepared.fingerprint(), prepared.config, asked.resume)
    with resumable_run(store, progress), memory_in_words():
        done = train_rows(prepared, store, progress)
        made = replace(made, **_outcome(done, made.notes, began), path=out)
        with atomic_folder(out, force=asked.force) as folder:
            made = _written(made, prepared.trained, path, folder)
    store.forget()
    return replace(made, warmed=prepared.trained.written())


def _result(asked: _Asked, prepared: PreparedWarmup, origin: Origin | None) -> Warmup:
    """The result as far as it is known before the first step."""
    plan, count = prepared.plan, len(prepared.trained.rows)
    unseen = count - prepared.seen
    words = f"no train text has a token of {plural(unseen, 'row')}: nothing is learned there"
    writes = "the new rows of a language model write tokens as well, which --objective clm trains"
    notes = (words,) * (unseen > 0) + (writes,) * (prepared.predicts and asked.objective == DISTIL)
    return Warmup(
        model=asked.config.model,
        teacher="" if origin is None else origin.name,
        objective=asked.objective,
        rows=count,
        seen=prepared.seen,
        texts=len(prepared.train.encoded),
        held_out=len(prepared.held.encoded),
        steps=plan.steps,
        batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        loss=None,
        cosine=None,
        bits_per_byte=None,
        kept="",
        kept_step=0,
        curve=(),
        untouched=None,
        cpu_seconds=0.0,
        notes=notes,
        path=None,
        dry=asked.dry,
    )


def _outcome(done: TrainedRows, notes: Sequence[str], began: float) -> dict[str, Any]:
    """The fields of the result that training gives."""
    first, *later = done.evaluations
    best, kept = min(later, key=lambda each: each.dev_loss), done.evaluations[done.best]
    cosines = [each.metrics.get(COSINE) for each in (first, kept)]
    return {
        "steps": done.fit.steps,
        "loss": Movement(first.dev_loss, best.dev_loss),
        "cosine": _movement(*cosines),
        "bits_per_byte": _movement(*done.bits),
        "kept": AFTER if done.best else BEFORE,
        "kept_step": kept.step,
        "curve": done.evaluations,
        "notes": (*notes, *done.fit.notes),
        "cpu_seconds": time.process_time() - began,
    }


def _movement(before: float | None, after: float | None) -> Movement | None:
    return None if before is None or after is None else Movement(before, after)


def _chosen(asked: str | Sequence[int], path: Path, name: str, tokens: int) -> list[int]:
    """The rows to train, in order; UsageError where there are none, or one that no token has."""
    if asked == NEW:
        return _new_rows(path, name, tokens)
    found = range(tokens) if asked == ALL else _listed(asked, tokens)
    outside = next((row for row in found if not 0 <= row < tokens), None)
    if outside is not None or not found:
        what = "no rows" if outside is None else f"row {outside:,}"
        raise UsageError(
            f"{what} cannot be trained: the ids of {name} go up to {tokens - 1:,}", fix=_how(tokens)
        )
    return sorted(set(found))


def _listed(asked: str | Sequence[int], tokens: int) -> list[int]:
    """The ids in a list, or in words as 7,30522-31021."""
    if not isinstance(asked, str):
        return [int(row) for row in asked]
    rows: list[int] = []
    for part in asked.split(","):
        first, _, last = part.partition("-")
        if not (first.strip().isdecimal() and (last or first).strip().isdecimal()):
            raise UsageError(f"rows cannot be {asked!r}", fix=_how(tokens))
        rows += range(int(first), int(last or first) + 1)
    return rows


def _new_rows(path: Path, name: str, tokens: int) -> list[int]:
    """The rows that were started when the folder was grown, by its record."""
    record = _record(path)
    moved = (record.get("rows") or {}).get("started")
    added = record.get("added")
    if moved is None and added is None:
        raise UsageError(f"{name} has no {RECORD} that says which rows are new", fix=_how(tokens))
    rows = {row for first, last in moved or () for row in range(first, last + 1)}
    if moved is None and added is not None:
        rows = {number for tokens in added.values() for number in tokens.values()}
    if not rows:
        raise UsageError(f"{name} has no new rows: its {RECORD} names none", fix=_how(tokens))
    return sorted(rows)


def _how(tokens: int) -> str:
    return f"--rows all, or ids as in --rows 7,{tokens - 1}"


def _record(path: Path) -> Mapping[str, Any]:
    return read_object(path / RECORD) if (path / RECORD).is_file() else {}


def _origin(path: Path, name: str, teacher: str | Path | None) -> Origin:
    """The teacher that was named, or the model that the folder's record says it was grown from."""
    from tokbench.finetuning.engines.row_training import TEACHER, Origin

    if teacher is not None:
        return Origin(str(teacher), load(find_model(teacher, besides=TOKENIZER_FILES)))
    told = _record(path).get("grown_from") or {}
    known = told.get("model")
    if not known:
        raise UsageError(f"nothing in {name} says which model it was grown from", fix=TEACHER)
    place = next((each for each in (Path(known), path.parent / known) if each.is_dir()), None)
    try:
        found = find_model(place or known, besides=TOKENIZER_FILES)
        beside = (found / TOKENIZER).is_file()
        return Origin(str(place or known), load(found if beside else told["tokenizer"]))
    except FileError as error:
        raise UsageError(
            f"{name} was grown from {known}, which cannot be read: {error.message}", fix=TEACHER
        ) from error


def _written(made: Warmup, trained: TrainableRows, grown: Path, folder: Path) -> Warmup:
    """Copy the grown folder, put the trained rows into its weights, and prove that nothing else changed."""
    from tokbench.model.trainable_rows import prove_rows_alone, write_rows

    beside = companions(grown, grown)
    names = [each.name for each in sorted(grown.iterdir()) if each.is_file() and each.name[0] != "."]
    copy_inside([(grown / each, folder / each) for each in names if each not in beside.left], grown)
    beside.copy(folder)
    rows = trained.rows.tolist()
    write_rows(folder, list(trained.tables()), rows)
    untouched = prove_rows_alone(grown, folder, rows)
    if (folder / CARD).is_file():
        card = (folder / CARD).read_text(encoding="utf-8").rstrip("\n")
        (folder / CARD).write_text("\n".join([card, "", *_told(made), ""]), encoding="utf-8")
    record = {**_record(grown), "warmed": _facts(made)}
    (folder / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return replace(made, untouched=untouched, copied=tuple(beside.copied), left=beside.left)


def _told(made: Warmup) -> Iterator[str]:
    """A section of the card: what was trained, and what it changed."""
    teacher = f"`{PurePath(made.teacher).name}` as the teacher"
    kept = "are kept" if made.kept == AFTER else "were no better, so the rows from before are kept"
    yield "## Warmed up"
    yield ""
    yield f"{plural(made.rows, 'row')} of the embedding trained for {plural(made.steps, 'step')} with"
    yield f"{teacher if made.teacher else f'the objective {made.objective}'}, and nothing else; the trained"
    yield f"rows {kept}. Of {plural(made.held_out, 'held-out text')}:"
    yield ""
    yield "| what | before | after |"
    yield "|---|---|---|"
    cosine = ("cosine to the teacher", made.cosine)
    for name, each in (("loss", made.loss), cosine, ("bits per byte", made.bits_per_byte)):
        if each is not None:
            yield f"| {name} | {each.before:.4f} | {each.after:.4f} |"


def _facts(made: Warmup) -> dict[str, Any]:
    """What the record says of it: nothing that differs from run to run."""
    names = ("teacher", "objective", "rows", "seen", "texts", "held_out", "steps", "batch_size")
    more = ("learning_rate", "loss", "cosine", "bits_per_byte", "kept", "kept_step")
    return {name: as_data(getattr(made, name)) for name in (*names, *more)}
