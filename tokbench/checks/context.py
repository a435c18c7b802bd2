"""The context of a check: all that rules look at, read from the files of a tokenizer, a model, an adapter."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer, decoders

from tokbench.checks.model_files import CONFIG, EMBEDDINGS, HEADS, ModelFiles, read_model
from tokbench.errors import FileError
from tokbench.io.json_files import read_object
from tokbench.io.library_errors import wrap_library_errors
from tokbench.io.quiet import quiet
from tokbench.model.safetensors_files import Tensor, read_header
from tokbench.pretrained.folder import Inspect, TokenizerSource, load
from tokbench.pretrained.neighbours import Harm, harms
from tokbench.pretrained.special_tokens import extra_of, roles_of
from tokbench.pretrained.token_facts import FolderFacts
from tokbench.tracing.spelling import blocks_of

if TYPE_CHECKING:
    from tokbench.checks.running_model import Running
    from tokbench.pretrained.chat_facts import ChatFacts
    from tokbench.pretrained.folder import TokenizerFolder

ADAPTER, TENSORS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """An adapter as its files tell it; `problem` is what is wrong with its weights, "" when nothing is."""

    name: str
    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    problem: str = ""

    @property
    def base(self) -> str:
        """The model it was trained on, by folder or name on the hub; "" when it does not say."""
        return str(self.config.get("base_model_name_or_path") or "")

    @property
    def whole(self) -> tuple[str, ...]:
        """The modules it is to keep as a whole, beside the adapted ones."""
        named = self.config.get("modules_to_save")
        return tuple(map(str, named)) if isinstance(named, list) else ()

    @property
    def rows(self) -> Mapping[str, int]:
        """Name → rows of the matrices over the vocabulary that it brings whole."""
        ends = tuple(f".{end}" for end in (*EMBEDDINGS, *HEADS))
        return {
            name: tensor.shape[0]
            for name, tensor in self.tensors.items()
            if f".{_plain(name)}".endswith(ends) and len(tensor.shape) == 2
        }

    @property
    def sized(self) -> Mapping[str, int]:
        """Name → rows that the base's matrix must have for each tensor that was made over the vocabulary."""
        heads = tuple(f".{head.removesuffix('weight')}lora_B.weight" for head in HEADS)
        adapted = {
            name: tensor.shape[1] if name.endswith(".lora_embedding_A") else tensor.shape[0]
            for name, tensor in self.tensors.items()
            if len(tensor.shape) == 2 and name.endswith((".lora_embedding_A", *heads))
        }
        return {**self.rows, **adapted}

    @property
    def single(self) -> frozenset[int]:
        """The ids whose rows it trained one by one."""
        named = self.config.get("trainable_token_indices")
        lists = named.values() if isinstance(named, Mapping) else [named]
        return frozenset(each for ids in lists if isinstance(ids, list) for each in ids if type(each) is int)

    def needed(self, size: int) -> int:
        """The rows its base must have: what it brings, or `size` where it trained single rows; else 0."""
        single = size if self.config.get("trainable_token_indices") else 0
        return max([single, *self.sized.values()])


def read_adapter(folder: Path, name: str) -> Adapter:
    """The adapter in a folder that has an adapter_config.json; of its weights the header only."""
    config = dict(read_object(folder / ADAPTER))
    if not (folder / TENSORS).exists():
        pickled = " (only adapter_model.bin, a pickle)" if (folder / "adapter_model.bin").exists() else ""
        return Adapter(name, folder, config, problem=f"there is no {TENSORS}{pickled}")
    try:
        return Adapter(name, folder, config, read_header(folder / TENSORS))
    except FileError as error:
        return Adapter(name, folder, config, problem=error.message)


def _plain(name: str) -> str:
    """A tensor's name without what PEFT puts into it.

    >>> _plain("base_model.model.model.embed_tokens.modules_to_save.default.weight")
    'base_model.model.model.embed_tokens.weight'
    """
    for inside in (".modules_to_save.default", ".modules_to_save", ".base_layer"):
        name = name.replace(inside, "")
    return name


@dataclass(frozen=True)
class Reloaded:
    """The tokenizer of transformers, or the problem that it had with the folder."""

    tokenizer: Any = None
    problem: str = ""

    def ids(self, text: str, pair: str | None = None) -> list[int]:
        """The ids of a text as a user of transformers gets them."""
        with quiet(stdout=False):
            return list(self.tokenizer(text, pair)["input_ids"])


