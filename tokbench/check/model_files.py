"""What the files of a model say without loading it: config, generation config, shapes of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tokbench.check.families import FAMILIES, Family
from tokbench.check.hub_header import weights_on_hub
from tokbench.check.weights import INDEX, Weights, read_weights
from tokbench.errors import FileProblem
from tokbench.pretrained import hub
from tokbench.pretrained.json_files import read_object

CONFIG, GENERATION = "config.json", "generation_config.json"
NESTED = ("text_config", "llm_config", "language_config", "decoder")  # where composed models keep the text's
# How the tensors are called, by the ends of their names; an exact name has no dot before it.
EMBEDDINGS = (
    "shared.weight",
    "word_embeddings.weight",
    "embed_tokens.weight",
    "wte.weight",
    "tok_embeddings.weight",
    "word_embedding.weight",
    "embed_in.weight",
    "token_embedding.weight",
    "tokens_embed.weight",
)
HEADS = (
    "lm_head.weight",
    "lm_head.decoder.weight",
    "predictions.decoder.weight",
    "vocab_projector.weight",
    "generator_lm_head.weight",
    "lm_loss.weight",
    "embed_out.weight",
    "decoder.weight",
)
BIASES = (
    "predictions.bias",
    "predictions.decoder.bias",
    "lm_head.bias",
    "lm_head.decoder.bias",
    "vocab_projector.bias",
    "generator_lm_head.bias",
    "lm_loss.bias",
    "final_logits_bias",
    "decoder.bias",
)
LABELS = (
    "classifier.weight",
    "classifier.out_proj.weight",
    "score.weight",
    "logits_proj.weight",
    "classification_head.out_proj.weight",
)
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
EXACT = ("decoder.weight", "decoder.bias")


@dataclass(frozen=True)
class ModelFiles:
    """A model as its files tell it; `folder` is None when only the hub has them."""

    name: str
    folder: Path | None
    config: Mapping[str, Any]
    generation: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)

    @cached_property
    def text(self) -> Mapping[str, Any]:
        """The part of the config that speaks of the text model: mostly the config itself."""
        inner = [self.config[key] for key in NESTED if isinstance(self.config.get(key), dict)]
        levels = [self.config, *inner]
        return next((level for level in levels if "vocab_size" in level), self.config)

    @property
    def model_type(self) -> str:
        """The kind of model, such as bert; "" when the config does not say."""
        return str(self.text.get("model_type") or self.config.get("model_type") or "")

    @property
    def family(self) -> Family | None:
        """What is known of this kind of model."""
        return FAMILIES.get(self.model_type)

    @property
    def architecture(self) -> str:
        """The class the model was saved from, such as BertForMaskedLM; "" when the config does not say."""
        named = self.config.get("architectures")
        return str(named[0]) if isinstance(named, list) and named else ""

    def number(self, key: str) -> int | None:
        """A whole number of the config, the text model's before the whole's; None when there is none."""
        for level in (self.text, self.config):
            if whole(level.get(key)) is not None:
                return whole(level.get(key))
        return None

    @property
    def layers(self) -> int | None:
        """How many layers config.json says there are; None when it does not."""
        return next((found for key in LAYERS if (found := self.number(key)) is not None), None)

    @property
    def rows(self) -> int | None:
        """Rows of the input embedding, counted in the weights, else as the config says."""
        tensors = self.embeddings
        return next(iter(tensors.values())) if tensors else self.number("vocab_size")

    @cached_property
    def embeddings(self) -> dict[str, int]:
        """Name → rows of the matrices that turn ids into vectors, the shared one first."""
        found = dict(self._rows(EMBEDDINGS, 2))
        if whole(self.config.get("decoder_vocab_size")) is not None:  # then the decoder has its own tokenizer
            found = {name: rows for name, rows in found.items() if "decoder." not in name}
        return dict(sorted(found.items(), key=lambda item: "shared" not in item[0]))

    @cached_property
    def outputs(self) -> dict[str, int]:
        """Name → size of what turns vectors into a score for each id: heads, and their biases."""
        return dict([*self._rows(HEADS, 2), *self._rows(BIASES, 1)])

    @cached_property
    def label_rows(self) -> dict[str, int]:
        """Name → rows of a classifier's last layer."""
        return dict(self._rows(LABELS, 2))

    def _rows(self, ends: tuple[str, ...], dimensions: int) -> Iterator[tuple[str, int]]:
        for name, tensor in self.weights.tensors.items():
            known = any(name == end or (end not in EXACT and name.endswith(f".{end}")) for end in ends)
            if known and name.endswith("final_logits_bias") and tensor.shape:
                yield name, tensor.shape[-1]
            elif known and len(tensor.shape) == dimensions:
                yield name, tensor.shape[0]


def whole(value: object) -> int | None:
    """The value if it is a whole number, which True is not.

    >>> whole(3), whole("3"), whole(True)
    (3, None, None)
    """
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_model(name: str | Path) -> ModelFiles:
    """The model in a folder, or of a name on the hub, of which only small files and a header are read."""
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / CONFIG).exists():
            raise FileProblem(f"{name} has no config.json, so it is no model", fix="name the model's folder")
        return _in_folder(str(name), path, read_weights(path))
    if path.exists() or not hub.may_be_on_hub(str(name)):
        raise FileProblem(f"there is no model's folder at {name}", fix="name a folder, or a model on the hub")
    folder = hub.fetch(str(name), [CONFIG], [GENERATION, INDEX])
    return _in_folder(str(name), folder, weights_on_hub(str(name), folder))


def _in_folder(name: str, folder: Path, weights: Weights) -> ModelFiles:
    generation = folder / GENERATION
    return ModelFiles(
        name=name,
        folder=folder,
        config=read_object(folder / CONFIG),
        generation=read_object(generation) if generation.exists() else {},
        weights=weights,
    )
