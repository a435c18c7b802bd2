"""A folder for what is only in memory: tokenizers and models saved for as long as something reads them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Union

from tokbench.errors import UsageError
from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load, save_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ModelSource = Union[str, Path, "PreTrainedModel"]


def folder_of(source: TokenizerSource) -> str | None:
    """The name or path of a tokenizer that files hold; None for one that is only in memory."""
    if isinstance(source, str | Path):
        return str(source)
    found = source if isinstance(source, TokenizerFolder) else getattr(source, "folder", None)
    return str(found.path) if isinstance(found, TokenizerFolder) and found.path.exists() else None


@contextmanager
def _place(kept: Path | None) -> Iterator[Path]:
    """An empty folder: this one, which stays, or one that is gone afterwards."""
    if kept is None:
        with TemporaryDirectory(prefix="tokbench-") as place:
            yield Path(place)
        return
    shutil.rmtree(kept, ignore_errors=True)  # what a killed process left
    kept.mkdir(parents=True)
    yield kept


@contextmanager
def tokenizer_on_disk(source: TokenizerSource, kept: Path | None = None) -> Iterator[str]:
    """The name or path of a tokenizer; one that is only in memory lies in a folder meanwhile.

    With `kept` it lies there and stays, for who goes on where this process was stopped. A tokenizer of
    transformers writes its files itself; another gets the tokenizer_config.json of `wrap`.

    >>> from tokenizers import Tokenizer, models
    >>> with tokenizer_on_disk(Tokenizer(models.WordLevel({"a": 0}, "a"))) as folder:
    ...     sorted(each.name for each in Path(folder).iterdir())
    ['tokenizer.json', 'tokenizer_config.json']
    """
    name = folder_of(source)
    if name is not None:
        yield name
        return
    with _place(kept) as place:
        folder = place / load(source).name
        folder.mkdir()
        _save(source, folder)
        yield str(folder)


def _save(source: Any, folder: Path) -> None:  # noqa: ANN401  TokenizerSource
    from tokbench.pretrained.wrap import portable_config  # what lies in files needs none

    loaded = load(source)
    if hasattr(source, "save_pretrained"):
        with quiet():
            source.save_pretrained(folder)
    else:
        save_folder(loaded.tokenizer, loaded.config or portable_config(loaded, loaded.tokenizer), folder)


@contextmanager
def model_on_disk(source: ModelSource, kept: Path | None = None) -> Iterator[str]:
    """The name or path of a model; one that is only in memory is saved to a folder, `kept` or for now."""
    if isinstance(source, str | Path):
        yield str(source)
        return
    if not hasattr(source, "save_pretrained"):
        raise UsageError(
            f"{type(source).__name__} is no model", fix="give a name, a path or a PreTrainedModel"
        )
    with _place(kept) as place:
        folder = place / "model"
        with quiet():
            source.save_pretrained(folder)
        yield str(folder)
