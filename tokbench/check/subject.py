"""What check looks at: a tokenizer with its files, and what the files of its model say."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer

from tokbench.check.adapters import ADAPTER, Adapter, read_adapter
from tokbench.check.model_files import CONFIG, ModelFiles, read_model
from tokbench.check.reloaded import Reloaded, reload
from tokbench.pretrained.folder import load
from tokbench.pretrained.json_files import read_object
from tokbench.pretrained.special_tokens import extra_of, roles_of, special_tokens_of

if TYPE_CHECKING:
    from tokbench.check.running import Running

GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")  # one class under two names
LISTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}
LISTS |= {"post_processor": "processors", "decoder": "decoders"}


@dataclass(frozen=True)
class Subject:
    """Everything a rule may look at. `raw` is tokenizer.json, `config` tokenizer_config.json ({} if absent).

    `tokenizer` neither truncates nor pads, whatever `raw` says. `folder` is None when one file was given.
    """

    name: str
    folder: Path | None
    tokenizer: Tokenizer
    raw: Mapping[str, Any]
    config: Mapping[str, Any]
    side_files: Mapping[
        str, Mapping[str, Any]
    ]  # special_tokens_map.json and added_tokens.json, as far as there
    model: ModelFiles | None = None
    adapter: Adapter | None = None  # then `model` is its base, if that is on this disk

    @property
    def word(self) -> str:
        """The name as a word of a command line."""
        return shlex.quote(self.name)

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Token → id, of the model and added, as the library has loaded them."""
        return self.tokenizer.get_vocab(with_added_tokens=True)

    @cached_property
    def size(self) -> int:
        """Highest id + 1: the rows that an embedding must have."""
        return max(self.vocabulary.values(), default=-1) + 1

    @cached_property
    def roles(self) -> dict[str, str]:
        """Role → token as the files declare them, which is what transformers sees; nothing is guessed."""
        return roles_of(self.config) | roles_of(self.side_files.get("special_tokens_map.json", {}))

    @cached_property
    def specials(self) -> dict[str, str]:
        """Token → what it is ("pad", "special"), all that a role, the config or the tokenizer declares."""
        plain = [*special_tokens_of(self.tokenizer), *extra_of(self.config)]
        return dict.fromkeys(plain, "special") | {token: role for role, token in self.roles.items()}

    @cached_property
    def added(self) -> dict[int, AddedToken]:
        """Id → added token, special or not."""
        return self.tokenizer.get_added_tokens_decoder()

    @property
    def kind(self) -> str:
        """The model block: BPE, WordPiece, Unigram, WordLevel; "" when tokenizer.json does not say."""
        return str(self.raw.get("model", {}).get("type") or "")

    @property
    def unknown(self) -> str | None:
        """The token that the model block gives for what it does not know."""
        model = self.raw.get("model", {})
        at, pieces = model.get("unk_id"), model.get("vocab")
        if isinstance(at, int) and isinstance(pieces, list):
            return str(pieces[at][0]) if at < len(pieces) else None
        return model.get("unk_token") or None

    @property
    def is_generic(self) -> bool:
        """Whether transformers takes tokenizer.json as it is, and knows roles by the config only."""
        return self.config.get("tokenizer_class") in GENERIC

    def blocks(self, place: str) -> list[Mapping[str, Any]]:
        """The blocks of `place`, such as "normalizer", in order and without their Sequences."""
        return _flat(self.raw.get(place), LISTS[place])

    def has(self, place: str, kind: str) -> bool:
        """Whether a block of this kind stands in this place."""
        return any(block.get("type") == kind for block in self.blocks(place))

    def id_of(self, role: str) -> int | None:
        """The id of the token with this role, if it is declared and in the vocabulary."""
        token = self.roles.get(role)
        return None if token is None else self.vocabulary.get(token)

    @cached_property
    def reloaded(self) -> Reloaded:
        """What transformers makes of the folder."""
        assert self.folder is not None
        return reload(self.folder)

    @cached_property
    def running(self) -> Running:
        """The model, loaded; imports torch."""
        from tokbench.check.running import run

        assert self.model is not None
        assert self.model.folder is not None
        return run(self.model.folder, self.config, self.id_of("pad"))


def look_at(tokenizer: str | Path, model: str | Path | None = None) -> Subject:
    """Read the files of a tokenizer, and of its model: the one named, or the one in the same folder."""
    loaded = load(tokenizer)
    loaded.tokenizer.no_truncation()
    loaded.tokenizer.no_padding()
    folder = loaded.path if loaded.path.is_dir() else None
    if model is None and folder is not None and (folder / CONFIG).exists():
        model = folder
    adapter = _adapter(model if model is not None else folder)
    if adapter is not None and not (adapter.folder / CONFIG).exists():
        model = _on_this_disk(adapter.base)
    found = None if model is None else read_model(model)
    names = ("special_tokens_map.json", "added_tokens.json")
    sides = {name: dict(read_object(folder / name)) for name in names if folder and (folder / name).exists()}
    return Subject(loaded.name, folder, loaded.tokenizer, loaded.raw, loaded.config, sides, found, adapter)


def _adapter(place: str | Path | None) -> Adapter | None:
    """The adapter in a folder, if there is one."""
    path = None if place is None else Path(place).expanduser()
    return read_adapter(path, str(place)) if path is not None and (path / ADAPTER).is_file() else None


def _on_this_disk(base: str) -> str | None:
    """The folder of an adapter's base; None where it is a hub's name: a file does not send us there."""
    return base if base and (Path(base).expanduser() / CONFIG).is_file() else None


def _flat(block: object, inner: str) -> list[Mapping[str, Any]]:
    if not isinstance(block, Mapping):
        return []
    if block.get("type") != "Sequence":
        return [block]
    parts = block.get(inner)
    return [each for part in (parts if isinstance(parts, list) else ()) for each in _flat(part, inner)]
