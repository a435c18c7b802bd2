"""What the files beside a vocabulary declare: roles, tokens that were added, lengths, the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokbench.errors import FileError
from tokbench.formats.vocabulary_files import read_table
from tokbench.io.json_files import WHOLE_COPY, read_object
from tokbench.recipes.recipe import ROLES

CONFIG, ROLES_FILE, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
MODEL_CONFIG = "config.json"
# Models whose SentencePiece ids are moved; of others the files tell.
CLASS_OF_MODEL = {"xlm-roberta": "XLMRobertaTokenizer", "xlm-roberta-xl": "XLMRobertaTokenizer",
                  "camembert": "CamembertTokenizer", "mbart": "MBartTokenizer"}  # fmt: skip
EXTRA = ("additional_special_tokens", "extra_special_tokens")
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
KEPT = ("model_max_length", "padding_side", "truncation_side", "model_input_names", "chat_template")


@dataclass(frozen=True)
class DeclaredToken:
    """A token that was added beside a vocabulary: its id and flags."""

    token: str
    id: int
    flags: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Declared:
    """What a folder of transformers' older tokenizers says beside the vocabulary.

    settings: tokenizer_config.json. name: the class without Fast. roles: role → token; extra: special ones
    without a role. added: in the order of their ids.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    added: tuple[DeclaredToken, ...] = ()

    @property
    def name(self) -> str:
        """The class that the config names, without Fast; "" where it names none."""
        return str(self.settings.get("tokenizer_class") or "").removesuffix("Fast")

    @property
    def config(self) -> dict[str, Any]:
        """What goes along into the tokenizer_config.json of a portable folder."""
        return {key: self.settings[key] for key in KEPT if self.settings.get(key) is not None}

    @property
    def special(self) -> set[str]:
        """The tokens that are special by role, list or flag."""
        flagged = (each.token for each in self.added if each.flags.get("special"))
        return {*self.roles.values(), *self.extra, *flagged}


def declared_in(folder: Path, tokenizer_class: str = "") -> Declared:
    """What the files of a folder declare; nothing where there are none.

    The class is `tokenizer_class` where one is given; else what tokenizer_config.json says, or the model's
    config.json, or its kind of model where only one class goes with it.
    """
    settings = read_object(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    name = tokenizer_class or settings.get("tokenizer_class") or _class_of_model(folder)
    settings = {**settings, "tokenizer_class": name} if name else settings
    mapped = read_object(folder / ROLES_FILE) if (folder / ROLES_FILE).is_file() else {}
    roles: dict[str, str] = {}
    for role in ROLES:
        token = _content(settings.get(f"{role}_token")) or _content(mapped.get(f"{role}_token"))
        roles |= {role: token} if token else {}
    lists = [each[key] for each in (settings, mapped) for key in EXTRA if isinstance(each.get(key), list)]
    extra = dict.fromkeys(_content(entry) for entries in lists for entry in entries)
    return Declared(settings, roles, tuple(each for each in extra if each), _added(folder, settings))


def _class_of_model(folder: Path) -> str:
    """The class that a model's config.json names or goes with; "" where it does neither."""
    found = read_object(folder / MODEL_CONFIG) if (folder / MODEL_CONFIG).is_file() else {}
    return str(found.get("tokenizer_class") or CLASS_OF_MODEL.get(str(found.get("model_type")), ""))


def _added(folder: Path, settings: Mapping[str, Any]) -> tuple[DeclaredToken, ...]:
    found = settings.get("added_tokens_decoder")
    if isinstance(found, Mapping):
        tokens = [
            DeclaredToken(_content(entry), _number(folder, key), _flags(entry))
            for key, entry in found.items()
            if _content(entry)
        ]
    else:
        table = read_table(folder / ADDED) if (folder / ADDED).is_file() else {}
        tokens = [DeclaredToken(token, number) for token, number in table.items()]
    return tuple(sorted(tokens, key=lambda each: each.id))


def _number(folder: Path, key: str) -> int:
    if not key.isdecimal():
        raise FileError(f"{folder / CONFIG} has {key!r} for the id of an added token", fix=WHOLE_COPY)
    return int(key)


def _flags(entry: Any) -> dict[str, bool]:  # noqa: ANN401  JSON
    return {flag: entry[flag] for flag in FLAGS if isinstance(entry.get(flag), bool)}


def _content(entry: object) -> str:
    if isinstance(entry, Mapping):
        entry = entry.get("content")
    return entry if isinstance(entry, str) else ""


def with_added(vocabulary: dict[str, int], declared: Declared, *, name: str) -> dict[str, int]:
    """The vocabulary with the tokens that were added beside it, each at its own id."""
    whole = dict(vocabulary)
    taken = {number: token for token, number in vocabulary.items()}
    for each in declared.added:
        other = taken.get(each.id, each.token)
        if other != each.token or whole.get(each.token, each.id) != each.id:
            raise FileError(
                f"{name} has {other!r} at id {each.id:,}, where the files beside it have {each.token!r}",
                fix="take all files of the folder from one version of the tokenizer",
            )
        whole[each.token] = each.id
        taken[each.id] = each.token
    return whole
