"""Models with a head for a task, and their tokenizers: loaded, made fresh, saved."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
)

from tokbench.errors import FileError, ResourceError, UsageError
from tokbench.io.json_files import read_object
from tokbench.io.library_errors import wrap_library_errors
from tokbench.io.links import copy_inside
from tokbench.io.quiet import quiet
from tokbench.model import modeling_pooled
from tokbench.model.loading import LoadedModel, load_model
from tokbench.model.modeling_pooled import MODEL_TYPE, PooledClassifier, PooledConfig
from tokbench.model.readers import BROKEN
from tokbench.pretrained.companions import chat_files

if TYPE_CHECKING:
    from tokbench.finetuning.config import Preset
    from tokbench.finetuning.tasks import Task

NATIVE = {  # families whose config.json says how they pool, and its words
    "modernbert": {"cls": "cls", "mean": "mean"},
    "ultrabert": {"cls": "cls", "mean": "mean"},
    "eurobert": {"cls": "bos", "mean": "mean"},
}


POSITIONS = 512
Shape = dict[str, Any]


def config_of(preset: Preset, tokenizer: PreTrainedTokenizerBase, **head: Any) -> PreTrainedConfig:  # noqa: ANN401
    """The preset's config with a row for every id of the tokenizer, and the tokenizer's own special ids.

    A config keeps no id that the tokenizer has not: a default such as 50283 would lie behind the last row.
    """
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id", None) for role in _ROLES}
    if preset.family == "roberta" and ids["pad_token_id"] is None:
        name = shlex.quote(str(tokenizer.name_or_path))
        raise UsageError(
            "roberta counts its positions from the padding id, and the tokenizer has no padding token",
            fix=f"tokbench add-tokens {name} --role 'pad=<pad>' -o padded, or --model bert-base",
        )
    shared = {**ids, "vocab_size": max(tokenizer.get_vocab().values()) + 1, **head}
    return FAMILIES[preset.family](preset, shared)


_ROLES = ("pad", "cls", "sep", "bos", "eos")


def _bert(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return BertConfig(
        **_encoder(preset), **_some(shared), max_position_embeddings=POSITIONS, type_vocab_size=2
    )


def _roberta(preset: Preset, shared: Shape) -> PreTrainedConfig:
    places = POSITIONS + shared["pad_token_id"] + 1  # positions begin behind the padding id
    return RobertaConfig(
        **_encoder(preset), **_some(shared), max_position_embeddings=places, type_vocab_size=1
    )


def _electra(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return ElectraConfig(
        **_encoder(preset),
        **_some(shared),
        embedding_size=preset.embedding or preset.hidden,
        max_position_embeddings=POSITIONS,
        type_vocab_size=2,
    )


def _distilbert(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return DistilBertConfig(
        **_some(shared),
        dim=preset.hidden,
        n_layers=preset.layers,
        n_heads=preset.heads,
        hidden_dim=preset.inner,
        max_position_embeddings=POSITIONS,
    )


def _modernbert(preset: Preset, shared: Shape) -> PreTrainedConfig:
    return ModernBertConfig(
        **_encoder(preset), **{**shared, "classifier_pooling": "mean"}, max_position_embeddings=8_192
    )


def _gpt2(preset: Preset, shared: Shape) -> PreTrainedConfig:
    """A decoder's head finds a row's last token by the padding id, so it gets one: the end's, or 0."""
    known = (shared["pad_token_id"], shared["eos_token_id"], 0)
    shared = {**shared, "pad_token_id": next(each for each in known if each is not None)}
    return GPT2Config(
        **_some(shared),
        n_embd=preset.hidden,
        n_layer=preset.layers,
        n_head=preset.heads,
        n_inner=preset.inner,
        n_positions=POSITIONS,
    )


def _encoder(preset: Preset) -> Shape:
    return {
        "hidden_size": preset.hidden,
        "num_hidden_layers": preset.layers,
        "num_attention_heads": preset.heads,
        "intermediate_size": preset.inner,
    }


def _some(shared: Shape) -> Shape:
    """Without the ids that only modernbert's config knows."""
    return {name: value for name, value in shared.items() if name not in ("cls_token_id", "sep_token_id")}


FAMILIES: dict[str, Callable[[Preset, Shape], PreTrainedConfig]] = {
    "bert": _bert,
    "roberta": _roberta,
    "electra": _electra,
    "distilbert": _distilbert,
    "modernbert": _modernbert,
    "gpt2": _gpt2,
}


def fresh(preset: Preset, tokenizer: PreTrainedTokenizerBase, task: Task, *, seed: int) -> LoadedModel:
    """A model with random weights and a row for every id of the tokenizer."""
    config = config_of(preset, tokenizer, **_head(task))
    torch.manual_seed(seed)
    return LoadedModel(model=_kind(task).from_config(config))


