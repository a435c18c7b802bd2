"""A tokenizer read from a folder, a file or the hub, and the files that one is saved as."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Union
from weakref import WeakKeyDictionary

from tokenizers import Tokenizer, models

from tokbench.errors import FileError, UsageError, did_you_mean
from tokbench.formats.portable import ReadOptions, ReadTokenizer
from tokbench.formats.recognize import read, start_of
from tokbench.io import hub
from tokbench.io.json_files import MIB, decoded_text, parse_object, read_bytes, read_object
from tokbench.io.library_errors import parse_tokenizer
from tokbench.io.outline import outline_of
from tokbench.pretrained.special_tokens import extra_of, guessed_roles, roles_of
from tokbench.tracing.spelling import blocks_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENIZER, CONFIG, ROLES_FILE = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
CHAT = "chat_template.jinja"
LARGEST = 512 * MIB  # the largest we met, of a vocabulary of a million, has 80


@dataclass(frozen=True)
class TokenizerFolder:
    """A tokenizer and the files it came from.

    `path` is the folder, or the file when a bare tokenizer.json was named. `raw` is tokenizer.json as it
    is written, baked-in truncation and padding included; `config` is tokenizer_config.json, empty when there
    is none; `roles` is role → token from all files, or guessed from the usual spellings when none says it;
    `extra` are the special tokens without a role.
    """

    name: str
    path: Path
    tokenizer: Tokenizer
    raw: Mapping[str, Any] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    @property
    def outline(self) -> Mapping[str, Any]:
        """What `raw` says of normalizer, pre_tokenizer and the model's options; what was learned may miss."""
        return self.raw

    @property
    def blocks(self) -> Mapping[str, Any]:
        """All that `raw` says beside vocabulary and merges, which may miss."""
        return self.raw

    @property
    def untruncated(self) -> Tokenizer:
        """The tokenizer itself if it neither truncates nor pads, or else a copy that does not, made once."""
        return self._copy if is_truncating(self.tokenizer) else self.tokenizer

    @property
    def saved_lengths(self) -> str:
        """What the tokenizer says of padding and truncation, which are left out, as a call's; or ""."""
        padding, truncation = self.tokenizer.padding, self.tokenizer.truncation
        told = []
        if padding:
            to = f"{padding['length']} tokens" if padding.get("length") else "the longest of a batch"
            told.append(f"padding to {to} with {padding['pad_token']}")
        if truncation:
            told.append(f"truncation to {truncation['max_length']} tokens")
        return f"{' and '.join(told)}, left to the call as transformers does" if told else ""

    def own_tokenizer(self) -> Tokenizer:
        """A tokenizer that neither truncates nor pads, for the caller to change; the folder's own stays."""
        return Tokenizer.from_str(self.untruncated.to_str())

    @cached_property
    def special_contents(self) -> frozenset[str]:
        """The added tokens that are special, wherever they stand."""
        added = self.tokenizer.get_added_tokens_decoder().values()
        return frozenset(each.content for each in added if each.special)

    @cached_property
    def _copy(self) -> Tokenizer:
        return untruncated(self.tokenizer)


class LazyFolder(TokenizerFolder):
    """A tokenizer.json whose vocabulary and merges only the library has read: JSON of all is made when asked.

    `content` is the file's.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        tokenizer: Tokenizer,
        *,
        content: bytes,
        blocks: Mapping[str, Any],
        said: tuple[Mapping[str, Any], Mapping[str, str], tuple[str, ...]],
    ) -> None:
        config, roles, extra = said
        given = {"name": name, "path": path, "tokenizer": tokenizer, "config": config, "roles": roles}
        vars(self).update(given, extra=extra, content=content, told=blocks)

    content: bytes
    told: Mapping[str, Any]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Read again where it was given away."""
        return _parsed(self.content, self.name)

    is_private = False  # whether nobody but the call that loaded it has this folder

    def own_tokenizer(self) -> Tokenizer:
        """Where nobody else can have it the one that was read: a copy would take as long as reading."""
        if not self.is_private:
            return super().own_tokenizer()
        own: Tokenizer = self.untruncated
        del vars(self)["_copy" if own is not self.tokenizer else "tokenizer"]
        return own

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """tokenizer.json as it is written."""
        return parse_object(decoded_text(self.content, name=self.name), name=self.name)

    @property
    def outline(self) -> Mapping[str, Any]:
        """All but what was learned."""
        return self.told

    @property
    def blocks(self) -> Mapping[str, Any]:
        """All but what was learned."""
        return self.told