def load_with_transformers(folder: Path, config: Mapping[str, Any], raw: Mapping[str, Any]) -> Reloaded:
    """What AutoTokenizer makes of the folder; imports transformers, which takes half a second or more."""
    with quiet(stdout=False):
        try:
            with wrap_library_errors(folder.name):
                kind, options = _class_for(folder, config, raw)
                return Reloaded(kind.from_pretrained(str(folder), local_files_only=True, **options))
        except FileError as error:
            return Reloaded(problem=error_line(error.__cause__ or error))
        except Exception as error:  # a damaged folder raises whatever its damage leads to
            return Reloaded(problem=error_line(error))


def _class_for(
    folder: Path, config: Mapping[str, Any], raw: Mapping[str, Any]
) -> tuple[Any, dict[str, object]]:
    """The class that AutoTokenizer takes, read off the name, and its options.

    AutoTokenizer imports all configurations and torch, which takes another second, so it is asked only where
    a model or code in the folder has a say. transformers 5.23: the name without Fast, the generic class for
    one that does not exist, and for Llama's beside byte-level blocks.
    """
    import transformers

    named = config.get("tokenizer_class")
    if config.get("auto_map") or (folder / CONFIG).exists():
        return transformers.AutoTokenizer, {"trust_remote_code": False}
    plain = str(named or ANY_CLASS[0]).removesuffix("Fast")
    bytewise = any(
        block.get("type") == "ByteLevel"
        for place in ("pre_tokenizer", "decoder")
        for block in blocks_of(raw, place)
    )
    generic = plain in ANY_CLASS or (plain == "LlamaTokenizer" and bytewise)
    found = None if generic else getattr(transformers, plain, getattr(transformers, f"{plain}Fast", None))
    return found or transformers.PreTrainedTokenizerFast, {}


def error_line(error: BaseException) -> str:
    """The kind of an error and its message on one line of at most 160 characters."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= 160 else words[:159] + "…"


ANY_CLASS = ("PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "BloomTokenizer")
GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")  # one class under two names


@dataclass(frozen=True)
class CheckContext:
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
    source: TokenizerFolder | None = None  # what was loaded

    @property
    def word(self) -> str:
        """The name as a word of a command line."""
        return shlex.quote(self.name)

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Token → id, of the model and added, as the library has loaded them.

        The library takes 0.2 s to tell 260,000, so those of the model are taken from the file it has read.
        """
        learned = self.raw.get("model", {}).get("vocab")
        if not isinstance(learned, dict) or len(learned) != self.tokenizer.get_vocab_size(False):
            return self.tokenizer.get_vocab(with_added_tokens=True)
        listed = (each["content"] for each in self.raw.get("added_tokens") or ())
        added = ((token, self.tokenizer.token_to_id(token)) for token in listed)
        return learned | {token: number for token, number in added if number is not None}

    @cached_property
    def size(self) -> int:
        """Highest id + 1: the rows that an embedding must have."""
        return max(self.ids, default=-1) + 1

    @cached_property
    def ids(self) -> frozenset[int]:
        """All ids that some token has."""
        return frozenset(self.vocabulary.values())

    @cached_property
    def roles(self) -> dict[str, str]:
        """Role → token as the files declare them, which is what transformers sees; nothing is guessed."""
        older = roles_of(self.side_files.get("special_tokens_map.json", {}))
        return older | roles_of(self.config) if self.has_decoder else roles_of(self.config) | older

    @property
    def has_decoder(self) -> bool:
        """Whether tokenizer_config.json lists the added tokens: then older side files are not read."""
        return isinstance(self.config.get("added_tokens_decoder"), Mapping)

    @cached_property
    def chat(self) -> ChatFacts | None:
        """What the chat template does; None where there is none. Renders it, in a process of its own."""
        from tokbench.pretrained.chat_facts import chat_facts

        return None if self.source is None else chat_facts(self.source)

    @cached_property
    def facts(self) -> FolderFacts:
        """What each file of the folder says of tokens, read when asked for."""
        return FolderFacts(self.folder)

    @cached_property
    def specials(self) -> dict[str, str]:
        """Token → what it is ("pad", "special"), all that a role, the config or the tokenizer declares."""
        own = sorted((number, token.content) for number, token in self.added.items() if token.special)
        plain = [*(token for _, token in own), *extra_of(self.config)]
        return dict.fromkeys(plain, "special") | {token: role for role, token in self.roles.items()}

    @cached_property
    def added(self) -> dict[int, AddedToken]:
        """Id → added token, special or not."""
        return self.tokenizer.get_added_tokens_decoder()

    @cached_property
    def harms(self) -> tuple[Harm, ...]:
        """What goes wrong with added tokens between letters, spaces, Hangul and signs."""
        return harms(self.tokenizer)

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

    def blocks(self, place: str) -> list[dict[str, Any]]:
        """The blocks of `place`, such as "normalizer", in order and without their Sequences."""
        return blocks_of(self.raw, place)

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
        return load_with_transformers(self.folder, self.config, self.raw)

    @cached_property
    def running(self) -> Running:
        """The model, loaded; imports torch."""
        from tokbench.checks.running_model import running_model

        assert self.model is not None
        assert self.model.folder is not None
        ids = self.tokenizer.encode("The dog").ids or [0]
        return running_model(self.model.folder, self.config, self.id_of("pad"), ids)


