"""The choices behind one fine-tuning run, as frozen data and as TOML; the presets of fresh models."""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from tokbench.errors import FileError, UsageError, did_you_mean
from tokbench.finetuning.result import LOSS
from tokbench.finetuning.tag_scheme import SCHEMES
from tokbench.finetuning.tasks import LABEL_KINDS, OWN, Task, must_be_trainable


@dataclass(frozen=True)
class Preset:
    """Layers and width of a model with heads of 64; `inner` is the width of its feed-forward layers."""

    layers: int
    hidden: int
    learning_rate: float
    family: str = "bert"
    inner_width: int = 0  # 0: four times the width
    embedding: int = 0  # 0: as wide as the rest

    @property
    def heads(self) -> int:
        """Attention heads."""
        return self.hidden // 64

    @property
    def inner(self) -> int:
        """Width of the feed-forward layers."""
        return self.inner_width or 4 * self.hidden


# BERT's sizes are those of Turc et al. 2019, "Well-Read Students Learn Better", table 1; the others those of
# roberta-base, distilbert-base, electra-small, ModernBERT-base and gpt2. Rates: fresh weights want more than
# trained ones, and the less the wider or deeper the model. On 2,000 rows of sst2, 3 epochs and two seeds,
# electra answers every row alike at 5e-4, and has an accuracy of 0.59 and 0.64 at 2e-4.
PRESETS = {
    "bert-tiny": Preset(2, 128, 1e-3),
    "bert-mini": Preset(4, 256, 5e-4),
    "bert-small": Preset(4, 512, 3e-4),
    "bert-base": Preset(12, 768, 1e-4),
    "roberta": Preset(12, 768, 1e-4, "roberta"),
    "distilbert": Preset(6, 768, 1e-4, "distilbert"),
    "electra": Preset(12, 256, 2e-4, "electra", embedding=128),
    "modernbert": Preset(22, 768, 1e-4, "modernbert", inner_width=1_152),
    "gpt2": Preset(12, 768, 1e-4, "gpt2"),
}

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")
TRAINERS = ("loop", "hf", "lightning")
MODES = ("auto", "max", "min")
WORDS = {"max": "higher", "min": "lower"}
POOLINGS = ("own", "cls", "mean", "max", "last")
MOST = 2**32  # whole numbers are below it

FORMER_KEYS = {"engine": "trainer"}  # key of an earlier version → its name now
FORMER_TRAINERS = {"trainer": "hf"}
FORMER_TABLES = ("settings", "reading")  # their keys are top-level now
SAVED_BESIDE = ("versions", "fingerprint", "threads", "command")  # in hyperparameters.json, and no choices