class InMemoryFolder(TokenizerFolder):
    """A tokenizer that no folder holds, as if one did; its JSON, 0.15 s for gpt2, is made when asked for."""

    def __init__(self, name: str, tokenizer: Tokenizer, config: Mapping[str, Any]) -> None:
        given = {"name": name, "path": Path(f"<{name}>"), "tokenizer": tokenizer, "config": config}
        vars(self).update(given, extra=extra_of(config))

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """tokenizer.json, as it would be written."""
        return parse_object(self.tokenizer.to_str(), name=self.name)

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """Role → token, as the config says or as they are spelt."""
        return roles_of(self.config) or guessed_roles(self.raw)

    @property
    def outline(self) -> Mapping[str, Any]:
        """Asked of the library's objects, in microseconds; Unigram tells its options in its JSON alone."""
        library, model = self.tokenizer, self.tokenizer.model
        if isinstance(model, models.Unigram):
            return _unigram_outline(library)
        blocks = {"normalizer": library.normalizer, "pre_tokenizer": library.pre_tokenizer}
        told = {name: json.loads(block.__getstate__()) for name, block in blocks.items() if block is not None}
        return {**told, "model": {name: getattr(model, name, None) for name in OPTIONS}}


class ForeignFolder(InMemoryFolder):
    """A tokenizer read from files of another format; `read` says from which, and what was found out."""

    def __init__(self, name: str, path: Path, found: ReadTokenizer) -> None:
        super().__init__(name, found.tokenizer, found.config)
        vars(self).update(path=path, roles=dict(found.roles), extra=found.extra, found=found)

    found: ReadTokenizer


OPTIONS = ("unk_token", "byte_fallback", "continuing_subword_prefix")


_UNIGRAMS: WeakKeyDictionary[Tokenizer, tuple[int, Mapping[str, Any]]] = WeakKeyDictionary()


def _unigram_outline(tokenizer: Tokenizer) -> Mapping[str, Any]:
    """The JSON without the pieces, made once for a tokenizer as long as no token is added to it."""
    size = tokenizer.get_vocab_size()
    known = _UNIGRAMS.get(tokenizer)
    if known is None or known[0] != size:
        raw = json.loads(tokenizer.to_str())
        model = {name: value for name, value in raw["model"].items() if name != "vocab"}
        known = _UNIGRAMS[tokenizer] = size, {**raw, "model": model}
    return known[1]


class HasFolder(Protocol):
    """A result that holds a tokenizer and its files, as train gives one."""

    @property
    def folder(self) -> TokenizerFolder:
        """The tokenizer with its files."""


TokenizerSource = Union[str, Path, TokenizerFolder, HasFolder, Tokenizer, "PreTrainedTokenizerBase"]


Inspect = Callable[[Mapping[str, Any], Path], None]


def load(
    tokenizer: TokenizerSource,
    *,
    cased: bool | None = None,
    encoding: str = "",
    pattern: str = "",
    tokenizer_class: str = "",
    inspect: Inspect | None = None,
) -> TokenizerFolder:
    """The tokenizer of a folder, of a file of any format, or of a name on the hub; the disk comes first.

    Beside tokenizer.json it reads the files of other formats: vocab.txt, vocab.json with merges.txt, CLIP's
    merges, SentencePiece's .model, .tiktoken and tekken.json. `cased` says whether a vocab.txt keeps case,
    where its pieces shall not tell; `encoding` is whose ranks of tiktoken a file holds, and `pattern` the
    regular expression that cuts texts for them; `tokenizer_class` is the class of transformers whose rules
    the files follow, where no config beside them names it. A tokenizer of a library is taken as it is,
    without a copy, and what is loaded already is given back. `inspect` is given what tokenizer.json holds,
    and its path, before the library is. Raises FileError where there is none or where its file cannot be
    read, UsageError for other objects.

    >>> from tokenizers import models
    >>> load(Tokenizer(models.WordLevel({"a": 0}, "a"))).tokenizer.encode("a").ids
    [0]
    """
    if isinstance(tokenizer, TokenizerFolder):
        return tokenizer
    if isinstance(tokenizer, str | Path):
        return _load_files(tokenizer, inspect, ReadOptions(cased, encoding, pattern, tokenizer_class))
    if isinstance(tokenizer, Tokenizer):
        return InMemoryFolder("tokenizer", tokenizer, {})
    if isinstance(folder := getattr(tokenizer, "folder", None), TokenizerFolder):
        return folder
    library = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(library, Tokenizer):
        raise UsageError(
            f"{type(tokenizer).__name__} is no tokenizer with a tokenizer.json",
            fix="give a name, a path, a tokenizers.Tokenizer or a fast tokenizer of transformers",
        )
    return InMemoryFolder("tokenizer", library, _config_of(tokenizer))