def check_context(
    tokenizer: TokenizerSource, model: str | Path | None = None, *, inspect: Inspect | None = None
) -> CheckContext:
    """Read the files of a tokenizer, and of its model: the one named, or the one in the same folder.

    `inspect` is that of load.
    """
    loaded = load(tokenizer, inspect=inspect)
    if isinstance(tokenizer, str | Path):  # nobody else has it
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
    return CheckContext(
        loaded.name, folder, loaded.untruncated, loaded.raw, loaded.config, sides, found, adapter, loaded
    )


def _adapter(place: str | Path | None) -> Adapter | None:
    """The adapter in a folder, if there is one."""
    path = None if place is None else Path(place).expanduser()
    return read_adapter(path, str(place)) if path is not None and (path / ADAPTER).is_file() else None


def _on_this_disk(base: str) -> str | None:
    """The folder of an adapter's base; None where it is a hub's name: a file does not send us there."""
    return base if base and (Path(base).expanduser() / CONFIG).is_file() else None


def known_part(context: CheckContext, text: str) -> str:
    """The text, or as many of its words as are known."""
    if not unknowns(context, text)[0]:
        return text
    return " ".join(word for word in text.split() if not unknowns(context, word)[0])


def unknowns(context: CheckContext, text: str) -> tuple[int, int]:
    """How many tokens of a text are unknown, of how many."""
    ids = context.tokenizer.encode(text, add_special_tokens=False).ids
    unknown = context.vocabulary.get(context.unknown or "")
    return sum(number == unknown for number in ids), len(ids)


def there_and_back(context: CheckContext, text: str) -> str:
    """What decoding gives of a text's ids, without special tokens."""
    return context.tokenizer.decode(context.tokenizer.encode(text, add_special_tokens=False).ids)


def normalized(context: CheckContext, text: str) -> str:
    """What the normalizer makes of a text; byte letters and ▁ are read back."""
    normalizer = context.tokenizer.normalizer
    if normalizer is None:
        return text
    after = normalizer.normalize_str(text)
    return decoders.ByteLevel().decode([after]) if context.has("normalizer", "ByteLevel") else after


def plain_decoder(context: CheckContext) -> dict[str, object] | None:
    """The decoder that undoes pre-tokenizer and model, as tokenizer.json writes it; None if unsure."""
    model = context.raw.get("model", {})
    if context.has("pre_tokenizer", "ByteLevel") or context.has("normalizer", "ByteLevel"):
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    if context.kind == "WordPiece":
        prefix = model.get("continuing_subword_prefix") or "##"
        return {"type": "WordPiece", "prefix": prefix, "cleanup": False}
    spaces = [block for block in context.blocks("pre_tokenizer") if block.get("type") == "Metaspace"]
    if spaces:
        metaspace = {key: spaces[-1].get(key) for key in ("type", "replacement", "prepend_scheme", "split")}
        bytewise = [{"type": "ByteFallback"}, metaspace, {"type": "Fuse"}]
        return {"type": "Sequence", "decoders": bytewise} if model.get("byte_fallback") else metaspace
    if model.get("end_of_word_suffix"):
        return {"type": "BPEDecoder", "suffix": model["end_of_word_suffix"]}
    return None


# Nothing here that a decoder's clean-up rewrites ("do not" becomes "don't"), and no special token.
SAMPLES: dict[str, str] = {
    "English": "The quick brown fox jumps over the lazy dog, twice.",
    "numbers": "In 2024 it cost 1234.50 (about 7%).",
    "accents": "Café naïve, Straße, œuvre, año, Zażółć.",
    "Korean": "한국어 문장을 자연스럽게 읽습니다.",
    "Chinese": "我喜欢读书。",
    "Japanese": "日本語のテキストです。",
    "Russian": "Быстрая лиса",
    "Arabic": "لغة عربية",
    "emoji": "ok 🙂 👩‍💻 🇰🇷",
    "code": "def f(x):\n    return x[0] + 1  # ok",
    "white space": " two  spaces\tand a tab ",
}
