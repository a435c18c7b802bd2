"""What the files of a model say without loading it: config, generation config, shapes of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tokbench.errors import FileError
from tokbench.io.json_files import read_object
from tokbench.model.class_facts import ClassFacts, LoadOutcome, class_facts, load_outcome
from tokbench.model.files import counts_positions_from_padding, find_model
from tokbench.model.safetensors_files import INDEX, ONE, Tensor, Weights, read_weights, shards_of


@dataclass(frozen=True, kw_only=True)
class FamilyFacts:
    """The facts of one `model_type` that rules need.

    `pad`, `bos`, `eos` are the ids of its config class. `positions`: "learned" has a row for each position
    and breaks beyond; "" is bounded elsewhere or not at all. `padding_row`: the row of the padding id stays
    zero and untrained. `decoder`: classifies by the last token before the padding, which it finds by the
    padding id.
    """

    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    positions: str = ""
    padding_row: bool = True
    decoder: bool = False

    def default(self, role: str) -> int | None:
        """The id of a role that holds when config.json does not say one."""
        return {"pad": self.pad, "bos": self.bos, "eos": self.eos}.get(role)


_BERT = FamilyFacts(pad=0, positions="learned")
_ROBERTA = FamilyFacts(pad=1, bos=0, eos=2, positions="learned")
_GPT2 = FamilyFacts(bos=50256, eos=50256, positions="learned", padding_row=False, decoder=True)
_LLAMA = FamilyFacts(bos=1, eos=2, decoder=True)

FAMILIES: dict[str, FamilyFacts] = {
    "albert": FamilyFacts(pad=0, bos=2, eos=3, positions="learned"),
    "bart": FamilyFacts(pad=1, bos=0, eos=2, positions="learned"),
    "bert": _BERT,
    "bloom": FamilyFacts(bos=1, eos=2, padding_row=False, decoder=True),
    "camembert": _ROBERTA,
    "data2vec-text": _ROBERTA,
    "deberta": FamilyFacts(pad=0),
    "deberta-v2": FamilyFacts(pad=0),
    "distilbert": _BERT,
    "electra": _BERT,
    "falcon": FamilyFacts(bos=11, eos=11, padding_row=False, decoder=True),
    "gemma": FamilyFacts(pad=0, bos=2, eos=1, decoder=True),
    "gpt2": _GPT2,
    "gpt_neo": _GPT2,
    "gpt_neox": FamilyFacts(bos=0, eos=2, padding_row=False, decoder=True),
    "llama": _LLAMA,
    "longformer": _ROBERTA,
    "mistral": _LLAMA,
    "modernbert": FamilyFacts(pad=50283, bos=50281, eos=50282),
    "mpnet": _ROBERTA,
    "mt5": FamilyFacts(pad=0, eos=1, padding_row=False),
    "opt": FamilyFacts(pad=1, bos=2, eos=2, positions="learned", decoder=True),
    "phi": _LLAMA,
    "phi3": FamilyFacts(pad=32000, bos=1, eos=32000, decoder=True),
    "qwen2": FamilyFacts(decoder=True),
    "qwen3": FamilyFacts(decoder=True),
    "roberta": _ROBERTA,
    "t5": FamilyFacts(pad=0, eos=1, padding_row=False),
    "xlm-roberta": _ROBERTA,
    "xlnet": FamilyFacts(pad=5, bos=1, eos=2, padding_row=False),
}


PATIENCE = 5.0  # seconds for an answer


def weights_on_hub(name: str, folder: Path) -> Weights:
    """The tensors of a repository whose config lies in `folder`: from there, else asked for."""
    if (folder / ONE).exists():
        return read_weights(folder)
    try:
        shards = shards_of(folder / INDEX) if (folder / INDEX).exists() else [ONE]
    except FileError as error:
        return Weights(problem=error.message)
    return _asked(name, shards)


def _asked(name: str, shards: list[str]) -> Weights:
    from huggingface_hub import errors

    of_the_client = errors.HTTPError  # type: ignore[attr-defined]  # whichever client the hub's library uses
    try:
        return Weights(dict(_headers(name, shards)))
    except (errors.NotASafetensorsRepoError, errors.SafetensorsParsingError) as error:
        return Weights(problem=f"{name} has weights without a readable header: {error}")
    except (of_the_client, OSError) as error:
        return Weights(unread=f"the hub gives no header of {name}: {type(error).__name__}")


def _headers(name: str, shards: list[str]) -> Iterator[tuple[str, Tensor]]:
    from huggingface_hub import HfApi

    for shard in shards:
        found: Any = HfApi().parse_safetensors_file_metadata(name, shard, timeout=PATIENCE)
        for key, entry in found.tensors.items():
            yield key, Tensor(tuple(entry.shape), entry.dtype)


CONFIG, GENERATION = "config.json", "generation_config.json"
ROLES = ("bos", "eos", "unk", "sep", "cls", "mask")  # the padding token has a rule of its own
START = "decoder_start_token_id"
NO_LIMIT = 10**9  # model_max_length from here on is none: transformers writes 10**30
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
    ask_class: bool = True  # whether transformers may be imported to ask the model's class

    @cached_property
    def facts(self) -> ClassFacts | None:
        """What the model's class says of its tables; None where it is not asked, or cannot be."""
        quantised = bool(self.config.get("quantization_config"))
        if not self.ask_class or quantised or self.folder is None or not self.weights.tensors:
            return None
        return class_facts(self.folder, self.weights.tensors, self.architecture)

    @cached_property
    def outcome(self) -> LoadOutcome:
        """What loading would find; a FileError when the library cannot make a model of the config."""
        if self.facts is not None:
            return self.facts.outcome
        assert self.folder is not None
        return load_outcome(self.folder, self.weights.tensors)

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
    def family(self) -> FamilyFacts | None:
        """What is known of this kind of model."""
        return FAMILIES.get(self.model_type)

    @property
    def counted_positions(self) -> bool:
        """Whether positions are counted from the padding id; False of a family that is not known."""
        return self.family is not None and counts_positions_from_padding(self.model_type)

    @property
    def architecture(self) -> str:
        """The class the model was saved from, such as BertForMaskedLM; "" when the config does not say."""
        named = self.config.get("architectures")
        return str(named[0]) if isinstance(named, list) and named else ""

    def number(self, key: str) -> int | None:
        """A whole number of the config, the text model's before the whole's; None when there is none."""
        for level in (self.text, self.config):
            if whole_or_none(level.get(key)) is not None:
                return whole_or_none(level.get(key))
        return None

    @property
    def layers(self) -> int | None:
        """How many layers config.json says there are; None when it does not."""
        return next((found for key in LAYERS if (found := self.number(key)) is not None), None)

    @property
    def usable_positions(self) -> int | None:
        """How many tokens a text may have; None when the config does not limit it."""
        rows = self.number("max_position_embeddings") or self.number("n_positions")
        if rows is None or self.model_type in ("t5", "mt5"):  # theirs are relative: the number is not a limit
            return None
        if self.counted_positions:
            padding = self.number("pad_token_id")
            return rows - 1 - (1 if padding is None else padding)
        return rows

    @property
    def rows(self) -> int | None:
        """Rows of the input embedding, counted in the weights, else as the config says."""
        if self.facts is not None and self.facts.embedding:
            return max(self.facts.embedding.values())
        tensors = self.embeddings
        return next(iter(tensors.values())) if tensors else self.number("vocab_size")

    @cached_property
    def embeddings(self) -> dict[str, int]:
        """Name → rows of the matrices that turn ids into vectors, the shared one first."""
        found = dict(self._rows(EMBEDDINGS, 2))
        if (
            whole_or_none(self.config.get("decoder_vocab_size")) is not None
        ):  # then the decoder has its own tokenizer
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


def whole_or_none(value: object) -> int | None:
    """The value if it is a whole number, which True is not.

    >>> whole_or_none(3), whole_or_none("3"), whole_or_none(True)
    (3, None, None)
    """
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_model(name: str | Path) -> ModelFiles:
    """The model in a folder, or of a name on the hub, of which only small files and a header are read."""
    folder = find_model(name, weights=False, besides=(GENERATION, INDEX))
    there = Path(name).expanduser().is_dir()
    return _in_folder(str(name), folder, read_weights(folder) if there else weights_on_hub(str(name), folder))


def _in_folder(name: str, folder: Path, weights: Weights) -> ModelFiles:
    generation = folder / GENERATION
    return ModelFiles(
        name=name,
        folder=folder,
        config=read_object(folder / CONFIG),
        generation=read_object(generation) if generation.exists() else {},
        weights=weights,
    )