def load_to_change(tokenizer: TokenizerSource) -> TokenizerFolder:
    """As load, for a call that keeps the folder to itself: of a path, own_tokenizer needs no copy."""
    folder = load(tokenizer)
    if isinstance(folder, LazyFolder) and isinstance(tokenizer, str | Path):
        vars(folder)["is_private"] = True
    return folder


def _config_of(tokenizer: Any) -> dict[str, Any]:  # noqa: ANN401  PreTrainedTokenizerBase
    """What tokenizer_config.json would say of a tokenizer of transformers."""
    names = ("model_max_length", "padding_side", "truncation_side", "model_input_names")
    said = {name: getattr(tokenizer, name) for name in names}
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = [{"name": name, "template": text} for name, text in template.items()]
    said |= {} if template is None else {"chat_template": template}
    return {"tokenizer_class": type(tokenizer).__name__, **said, **tokenizer.special_tokens_map}


def _load_files(name: str | Path, inspect: Inspect | None, options: ReadOptions) -> TokenizerFolder:
    path = Path(name).expanduser()
    if not (path / TOKENIZER).exists() and (foreign := read(path, options)) is not None:
        return ForeignFolder(str(name), path, foreign)
    path = _find(name)
    file = path if path.is_file() else path / TOKENIZER
    if file.is_file():
        start_of(file)
    content = read_bytes(file, limit=LARGEST)
    blocks = outline_of(content) if inspect is None else None
    raw = parse_object(decoded_text(content, name=str(file)), name=str(file)) if blocks is None else blocks
    if not isinstance(raw.get("model"), Mapping):
        raise FileError(
            f"{file} is not a tokenizer.json: it describes no model", fix="name a tokenizer's file"
        )
    if inspect is not None:
        inspect(raw, file)
    if growth := growth_of(raw):
        raise FileError(f"{file} cannot be used: {growth}", fix=f"tokbench check {shlex.quote(str(name))}")
    tokenizer = _parsed(content, str(file))
    config, declared = (_optional(path / CONFIG), _optional(path / ROLES_FILE)) if path.is_dir() else ({}, {})
    roles = roles_of(declared) | roles_of(config) or guessed_roles(raw)
    extra = extra_of(config) or extra_of(declared)
    if blocks is None:
        return TokenizerFolder(str(name), path, tokenizer, raw, config, roles, extra)
    return LazyFolder(str(name), path, tokenizer, content=content, blocks=blocks, said=(config, roles, extra))


def _parsed(content: bytes, name: str) -> Tokenizer:
    """The tokenizer of a file; where the library refuses it, what is wrong with its JSON is said first."""
    try:
        return parse_tokenizer(content, name=name)
    except FileError:
        text = decoded_text(content, name=name)
        parse_object(text, name=name)
        return parse_tokenizer(text, name=name)


MOST_GROWTH = 10_000  # characters for one; honest normalizers put in some three


def growth_of(raw: Mapping[str, Any]) -> str:
    """Why the normalizer makes texts grow out of all bounds, in words; "" when it does not.

    Each Replace is followed through those behind it: seven that put 20 letters in for one make a letter a
    thousand million, and the library ends the process when memory does.
    """
    blocks = [each for each in blocks_of(raw, "normalizer") if each.get("type") == "Replace"]
    most = max((_grown_by(blocks[at:]) for at in range(len(blocks))), default=0)
    return f"its normalizer makes {most:,} characters or more of one" if most > MOST_GROWTH else ""