def _choice(
    default: Any,  # noqa: ANN401
    help: str,
    *,
    known: tuple[str, ...] = (),
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    unset: str = "",
) -> Any:  # noqa: ANN401  a field of the type that is annotated
    """A field with its help line, what its values must be, and in words what None stands for."""
    rules = {"help": help, "known": known, "least": least, "above": above, "below": below, "unset": unset}
    return field(default=default, metadata=rules)


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """The choices behind one run, checked when it is made; `help_of` says what each is for.

    >>> FinetuneConfig(task="rte", epochs=2).learning_rate is None
    True
    """

    task: str = _choice("sst2", "See tokbench tasks; or all, own (--text-column …), ner (CoNLL).")
    tokenizer: str | None = _choice(None, "A tokenizer's folder or hub name.", unset="the model's")
    model: str = _choice("bert-mini", f"A folder, a hub name, or fresh weights: {', '.join(PRESETS)}.")
    data: str | None = _choice(
        None, "GLUE's TSV folder, your own file or folder, sample, or hub.", unset="hub"
    )
    output: str = _choice("run", "The folder to write.")
    epochs: int | None = _choice(None, "Times through the train rows.", least=1, unset="by rows: 3 to 20")
    batch_size: int | None = _choice(None, "Rows in a step.", least=1, unset="by rows: 8 to 32")
    learning_rate: float | None = _choice(None, "The highest, above 0.", above=0, unset="by width")
    max_length: int = _choice(128, "Tokens a row is cut to.", least=4)
    seed: int = _choice(42, "Same seed, same numbers (on CPU to the bit).", least=0)
    device: str = _choice("auto", "Where to train: {}.", known=DEVICES)
    precision: str = _choice("auto", "{}; bf16 is autocast: the weights stay fp32.", known=PRECISIONS)
    trainer: str = _choice("loop", "{}; the results agree.", known=TRAINERS)

    max_train_rows: int | None = _choice(
        None, "Train on so many rows, drawn by the seed.", least=1, unset="all"
    )
    text_column: str | None = _choice(
        None, "Of your own csv, tsv, json, jsonl or parquet file; ner: a number."
    )
    pair_column: str | None = _choice(None, "Its second text, if a row has two.")
    label_column: str | None = _choice(None, "Its column of labels.")
    id_column: str | None = _choice(
        None, "Its column of ids, kept in predictions.", unset="found: id, guid and such"
    )
    task_kind: str = _choice("auto", "own: what labels are: {}.", known=LABEL_KINDS)
    positive: str | None = _choice(None, "own: the class that F1 is of.", unset="the second of two")
    dev: str | None = _choice(None, "A file to evaluate on.", unset="beside train, or 10 % cut off")
    dev_share: float = _choice(0.1, "Share of the rows that is cut off for evaluation.", above=0, below=1)
    multi_label: bool = _choice(
        False, "own: a row has any number of labels: lists, or --set label_separator."
    )
    label_separator: str | None = _choice(None, "What parts the labels in a cell.", unset="cells are lists")
    threshold: float = _choice(0.5, "The probability above which a row has a label.", above=0, below=1)
    skip_incomplete: bool = _choice(False, "Leave out rows without text or label.")
    label_all_pieces: bool = _choice(False, "ner: a word's later pieces are labelled too.")
    tag_scheme: str = _choice("auto", "ner: how labels name entities: {}.", known=SCHEMES)
    outside: str | None = _choice(None, "ner: the label outside of entities.", unset="found: O, 0, OTHER …")

    warmup: float = _choice(0.06, "Share of the steps in which the learning rate rises.", least=0, below=1)
    class_weights: str = _choice("", "What each class counts in the loss: balanced, or neg=1,pos=3.")
    weight_decay: float = _choice(0.01, "Not on biases and norms.", least=0)
    clip: float = _choice(1.0, "The length a gradient is cut to; 0 cuts none.", least=0)
    accumulate: int = _choice(1, "Parts a batch is computed in, before one optimizer step.", least=1)
    evaluate_every: int = _choice(0, "Steps between evaluations; 0: at the end of every epoch.", least=0)
    patience: int = _choice(0, "Early stopping after so many evaluations without a better one.", least=0)
    metric: str = _choice("", "What the best evaluation is chosen by, or loss; empty: the task's first.")
    mode: str = _choice(
        "auto",
        "Whether more or less of the metric is better, which each metric says itself: {}.",
        known=MODES,
    )
    keep: str = _choice("best", "Whose weights are saved, of the evaluations: {}.", known=("best", "last"))
    save_every: int = _choice(0, "Steps between checkpoints; 0: one every two minutes.", least=0)
    fast_dev_run: int = _choice(0, "Go through N batches only, keep nothing.", least=0)
    report_to: str = _choice("", "{}: its event files go into the output.", known=("", "tensorboard"))
    pooling: str = _choice("own", "A row's vector: {}.", known=POOLINGS)
    portable: str = _choice(
        "", "{}: a pooled model's code beside it, for trust_remote_code.", known=("", "code")
    )
    graphs: str = _choice("auto", "On a GPU, replay steps as CUDA graphs: {}.", known=("auto", "on", "off"))
    cache: str = _choice("on", "Token ids in the user's cache folder: {}.", known=("on", "off"))
    trainer_options: Mapping[str, Any] = field(
        default_factory=dict,
        metadata={"help": "Fields of the trainer's own, hf's TrainingArguments or Lightning's Trainer."},
    )

    def __post_init__(self) -> None:
        if isinstance(self.class_weights, Mapping):  # as Python and TOML have it, and hyperparameters.json
            object.__setattr__(self, "class_weights", json.dumps(self.class_weights, ensure_ascii=False))
        for each in CHOICES.values():
            object.__setattr__(self, each.name, _checked(each, getattr(self, each.name)))
        must_be_trainable(self.task)
        if self.pair_column is not None and self.text_column is None:
            raise UsageError("--pair-column without --text-column", fix="name both columns")
        if self.multi_label and self.task != OWN:
            raise UsageError("--multi-label is for a table of your own", fix="--task own")
        if self.label_separator is not None and not self.multi_label:
            raise UsageError("label_separator is for rows of several labels", fix="--multi-label")
        if self.trainer == "loop" and self.trainer_options:  # the others know theirs when they load
            raise no_setting(next(iter(self.trainer_options)))
        if self.mode not in ("auto", self.direction):
            raise UsageError(
                f"{self.metric or 'the metric'} is better when it is {WORDS[self.direction]}, and mode is"
                f" {self.mode}",
                fix="leave mode out: each metric has its own",
            )

    @property
    def own_columns(self) -> bool:
        """Whether columns are named, so that the files are a table of someone's own."""
        return self.text_column is not None or self.label_column is not None

    @property
    def direction(self) -> str:
        """Max where more of the metric is better, min where less is: of the loss alone."""
        return "min" if self.metric == LOSS else "max"