def pooled_as(loaded: LoadedModel, way: str) -> LoadedModel:
    """The same model under a head that pools this way; where its own config can say so, it does.

    "own" changes nothing: BERT takes its first token through a pooler, a decoder takes its last token.
    """
    model, config = loaded.model, loaded.model.config
    if way == "own" or (way == "last" and hasattr(model, "score")):
        return loaded
    if config.model_type == MODEL_TYPE:
        config.pooling = way
    elif way in NATIVE.get(config.model_type, {}):
        config.classifier_pooling = NATIVE[config.model_type][way]
        if hasattr(model, "classifier_pooling"):  # eurobert has read it by now
            model.classifier_pooling = config.classifier_pooling
    else:
        kept = {name: getattr(config, name) for name in ("id2label", "label2id", "problem_type")}
        body: PreTrainedModel = model.base_model  # type: ignore[assignment]
        wrapped = PooledClassifier(PooledConfig(body.config, way, pad_token_id=config.pad_token_id, **kept))
        wrapped.backbone = body
        return replace(loaded, model=wrapped)
    return loaded


def _kind(task: Task) -> Any:  # noqa: ANN401  (an Auto class)
    return AutoModelForTokenClassification if task.tagging else AutoModelForSequenceClassification


def load_classifier(folder: Path, task: Task, *, seed: int) -> LoadedModel:
    """The weights of a folder under a head for the task; the head is new unless the folder has its like."""
    torch.manual_seed(seed)  # of all that is drawn from here on, not of the head alone
    loaded = load_model(
        folder,
        kind=_kind(task),
        seed=None,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        **_head(task),
    )
    if any(key.startswith(f"{loaded.model.base_model_prefix}.") for key in loaded.fresh):
        loaded.notes.append(f"{folder} has no pooler: it starts fresh, like the head")
    if loaded.mismatched:
        loaded.notes.append(f"the head in {folder} is for other labels: it starts fresh")
    elif not loaded.new and not task.regression:
        loaded.notes.extend(_match_labels(loaded.model, _labels_in(folder), task.labels, folder))
    return loaded


def _labels_in(folder: Path) -> tuple[str, ...]:
    """The names of a trained head's labels in the order of its rows; () where it has none of its own."""
    named = read_object(folder / "config.json").get("id2label")
    if not isinstance(named, dict) or not all(str(number).isdigit() for number in named):
        return ()
    labels = tuple(str(named[number]) for number in sorted(named, key=int))
    return () if labels == tuple(f"LABEL_{number}" for number in range(len(labels))) else labels


def _match_labels(
    model: PreTrainedModel, trained: tuple[str, ...], wanted: tuple[str, ...], folder: Path
) -> list[str]:
    """Give a trained head the task's order of labels, or a fresh start where it knows others; say which.

    Labels are one by name, whatever their case (transformers #10401: a head of MNLI in another order).
    """
    if not trained:
        return [f"the head in {folder} does not name its labels: they are taken to be {', '.join(wanted)}"]
    known, asked = trained, wanted
    if len({label.casefold() for label in trained}) == len(trained):  # else case is what tells two apart
        known, asked = (tuple(map(str.casefold, some)) for some in (trained, wanted))
    order = [known.index(label) for label in asked if label in known]
    layer = _output_layer(model, len(wanted))
    if layer is None or (len(order) == len(wanted) and order == sorted(order)):
        return []
    with torch.no_grad():
        if len(order) == len(wanted):
            layer.weight.copy_(layer.weight[order])
            if layer.bias is not None:
                layer.bias.copy_(layer.bias[order])
            return [f"the head in {folder} has its labels in another order: it was put in the task's"]
        layer.weight.normal_(std=float(getattr(model.config, "initializer_range", None) or HEAD_STD))
        if layer.bias is not None:
            layer.bias.zero_()
    return [f"the head in {folder} knows {', '.join(trained[:4])} and not the task's labels: it starts fresh"]


def start_at(model: PreTrainedModel, score: float) -> None:
    """Let a fresh head answer about `score`, the mean of the train rows' scores, from the first step on.

    Its bias starts at 0 otherwise, and AdamW moves it by the rate a step at most: for a mean of 2.7 that is
    27,000 steps at 1e-4, and the vectors would have to make up for it. A head without a bias stays as it is.
    """
    layer = _output_layer(model, 1)
    if layer is not None and layer.bias is not None:
        with torch.no_grad():
            layer.bias.fill_(score)


HEAD_STD = 0.02  # BERT's initializer_range, for configs without one


def _output_layer(model: PreTrainedModel, labels: int) -> nn.Linear | None:
    """The last layer of a classifier: the one beside the body with a row for each label."""
    body = f"{model.base_model_prefix}."
    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == labels and not name.startswith(body)
    ]
    return found[-1] if found else None


def _head(task: Task) -> dict[str, Any]:
    if task.regression:
        return {"num_labels": 1, "problem_type": "regression"}
    ids = {
        "id2label": dict(enumerate(task.labels)),
        "label2id": {label: number for number, label in enumerate(task.labels)},
    }
    several = "multi_label_classification" if task.multi_label else "single_label_classification"
    return ids if task.tagging else {**ids, "problem_type": several}