def _grown_by(replaces: Sequence[Mapping[str, Any]]) -> int:
    """How many characters each one of what the first looks for becomes, counted until it is too many."""
    text, start, length = "", 1, 1
    for number, each in enumerate(replaces):
        sought, content = each.get("pattern"), str(each.get("content") or "")
        literal = sought.get("String") if isinstance(sought, Mapping) else None
        if number == 0:
            start = max(1, len(literal or " "))
            text, length = content, len(content)
        elif length > MOST_GROWTH * start:
            break
        elif literal is None:  # a regular expression may meet every character
            length *= max(1, len(content))
            text = content * min(length // max(1, len(content)), MOST_GROWTH)
        elif literal and literal in text:
            length = len(text) + text.count(literal) * (len(content) - len(literal))
            text = text.replace(literal, content) if length <= MOST_GROWTH * start else text
    return length // start


def save_folder(
    tokenizer: Tokenizer | str,
    config: Mapping[str, Any],
    into: Path,
    *,
    more: Mapping[str, str] | None = None,
) -> None:
    """Write tokenizer.json, tokenizer_config.json and `more` text files into an existing folder.

    A tokenizer may be given as what is written into its file.
    """
    files = {TOKENIZER: tokenizer if isinstance(tokenizer, str) else tokenizer_text(tokenizer)}
    if config:
        files[CONFIG] = json.dumps(config, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    for file, text in {**files, **(more or {})}.items():
        (into / file).write_text(text, encoding="utf-8", newline="\n")


def tokenizer_text(tokenizer: Tokenizer) -> str:
    """What save writes into tokenizer.json: without truncation and padding, which belong to a call."""
    return untruncated(tokenizer).to_str(pretty=True) + "\n"


def is_truncating(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer truncates or pads what it encodes."""
    return bool(tokenizer.truncation or tokenizer.padding)


def untruncated(tokenizer: Tokenizer) -> Tokenizer:
    """This tokenizer if it neither truncates nor pads, or else a copy that does not."""
    if not is_truncating(tokenizer):
        return tokenizer
    copy = Tokenizer.from_str(tokenizer.to_str())  # 0.15 s for gpt2, 0.9 s for o200k
    copy.no_truncation()
    copy.no_padding()
    copy.encode_special_tokens = tokenizer.encode_special_tokens  # no part of the text
    return copy


def _optional(path: Path) -> dict[str, Any]:
    return dict(read_object(path)) if path.exists() else {}


def _find(name: str | Path) -> Path:
    path = Path(name).expanduser()
    if path.is_dir():
        if (path / TOKENIZER).exists():
            return path
        what = "has no tokenizer.json" if any(path.iterdir()) else "is an empty folder"
        raise FileError(f"{name} {what}", fix=_hint(path))
    if path.exists():
        return path
    if not isinstance(name, str) or not names_a_repository(name):
        raise _nothing_at(name)
    return _from_hub(name)


def names_a_repository(name: str) -> bool:
    """Whether a name that is no path here is one on the hub, and no slip in a path."""
    slip = "/" in name and Path(name).expanduser().parent.is_dir()
    return hub.may_be_on_hub(name) and not (slip and hub.cached(name, TOKENIZER) is None)


def _from_hub(name: str) -> Path:
    try:
        return hub.fetch(name, [TOKENIZER], [CONFIG, ROLES_FILE, CHAT])
    except FileError as error:
        near = _neighbours(Path(name))
        raise FileError(error.message, fix=near or error.fix) from error


def _nothing_at(name: str | Path) -> FileError:
    return FileError(
        f"there is no tokenizer at {name}",
        fix=_neighbours(Path(name)) or "train one: tokbench train-bpe corpus.txt",
    )


def _neighbours(path: Path) -> str:
    """A hint at a tokenizer of nearly that name beside it, or ''."""
    beside = [each.parent.name for each in path.parent.glob(f"*/{TOKENIZER}")]
    found = did_you_mean(path.name, beside, before="" if str(path.parent) == "." else f"{path.parent}/")
    return found if found.startswith("did you mean") else ""


def _hint(path: Path) -> str:
    inside = [each.parent.name for each in sorted(path.glob(f"*/{TOKENIZER}"))]
    if inside:
        return f"there is one inside: {path / inside[0]}"
    if (path / "config.json").exists():
        return "it is a model's folder: name the tokenizer's"
    return "name the folder that holds it, or train one: tokbench train-bpe corpus.txt"