CHOICES: Mapping[str, Field[Any]] = {
    each.name: each for each in fields(FinetuneConfig) if each.name != "trainer_options"
}
KINDS: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
ACCEPTED: Mapping[type, type] = {str: str, int: Integral, float: Real, bool: bool}
WANTED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def help_of(name: str) -> str:
    """The help line of a field, with the words it takes."""
    rules = CHOICES[name].metadata
    return str(rules["help"]).format(", ".join(filter(None, rules["known"])))


def kind_of(name: str) -> type:
    """The type of a field's values, beside None: str, int, float or bool."""
    return _kind(CHOICES[name])


@dataclass(frozen=True)
class Setting:
    """A field in words: its name, what it takes, its default, and what it is for."""

    name: str
    takes: str
    default: str
    help: str


def settings() -> tuple[Setting, ...]:
    """Every field that `--set` can name, in their order.

    >>> epochs = settings()[5]
    >>> epochs.name, epochs.takes, epochs.default, epochs.help
    ('epochs', 'a whole number, 1 or more', 'by rows: 3 to 20', 'Times through the train rows.')
    """
    return tuple(
        Setting(
            name,
            takes_of(each),
            str(each.metadata["unset"] if each.default is None else each.default) or "none",
            help_of(name),
        )
        for name, each in CHOICES.items()
    )


def takes_of(each: Field[Any]) -> str:
    """What a field takes, in words."""
    rules, kind = each.metadata, _kind(each)
    if rules["known"]:
        return f"one of {', '.join(filter(None, rules['known']))}"
    if kind is bool or (rules["least"] is None and rules["above"] is None):
        return WANTED[kind]
    return f"{WANTED[kind]}, {_range(each)}" if kind is int else _range(each)


def no_setting(name: str, known: Mapping[str, object] | tuple[str, ...] = CHOICES) -> UsageError:
    """The error for a name that no field has."""
    return UsageError(f"there is no setting {name!r}", fix=did_you_mean(name, known))


def must_be_metric(name: str, task: Task) -> None:
    """Nothing, or UsageError for a metric that no evaluation will give; "" is the task's first."""
    names = [*(task.key(split, each) for split in task.evaluation for each in task.metrics), LOSS]
    if name and name not in names:
        raise UsageError(f"there is no metric {name!r}", fix=did_you_mean(name, names))


def parse(words: Mapping[str, str]) -> dict[str, Any]:
    """Values by field from `--set` words, each read once as its field's kind; others are the trainer's own.

    >>> parse({"patience": "3", "skip_incomplete": "true", "optim": "sgd"})
    {'patience': 3, 'skip_incomplete': True, 'trainer_options': {'optim': 'sgd'}}
    """
    found = {name: _read(CHOICES[name], word) for name, word in words.items() if name in CHOICES}
    others = {name: word for name, word in words.items() if name not in CHOICES}
    return {**found, "trainer_options": others} if others else found


def config_to_data(config: FinetuneConfig) -> dict[str, Any]:
    """The config as a TOML document would hold it; what is not set is left out."""
    return {name: value for name, value in asdict(config).items() if value is not None and value != {}}


def config_from_data(
    data: Mapping[str, Any], *, name: str = "config", log: Callable[[str], object] = str
) -> FinetuneConfig:
    """The config that a document holds; keys of earlier versions are read, of which `log` is told."""
    return FinetuneConfig(**_known(renewed(data, log=log), name))