GENERIC = "PreTrainedTokenizerFast"  # transformers 4 and 5 both load tokenizer.json as it is under this name
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "tokbench.toml",
    "tokbench.json",
)


def load_config(folder: Path) -> PreTrainedConfig:
    """The config of the model in a folder, without its weights; FileError where it cannot be read."""
    try:
        with quiet():
            found: PreTrainedConfig = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            return found
    except BROKEN as problem:
        raise FileError(
            f"transformers cannot load the config in {folder}: {problem}",
            fix=f"tokbench check {shlex.quote(str(folder))}",
        ) from problem


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder as transformers loads it.

    The library prints the names of options that it does not know, from whatever file they come, on stdout.
    """
    try:
        with quiet(stdout=False), wrap_library_errors(str(folder)):
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as problem:
        raise FileError(
            f"transformers cannot load the tokenizer in {folder}: {problem}",
            fix=f"tokbench check {shlex.quote(str(folder))}",
        ) from problem
    if not tokenizer.is_fast:
        raise FileError(f"the tokenizer in {folder} has no tokenizer.json", fix="give a folder that has one")
    return tokenizer


def must_have_room(model: PreTrainedModel, out: Path) -> None:
    """Nothing, or an error before training when the disk could not take the model after it."""
    place = next(folder for folder in out.expanduser().absolute().parents if folder.exists())
    needed = sum(each.numel() * each.element_size() for each in model.parameters())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ResourceError(
            f"{out} would take {needed / 2**20:,.0f} MB, and its disk has {free / 2**20:,.0f} MB left",
            fix="make room, or choose a place on another disk with -o",
        )


CODE = Path(modeling_pooled.__file__)
AUTO_MAP = {
    "AutoConfig": f"{CODE.stem}.{PooledConfig.__name__}",
    "AutoModelForSequenceClassification": f"{CODE.stem}.{PooledClassifier.__name__}",
}


def make_portable(folder: str | Path) -> None:
    """Put its code beside a pooled model, where transformers looks for it with trust_remote_code=True."""
    path = Path(folder) / "config.json"
    config = read_object(path)
    if config.get("model_type") != MODEL_TYPE:
        raise UsageError(f"the model in {folder} needs no code of its own", fix="load it as it is")
    shutil.copyfile(CODE, Path(folder) / CODE.name)
    write_json(path, {**config, "auto_map": AUTO_MAP})


def how_to_load(model: PreTrainedModel, folder: str, *, code: bool) -> str:
    """The lines of Python that load a saved model; without its `code` a pooled one wants tokbench."""
    name = (
        "TokenClassification"
        if type(model).__name__.endswith("TokenClassification")
        else "SequenceClassification"
    )
    wrapped = isinstance(model, PooledClassifier)
    trusted = ", trust_remote_code=True" if wrapped and code else ""
    known = "import tokbench.model.loading; " if wrapped and not code else ""
    return f"{known}AutoModelFor{name}.from_pretrained({folder!r}{trusted})"


def notes_on_code(model: PreTrainedModel, folder: str, *, code: bool) -> list[str]:
    """What to know of code beside the model: the command that puts it there, or that there is none."""
    if not isinstance(model, PooledClassifier):
        return ["portable=code: this model needs no code of its own, it loads as it is"] if code else []
    way = model.config.pooling
    if code:
        return [f"{way} pooling: trust_remote_code=True runs {CODE.name}, which lies beside the weights"]
    line = f"from {__name__} import make_portable; make_portable({folder!r})"
    return [
        f"{way} pooling is not in transformers: to load the model without tokbench, put its code beside it:"
        f" python -c {shlex.quote(line)} (or train with --set portable=code)"
    ]


def save_model(model: PreTrainedModel, into: Path, *, code: bool = False) -> None:
    """Config and safetensors; with `code` also that of a pooled model."""
    with quiet():
        model.save_pretrained(into)
    if isinstance(model, PooledClassifier):
        config = read_object(into / "config.json")  # auto_map is that of the folder it was loaded from
        write_json(into / "config.json", {name: each for name, each in config.items() if name != "auto_map"})
        if code:
            make_portable(into)
    rights = (into / "config.json").stat().st_mode
    for weights in into.glob("*.safetensors"):
        weights.chmod(rights)  # they are written for their owner alone


def copy_tokenizer(folder: Path, into: Path) -> None:
    """The tokenizer's files as they are; a config that names no class gets the one that changes nothing."""
    names = [name for name in TOKENIZER_FILES if (folder / name).is_file()]
    copy_inside([(folder / name, into / name) for name in names], folder)
    copy_inside([(file, into / name) for name, file in chat_files(folder).items()], folder)
    path = into / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not config.get("tokenizer_class"):
        # beside a config.json the model's own class would be taken, which rebuilds the blocks
        write_json(path, {**config, "tokenizer_class": GENERIC})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """The same content always gives the same bytes."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
