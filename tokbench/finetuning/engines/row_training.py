"""Rows of a model trained on texts, by the fine-tuning loop; the rest of it is frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tokbench.errors import DataError, UsageError, plural
from tokbench.finetuning.data.batches import Batches, DeviceCollator, by_length
from tokbench.finetuning.data.paired_texts import PairedText, TextReader, paired_texts, rows_of
from tokbench.finetuning.data.tokenize import UNLABELLED
from tokbench.finetuning.defaults import BATCH_SIZE, StepPlan, steps_an_epoch
from tokbench.finetuning.device import machine_of
from tokbench.finetuning.engines import loop
from tokbench.finetuning.engines.interrupts import EvaluationStoppedError
from tokbench.finetuning.engines.monitor import EvalMonitor, copied
from tokbench.finetuning.engines.objective import PLAIN, Distances, Distillation, Objective, Teacher
from tokbench.finetuning.engines.state import FitResult, TrainingJob
from tokbench.finetuning.models import load_config, load_tokenizer
from tokbench.finetuning.prepare import model_inputs_of
from tokbench.finetuning.result import LOSS
from tokbench.model.files import find_model
from tokbench.model.likelihood import Likelihood
from tokbench.model.loading import LoadedModel, load_model
from tokbench.model.resize import embedding_rows
from tokbench.model.trainable_rows import TrainableRows
from tokbench.model.vocabulary_tables import vocabulary_tables
from tokbench.pretrained.added_tokens import highest_id

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from tokbench.finetuning.checkpoints import CheckpointStore
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.data.batches import ModelInputs
    from tokbench.finetuning.data.tokenize import EncodedRows
    from tokbench.finetuning.device import Machine
    from tokbench.finetuning.result import Evaluation
    from tokbench.pretrained.folder import TokenizerFolder
    from tokbench.progress import Progress

HELD_OUT = 10  # every tenth text
MOST_HELD = 256  # texts: six evaluations of them take an eighth of 200 steps
EVALUATIONS = 5  # after the one before the first step
OTHER_TOKENS = 4  # of the old tokenizer's for one of the new at most, before a text is cut for its sake
MASKED, MASK, OTHER = 0.15, 0.8, 0.1  # of tokens, of those; Source: Devlin et al. 2019, 3.1
RATE = 0.06  # of the size of an embedding's numbers (root of their mean square)
COSINE = "cosine"
MOST_NATS = 700.0  # e to the power of more is no number
TEACHER = "--teacher FOLDER: the model before its vocabulary changed, with its tokenizer"
HEADS: Mapping[str, Any] = {"mlm": AutoModelForMaskedLM, "clm": AutoModelForCausalLM}


@dataclass(frozen=True)
class Origin:
    """The model before its vocabulary changed, as the user named it, and its tokenizer."""

    name: str
    tokenizer: TokenizerFolder


@dataclass(frozen=True, kw_only=True)
class PreparedWarmup:
    """Everything that is settled before the first step; `asked` is not empty once the run shall stop."""

    config: FinetuneConfig
    plan: StepPlan
    machine: Machine
    trained: TrainableRows
    train: Batches
    held: Batches
    goals: tuple[Objective, Objective]  # of train and held-out texts
    held_texts: tuple[str, ...]
    held_ids: tuple[Sequence[int], ...]  # without special tokens
    seen: int  # rows whose token a train text has
    asked: list[int] = field(default_factory=list)

    def evaluate(self) -> dict[str, float]:
        """The mean loss over the held-out texts, and what people read: and the cosine or the perplexity."""
        feeder, goal = DeviceCollator(self.held.encoded, self.held.model_inputs, self.machine), self.goals[1]
        found, losses, counts = list[Distances](), list[float](), list[float]()
        for rows in by_length(self.held.encoded.lengths, self.held.size):
            if self.asked:
                raise EvaluationStoppedError
            batch = feeder(rows)
            with torch.no_grad():
                if isinstance(goal, Distillation):
                    found.append(goal.distances(self.trained, batch))
                else:
                    losses.append(float(goal(self.trained, batch)))
                    counts.append(float(goal.counts(batch["labels"]).sum()))
        if not isinstance(goal, Distillation):
            loss = float(np.average(losses, weights=counts))
            return {LOSS: loss, "perplexity": float(np.exp(min(loss, MOST_NATS)))}
        whole = Distances(
            sum((each.squared for each in found), torch.zeros(())),
            sum((each.size for each in found), torch.zeros(())),
            torch.cat([each.cosines for each in found]),
        )
        return {LOSS: float(goal.loss(whole)), COSINE: float(whole.cosines.mean())}

    @property
    def predicts(self) -> bool:
        """Whether it is a causal language model, head included."""
        return _predicts(self.trained.model)

    def bits_per_byte(self) -> float | None:
        """Bits of the held-out texts over their UTF-8 bytes; None for what is no causal language model."""
        if not self.predicts:
            return None
        size = sum(len(text.encode()) for text in self.held_texts)
        return Likelihood(self.config.model, self.trained.model).bits(self.held_ids) / size

    def fingerprint(self) -> str:
        """A hash of all that makes this run what it is: choices, ids, places, rows before the first step."""
        made = [repr(self.plan), self.config.seed, type(self.goals[0]).__name__]
        made += [torch.get_num_threads(), torch.__version__]  # sums are made in another order with another
        found = hashlib.blake2b(json.dumps(made, default=str).encode(), digest_size=16)
        for encoded in (self.train.encoded, self.held.encoded):
            for array in (encoded.ids, encoded.starts, encoded.labels):
                found.update(array.tobytes())
        for rows in (self.trained.rows, *self.trained.parameters()):
            found.update(rows.detach().cpu().numpy().tobytes())
        return found.hexdigest()


def _predicts(model: PreTrainedModel) -> bool:
    """Whether a model is a causal language model, head included."""
    return type(model).__name__ in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()


@dataclass(frozen=True)
class _Side:
    """A model with its tokenizer: how texts are read for it, and what it is fed."""

    model: PreTrainedModel
    reader: TextReader
    inputs: ModelInputs

    @classmethod
    def of(cls, model: PreTrainedModel, folder: TokenizerFolder, longest: int) -> _Side:
        """This model and tokenizer, rows of so many tokens at most."""
        inputs = model_inputs_of(model, load_tokenizer(folder.path), longest)
        return cls(model, TextReader(folder.untruncated, folder.name, inputs.max_length), inputs)

    def objective(self, rows: EncodedRows, machine: Machine) -> Distillation:
        """What a student learns from this model, which reads these rows."""
        return Distillation(
            teacher=Teacher(self.model, rows, self.inputs, machine), vectors=not _predicts(self.model)
        )


def prepare_warmup(
    config: FinetuneConfig,
    texts: Iterable[Sequence[str]],
    grown: TokenizerFolder,
    *,
    origin: Origin | None,
    rows: Sequence[int],
    objective: str,
    steps: int,
) -> PreparedWarmup:
    """Load, pair and encode; `origin` is the teacher of the objective distil, None for the others.

    Raises UsageError for a head that was never trained, or a teacher that is another model, and DataError for
    texts without any of the rows' tokens.
    """
    machine = machine_of(config)
    student = _student(config.model, objective)
    trained = TrainableRows(student.model.to(machine.device), rows, head=objective in HEADS)  # type: ignore[arg-type]
    own = _Side.of(student.model, grown, config.max_length)
    other = None
    if origin is not None:
        teacher = _teacher(student, config.model, origin)
        other = _Side.of(teacher.to(machine.device), origin.tokenizer, OTHER_TOKENS * config.max_length)  # type: ignore[arg-type]
    chosen = np.zeros(len(trained.place), np.bool_)
    chosen[list(rows)] = True
    pairs = paired_texts(texts, own.reader, other.reader if other else None, chosen)
    parts = _parts(pairs, steps * (config.batch_size or BATCH_SIZE), config.model, len(rows))
    train, held = map(rows_of, parts)
    plan = _plan(config, trained, len(train.texts), steps)
    if objective == "mlm":
        train, held = (replace(each, rows=_masked(each.rows, grown, config.seed)) for each in (train, held))
    goals = [
        PLAIN if other is None or each.others is None else other.objective(each.others, machine)
        for each in (train, held)
    ]
    common: dict[str, Any] = {"model_inputs": own.inputs, "size": plan.batch_size, "seed": config.seed}
    return PreparedWarmup(
        config=replace(config, evaluate_every=max(1, plan.steps // EVALUATIONS)),
        plan=plan,
        machine=machine,
        trained=trained.to(machine.device),
        train=Batches(encoded=train.rows, **common),
        held=Batches(encoded=held.rows, **common),
        goals=(goals[0], goals[1]),
        held_texts=held.texts,
        held_ids=own.reader.inside(held.texts),
        seen=int(np.isin(list(rows), train.rows.ids).sum()),
    )


def _student(name: str, objective: str) -> LoadedModel:
    """The grown model, under a trained head where the objective needs one; UsageError where it has none."""
    kind = HEADS.get(objective)
    if kind is None:
        return load_model(name)
    config = load_config(find_model(name))
    if type(config) not in kind._model_mapping:
        raise UsageError(
            f"{name} is a {config.model_type}, which has no head for {objective}", fix="--objective distil"
        )
    loaded = load_model(name, kind=kind)
    if loaded.new:
        raise UsageError(
            f"{name} has no trained head for {objective}: {loaded.new[0]} would be random numbers",
            fix="--objective distil, which needs no head",
        )
    return loaded


def _teacher(student: LoadedModel, name: str, origin: Origin) -> PreTrainedModel:
    """The model that the student was grown from; UsageError where its body has other numbers.

    Body and heads are then held in memory once: the vocabulary's tables alone are the teacher's own.
    """
    loaded = load_model(origin.name)
    mine, theirs = (dict(each.model.state_dict()) for each in (student, loaded))
    tables = [vocabulary_tables(each.model) for each in (student, loaded)]
    own = {
        name
        for found in tables
        for tensors in found.tensors.values()
        for tensor in tensors
        for name in tensor.names
    } | {*student.fresh, *loaded.fresh}
    names = (mine.keys() | theirs.keys()) - own
    wrong = next((n for n in sorted(names) if not _same(mine.get(n), theirs.get(n))), None)
    if type(student.model) is not type(loaded.model) or wrong is not None:
        what = f"differs in {wrong}" if wrong else f"is a {type(loaded.model).__name__}"
        raise UsageError(
            f"{origin.name} {what}, so it is not the model that {name} was grown from",
            fix=TEACHER,
        )
    highest = highest_id(origin.tokenizer.tokenizer)
    rows = embedding_rows(loaded.model)
    if highest >= rows:
        raise UsageError(
            f"the ids of {origin.tokenizer.name} go up to {highest:,}, and {origin.name} has {rows:,} rows",
            fix=TEACHER,
        )
    weights = dict(student.model.named_parameters())
    for each, weight in loaded.model.named_parameters():
        if each in names and each in weights:
            weight.data = weights[each].data
    return loaded.model


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)


def _parts(
    pairs: Iterable[PairedText], most: int, model: str, rows: int
) -> tuple[list[PairedText], list[PairedText]]:
    """The first texts, each once: so many to train on, and every tenth of them to judge by."""
    train, held, seen = list[PairedText](), list[PairedText](), set[str]()
    for each in pairs:
        if each.text in seen:
            continue
        seen.add(each.text)
        last = len(seen) % HELD_OUT == 0 and len(held) < MOST_HELD
        (held if last else train).append(each)
        if len(train) >= most and held:
            break
    if len(seen) < 2:
        said = "no text" if not seen else "one text only"
        raise DataError(
            f"the corpus has {said} with a token of {plural(rows, 'row')} of {model} to be trained",
            fix="give texts of the kind that the tokens are for",
        )
    if not held:
        held.append(train.pop())
    return train, held


def _plan(config: FinetuneConfig, trained: TrainableRows, texts: int, steps: int) -> StepPlan:
    """As many whole epochs as the steps allow, one at least; the rate by the size of the rows' numbers."""
    size = min(texts, config.batch_size or BATCH_SIZE)
    epochs = max(1, steps // steps_an_epoch(texts, size))
    rate = config.learning_rate or float(f"{RATE * trained.size():.2g}")
    return StepPlan(epochs, size, rate, epochs * steps_an_epoch(texts, size))


def _masked(rows: EncodedRows, grown: TokenizerFolder, seed: int) -> EncodedRows:
    """Rows in which some tokens are hidden, and the labels say which; one in each row at least."""
    mask = grown.tokenizer.token_to_id(grown.roles.get("mask", ""))
    if mask is None:
        raise UsageError(
            f"{grown.name} has no mask token, which mlm needs", fix="choose the objective distil"
        )
    draw = np.random.default_rng(seed)
    special = grown.tokenizer.get_added_tokens_decoder()
    free = ~np.isin(rows.ids, [number for number, each in special.items() if each.special])
    hidden = free & (draw.random(len(rows.ids)) < MASKED)
    for start, end in pairwise(rows.starts.tolist()):
        if not hidden[start:end].any() and free[start:end].any():
            hidden[start + draw.choice(np.flatnonzero(free[start:end]))] = True
    how = draw.random(len(rows.ids))
    others = draw.choice(np.unique(rows.ids[free]), len(rows.ids))
    ids = np.where(hidden & (how < MASK), mask, np.where(hidden & (how < MASK + OTHER), others, rows.ids))
    return replace(rows, ids=ids, labels=np.where(hidden, rows.ids, UNLABELLED))


@dataclass(frozen=True)
class TrainedRows:
    """What came of it: the rows that are kept are in the model's place, `best` is their evaluation's."""

    fit: FitResult
    evaluations: tuple[Evaluation, ...]
    best: int
    bits: tuple[float | None, float | None]


def train_rows(prepared: PreparedWarmup, store: CheckpointStore | None, progress: Progress) -> TrainedRows:
    """Train, and keep the rows of the evaluation with the lowest loss: those before the first step too."""
    trained, machine = prepared.trained, prepared.machine
    machine.hold(trained)
    monitor = EvalMonitor(prepared.evaluate, prepared.config, LOSS, len(prepared.train))
    job = TrainingJob(
        trained,
        prepared.train,
        prepared.config,
        prepared.plan,
        machine,
        monitor,
        store,
        progress,
        prepared.goals[0],
        prepared.asked,
    )
    with trained.in_place():
        before = prepared.bits_per_byte()
        found = prepared.evaluate()
        monitor.record(0, found[LOSS], found)
        monitor.weights = copied(trained)
        fit = loop.fit(job)
        return TrainedRows(fit, tuple(monitor.done), monitor.best, (before, prepared.bits_per_byte()))
