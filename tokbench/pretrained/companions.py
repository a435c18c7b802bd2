"""What lies beside a tokenizer and a model: what goes along when they grow, what stays behind, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tokbench.formats.vocabulary_files import VOCABULARIES
from tokbench.io.links import copy_inside

# Names at the top of a folder, as shell patterns; the first table that knows a name decides.
REWRITTEN = (
    ".*", "tokenizer.json", "tokenizer_config.json", "tokbench.json",
)  # fmt: skip
CHAT_FILES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates")
WITH_TOKENIZER = (
    *CHAT_FILES, "*processor_config.json", "audio_tokenizer_config.json", "normalizer.json", "*.py",
    "LICENSE*", "NOTICE*", "USE_POLICY*", "README.md",
)  # fmt: skip
# generation_config.json is written by models that generate, and carried for a body saved without its head.
WITH_MODEL = (
    "generation_config.json", "custom_generate", "modules.json", "sentence_bert_config.json",
    "config_sentence_transformers.json",
)  # fmt: skip
LAYER = re.compile(r"\d+_[A-Z]\w*")  # sentence-transformers: 1_Pooling
MODEL_REWRITTEN = ("config.json", "model*.safetensors", "model.safetensors.index.json")

OLD_VOCABULARY = "holds the vocabulary as it was"
REASONS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((*VOCABULARIES, "*.vocab", "tekken.json"), OLD_VOCABULARY),
    (("added_tokens.json", "special_tokens_map.json"), "is part of tokenizer.json and tokenizer_config.json"),
    (("tokbench.toml",), "is the recipe of the tokenizer as it was"),
    (("training_args.bin", "optimizer.*", "scheduler.*", "rng_state*", "scaler.pt", "trainer_state.json",
      "checkpoint-*", "runs"), "is of a training run"),
    (("adapter_*",), "is an adapter of the old rows"),
    (("*.bin", "*.bin.index.json", "*.h5", "*.msgpack", "*.ckpt", "*.pt", "*.pth", "*.gguf", "*.onnx", "*.ot",
      "*.safetensors", "*.safetensors.index.json", "onnx", "openvino", "coreml"), "has the old rows"),
)  # fmt: skip
NO_MODEL = "is the model's, and no model was given"
STRANGE = "is not known to go with a tokenizer or a model"
FORMER = "is of the tokenizer that the model had"


@dataclass(frozen=True)
class Companions:
    """`copied` is name → file of what goes along, `/` between folder and file; `left` name → why it stays."""

    copied: Mapping[str, Path] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)

    def copy(self, into: Path) -> None:
        """Copy what goes along, but over no file that is there; FileError for links that lead out."""
        for name, source in self.copied.items():
            if not (into / name).exists():
                home = source.parents[name.count("/")]
                copy_inside([(source, into / name)], home)


def companions(tokenizer: Path | None, model: Path | None = None) -> Companions:
    """What lies in the folders of a tokenizer and of a model, if that has another one.

    None, or a file, stands for a tokenizer or a model that has no folder.
    """
    copied: dict[str, Path] = {}
    left: dict[str, str] = {}
    for folder, own in ((tokenizer, True), (model, False)):
        if folder is None or not folder.is_dir() or (not own and _same(folder, tokenizer)):
            continue
        for path in sorted(folder.iterdir()):
            why = _why_left(path, own=own, model=model is not None)
            if why:
                left.setdefault(path.name, why)
            elif why is not None:
                copied |= {name: file for name, file in _files(path) if name not in copied}
    return Companions(copied, {name: why for name, why in sorted(left.items()) if name not in copied})


def chat_files(folder: Path) -> dict[str, Path]:
    """Name → file of the chat templates that lie in a folder as files of their own."""
    there = [folder / name for name in CHAT_FILES if (folder / name).exists()]
    return dict(pair for path in there for pair in _files(path))


def _why_left(path: Path, *, own: bool, model: bool) -> str | None:
    """Why an entry stays, "" when it goes along, None when it is written anew."""
    name = path.name
    if _is(name, REWRITTEN) or (model and _is(name, MODEL_REWRITTEN)):
        return None
    if not own and _is(name, CHAT_FILES):
        return FORMER
    if _is(name, WITH_TOKENIZER):
        return ""
    if _is(name, WITH_MODEL) or (LAYER.fullmatch(name) and path.is_dir()):
        return "" if model else NO_MODEL
    if _is(name, MODEL_REWRITTEN):
        return NO_MODEL
    why = next((why for names, why in REASONS if _is(name, names)), STRANGE)
    return FORMER if why == OLD_VOCABULARY and not own else why


def _is(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _same(folder: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and folder.samefile(other)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The file itself, or all files below a folder."""
    if path.is_file():
        yield path.name, path
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
                yield f"{path.name}/{file.relative_to(path).as_posix()}", file
