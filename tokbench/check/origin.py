"""Rules about where things come from: is it the model's own tokenizer, and does a folder bring code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.model_files import CONFIG, ModelFiles
from tokbench.check.sameness import Sameness, compared
from tokbench.check.subject import Subject
from tokbench.errors import FileProblem
from tokbench.pretrained.folder import load

TOKENIZER = "tokenizer.json"
# The key of CVE-2026-4372: code of the hub was run whatever trust_remote_code said.
RUNNING = ("auto_map", "_attn_implementation_internal")
PICKLES = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt")


def model_needs_no_code(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """config.json asks for no code of its own.

    Cause: the model was saved from a class that is not part of transformers, or somebody put it there.
    Example: auto_map runs a Python file of the folder with trust_remote_code=True; in transformers before 5.3
    _attn_implementation_internal ran code of the hub even without it.
    Source: CVE-2026-4372, transformers, trust_remote_code
    """
    asked = {key: model.config[key] for key in RUNNING if model.config.get(key)}
    if asked:
        yield Finding(
            "TB451",
            "warning",
            "the model asks for code of its own to be run",
            listed([f"{key}: {quoted(value, 80)}" for key, value in asked.items()]),
            f"read that code before you trust it; if the model needs none, take the key out of {CONFIG}",
        )


def tokenizer_is_the_models(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """The tokenizer is the one that the model was saved with.

    Cause: another tokenizer of the same size, a newer save, or two folders of much the same name.
    Example: every id has a row, so nothing fails: the model reads other words than were written. With the ids
    of "good" and "bad" exchanged it says the opposite.
    Source: NVIDIA AI Red Team on swapped token ids, tokenizers #1528
    """
    own = None if model.folder is None else model.folder / TOKENIZER
    if own is None or not own.exists() or model.folder == subject.folder:
        return
    try:
        theirs = load(own).tokenizer
    except FileProblem:  # the model's own cannot be read, which is another matter
        return
    theirs.no_truncation()
    theirs.no_padding()
    found = compared((subject.tokenizer, theirs), (subject.name, model.name))
    if not found.passed and found.reason:
        grown = found.only[0] and not found.only[1] and not found.moved and subject.size > found.sizes[1]
        yield Finding(
            "TB452",
            "warning" if grown or not (found.moved or found.only[1]) else "error",
            f"this is not the tokenizer that the model was saved with: {found.reason}",
            _shown(found),
            f"check the model with its own: tokbench check {shlex.quote(model.name)}",
        )


def nothing_private_lies_beside(subject: Subject) -> Iterator[Finding]:
    """The folder holds no pickles of a training run.

    Cause: it is a checkpoint of Trainer.
    Example: training_args.bin is a pickle that runs code when it is opened, and holds hub_token in the clear
    if one was passed as an argument.
    Source: CVE-2026-1839, measured with transformers 5.23
    """
    folder = subject.folder or Path()
    found = [name for name in PICKLES if (folder / name).is_file()]
    if found:
        yield Finding(
            "TB611",
            "note",
            "pickles of a training run lie in the folder",
            listed(found, 5),
            "before the folder is shared, delete them; to go on with the training, keep them",
        )


def _shown(found: Sameness) -> str:
    """Both sizes, and the shortest text that shows the difference."""
    sizes = f"highest ids {found.sizes[0] - 1:,} and {found.sizes[1] - 1:,}"
    if found.example is None:
        return sizes
    ids = [list(each[:6]) for each in found.example.ids]
    return f"{sizes}; {quoted(found.example.text)}: {ids[0]} here, {ids[1]} there"