def renewed(data: Mapping[str, Any], *, log: Callable[[str], object] = str) -> dict[str, Any]:
    """The values that a document sets, by their names now; keys of earlier versions are read.

    >>> renewed({"engine": "trainer", "settings": {"patience": "3"}, "versions": {}})
    {'trainer': 'hf', 'patience': 3}
    """
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key in FORMER_KEYS:
            now = FORMER_TRAINERS.get(value, value)
            log(f"{key} is called {FORMER_KEYS[key]} now: {FORMER_KEYS[key]} = {now!r}")
            values[FORMER_KEYS[key]] = now
        elif key in FORMER_TABLES and isinstance(value, Mapping):
            words = {each: word for each, word in value.items() if isinstance(word, str)}
            values |= {**{each: word for each, word in value.items() if each not in words}, **parse(words)}
        elif key not in SAVED_BESIDE:
            values[key] = value
    return {key: value for key, value in values.items() if value is not None}


def config_to_toml(config: FinetuneConfig) -> str:
    """The config as TOML text."""
    import tomli_w

    return tomli_w.dumps(config_to_data(config))


def config_from_toml(
    text: str, *, name: str = "config", log: Callable[[str], object] = str
) -> FinetuneConfig:
    """The config in a TOML text; `name` says in errors where the text is from.

    >>> config_from_toml('task = "rte"').task
    'rte'
    """
    return config_from_data(_document(text, name), name=name, log=log)


def read_values(path: str | os.PathLike[str], *, log: Callable[[str], object] = str) -> dict[str, Any]:
    """The values by field that a TOML file holds, by today's names."""
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{place} is not UTF-8 text: {error}", fix="save it as UTF-8") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot read the config {place}: {reason}", fix="check the path") from error
    return _known(renewed(_document(text, str(place)), log=log), str(place))


def _known(values: dict[str, Any], name: str) -> dict[str, Any]:
    for key in values:
        if key not in CHOICES and key != "trainer_options":
            raise UsageError(f"{name}: there is no setting {key!r}", fix=did_you_mean(key, CHOICES))
    return values


def _document(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not TOML: {error}", fix='write for example: task = "sst2"') from error


def _read(each: Field[Any], word: str) -> Any:  # noqa: ANN401  whatever the field holds
    """A word as the kind of value that the field has."""
    kind = _kind(each)
    if kind is bool and word.lower() in ("true", "false"):
        return word.lower() == "true"
    if kind is str:
        return word
    try:
        if kind is not bool:
            return kind(word)
    except ValueError as problem:
        raise _wrong(each, repr(word), WANTED[kind]) from problem
    raise _wrong(each, repr(word), WANTED[kind])


def _checked(each: Field[Any], value: Any) -> Any:  # noqa: ANN401
    """The value as the field's kind; UsageError for one that it cannot have."""
    if value is None and each.default is None:
        return None
    value, kind, known = _plain(each, value), _kind(each), each.metadata["known"]
    if known and value not in known:
        raise UsageError(f"{each.name} cannot be {value!r}", fix=did_you_mean(value, filter(None, known)))
    if kind in (int, float) and not _fits(each, value):
        raise _wrong(each, value, _range(each))
    return value


def _plain(each: Field[Any], value: Any) -> Any:  # noqa: ANN401
    """A value of Python's own kind: numbers of NumPy and paths are taken, text is no number."""
    kind = _kind(each)
    if kind is str and isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, bool) == (kind is bool) and isinstance(value, ACCEPTED[kind]):
        return kind(value)
    raise _wrong(each, repr(value), WANTED[kind])


def _fits(each: Field[Any], value: float) -> bool:
    least, above, below = (each.metadata[name] for name in ("least", "above", "below"))
    most = below if below is not None else MOST if _kind(each) is int else math.inf
    return value < most and (least is None or least <= value) and (above is None or above < value)


def _range(each: Field[Any]) -> str:
    least, above, below = (each.metadata[name] for name in ("least", "above", "below"))
    if below is not None:
        low = f", from {least} to below" if above is None else f" between {above} and"
        return f"a share{low} {below}"
    return f"{least} or more" if above is None else f"a number above {above}"


def _kind(each: Field[Any]) -> type:
    return KINDS[str(each.type).removesuffix(" | None")]


def _wrong(each: Field[Any], value: object, wanted: str) -> UsageError:
    return UsageError(f"{each.name} is {value}", fix=f"give {each.name} {wanted}")
