"""vocab.json with merges.txt: GPT-2's and RoBERTa's byte-level BPE, and CLIP's, whose words end in </w>.

Both spell bytes in GPT-2's letters. GPT-2 cuts texts by its own pattern and leaves them as they are; CLIP
lowers them, makes one space of several, and cuts what OpenAI's simple_tokenizer.py cuts (before it, that file
mends broken encodings with ftfy and unescapes HTML, which is no part of a tokenizer). CLIP's merges also come
alone, as bpe_simple_vocab_16e6.txt.gz: its vocabulary is made of them.
"""

from __future__ import annotations

import gzip
import json
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokbench.errors import FileError
from tokbench.formats.declared_tokens import Declared, declared_in, with_added
from tokbench.formats.portable import Encode, Oracle, ReadOptions, ReadTokenizer, frame, mark_special
from tokbench.formats.vocabulary_files import LARGEST_TABLE, pairs_of, read_merges, read_table
from tokbench.io.json_files import WHOLE_COPY
from tokbench.io.library_errors import wrap_library_errors
from tokbench.recipes.llm_presets import CLIP_WORDS, QWEN_WORDS
from tokbench.tracing.spelling import byte_values

WORD_END = "</w>"
PARTNERS = {"vocab.json": "merges.txt", "encoder.json": "vocab.bpe"}  # OpenAI's own names for GPT-2's two
GPT2_CLASSES = frozenset({"", "PreTrainedTokenizer", "TokenizersBackend", "GPT2Tokenizer", "WhisperTokenizer",
                          "CodeGenTokenizer"})  # fmt: skip
ROBERTA_CLASSES = frozenset({"RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer"})
QWEN_CLASSES = frozenset({"Qwen2Tokenizer"})
CLASSES = GPT2_CLASSES | ROBERTA_CLASSES | QWEN_CLASSES | {"CLIPTokenizer"}
GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CLIP_MERGES = 49_152 - 256 - 2  # how many of its file's lines CLIP takes, the first one left out
FRAMES = (
    ("<start_of_text>", "<end_of_text>"),
    ("<|startoftext|>", "<|endoftext|>"),
)  # open_clip's and OpenAI's
ROBERTA_ROLES = {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "sep": "</s>", "pad": "<pad>", "cls": "<s>",
                 "mask": "<mask>"}  # fmt: skip


def read_vocab_and_merges(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of a vocab.json, or its merges.txt, and of the files beside it."""
    table, list_ = both_files(path)
    for file in (table, list_):
        if not file.is_file():
            raise FileError(f"{file} is missing beside {path}", fix=f"put {file.name} into {path.parent}")
    declared = declared_in(path.parent, options.tokenizer_class)
    if declared.name not in CLASSES:
        raise FileError(
            f"{path} belongs to a {declared.name}, which cuts texts by rules of its own",
            fix="name a vocab.json of GPT-2, RoBERTa, Qwen 2 or CLIP",
        )
    vocabulary = with_added(_sound(read_table(table), table), declared, name=str(table))
    merges = read_merges(list_)
    _refuse_other_words(vocabulary, table)
    if any(token.endswith(WORD_END) for token in vocabulary):
        return _clip(vocabulary, merges, (table, list_), declared)
    return _byte_level(vocabulary, merges, (table, list_), declared)


def read_clip_merges(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of CLIP's bpe_simple_vocab_16e6.txt.gz, packed or not; ids as open_clip counts them."""
    merges = pairs_of(_text(path), path)[:CLIP_MERGES]
    letters = list(byte_values_in_order())
    tokens = [*letters, *(letter + WORD_END for letter in letters), *(left + right for left, right in merges)]
    tokens += FRAMES[0]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise FileError(f"{path} makes one token by two merges", fix=WHOLE_COPY)
    return _clip(vocabulary, merges, (path,), Declared())


def byte_values_in_order() -> Mapping[str, int]:
    """GPT-2's letters in the order of its bytes_to_unicode: those that are printed first.

    >>> [*byte_values_in_order()][:3], [*byte_values_in_order()][188]
    (['!', '"', '#'], 'Ā')
    """
    return dict(sorted(byte_values().items(), key=lambda pair: ord(pair[0])))


def both_files(path: Path) -> tuple[Path, Path]:
    """vocab.json and merges.txt, whichever of the two is named; also gpt2-vocab.json and the like."""
    for table, list_ in PARTNERS.items():
        for own, other in ((table, list_), (list_, table)):
            if path.name.endswith(own):
                partner = path.with_name(path.name.removesuffix(own) + other)
                return (path, partner) if own == table else (partner, path)
    raise FileError(f"{path} is neither a vocab.json nor a merges.txt", fix="name one of the two")


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        return data[:LARGEST_TABLE].decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FileError(f"{path} is no whole list of merges", fix=WHOLE_COPY) from error


def _sound(vocabulary: dict[str, int], path: Path) -> dict[str, int]:
    if len(set(vocabulary.values())) != len(vocabulary) or min(vocabulary.values(), default=-1) < 0:
        raise FileError(f"{path} gives no id of its own to every token", fix=WHOLE_COPY)
    return vocabulary


def _refuse_other_words(vocabulary: Mapping[str, int], path: Path) -> None:
    """FileError for BPE that does not spell bytes: GPT-1's, CTRL's, XLM's, PhoBERT's."""
    known = sum(letter in vocabulary or letter + WORD_END in vocabulary for letter in byte_values())
    if known < 200:  # of 256; a small training may have left some out
        raise FileError(
            f"{path} has {known} of the 256 letters for bytes: it is BPE over words that other software cuts "
            "(GPT-1, CTRL, XLM, PhoBERT)",
            fix="name a vocab.json of GPT-2, RoBERTa, Qwen 2 or CLIP",
        )


def _byte_level(
    vocabulary: dict[str, int], merges: list[tuple[str, str]], files: tuple[Path, ...], declared: Declared
) -> ReadTokenizer:
    qwen, roberta = declared.name in QWEN_CLASSES, _is_roberta(vocabulary, declared)
    space = bool(declared.settings.get("add_prefix_space", False))
    usual = ROBERTA_ROLES if roberta else {} if qwen else _ends(vocabulary)
    named = {**usual, **declared.roles}
    roles = {role: token for role, token in named.items() if token in vocabulary}
    with wrap_library_errors(str(files[0])):
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=roles.get("unk") if qwen else None))
    letters = pre_tokenizers.ByteLevel(add_prefix_space=space, use_regex=not qwen)
    tokenizer.pre_tokenizer = letters
    if qwen:
        split = pre_tokenizers.Split(Regex(QWEN_WORDS), "isolated")
        tokenizer.normalizer, tokenizer.pre_tokenizer = (
            normalizers.NFC(),
            pre_tokenizers.Sequence([split, letters]),
        )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if roberta:
        sep, cls = ((roles[role], vocabulary[roles[role]]) for role in ("sep", "cls"))
        tokenizer.post_processor = processors.RobertaProcessing(
            sep, cls, trim_offsets=True, add_prefix_space=space
        )
    _add_declared(tokenizer, vocabulary, roles, declared)
    whose = "RoBERTa" if roberta else "Qwen 2" if qwen else "GPT-2"
    counts = f"{len(vocabulary):,} tokens, {len(merges):,} merges"
    said = f"{_named(files)} as byte-level BPE of {whose}'s kind, {counts}"
    pattern = QWEN_WORDS if qwen else GPT2_WORDS
    return ReadTokenizer(tokenizer, "merges", files, said, roles, declared.extra, declared.config, pattern)


def _is_roberta(vocabulary: Mapping[str, int], declared: Declared) -> bool:
    if declared.name in ROBERTA_CLASSES:
        return True
    return not declared.name.startswith(("GPT2", "Qwen")) and all(
        token in vocabulary for token in ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
    )


def _ends(vocabulary: Mapping[str, int]) -> dict[str, str]:
    end = "<|endoftext|>"
    return {"bos": end, "eos": end} if end in vocabulary else {}


def _add_declared(
    tokenizer: Tokenizer, vocabulary: Mapping[str, int], roles: Mapping[str, str], declared: Declared
) -> None:
    """Special tokens by role, list or flag, then plain ones; RoBERTa's mask takes the space before it."""
    flags = {each.token: {k: v for k, v in each.flags.items() if k not in ("special", "normalized")}
             for each in declared.added}  # fmt: skip
    special = sorted({*roles.values(), *declared.special} & vocabulary.keys(), key=vocabulary.__getitem__)
    mask = roles.get("mask")
    mark_special(
        tokenizer, {each: flags.get(each, {"lstrip": True} if each == mask else {}) for each in special}
    )
    plain = [each for each in declared.added if each.token not in special]
    tokenizer.add_tokens([AddedToken(each.token, **each.flags) for each in plain])


def _clip(
    vocabulary: dict[str, int], merges: list[tuple[str, str]], files: tuple[Path, ...], declared: Declared
) -> ReadTokenizer:
    first, last = next((pair for pair in FRAMES if set(pair) <= vocabulary.keys()), ("", ""))
    if not first:
        raise FileError(
            f"{_named(files)} has words that end in {WORD_END} and no token that CLIP begins a text with",
            fix="name the files of CLIP or open_clip",
        )
    with wrap_library_errors(str(files[0])):
        model = models.BPE(
            vocabulary, merges, unk_token=last, end_of_word_suffix=WORD_END, continuing_subword_prefix=""
        )
    tokenizer = Tokenizer(model)
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    words = pre_tokenizers.Split(Regex(CLIP_WORDS), "removed", invert=True)
    byte_letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, byte_letters])
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace(WORD_END, " "), decoders.Replace(Regex(r" \z"), "")]
    )
    pad = declared.roles.get("pad", last)
    roles = {"bos": first, "eos": last, "unk": last, "pad": pad if pad in vocabulary else last}
    _add_declared(tokenizer, vocabulary, roles, declared)
    frame(tokenizer, first, last, between=last)
    said = f"{_named(files)} as CLIP's BPE, {len(vocabulary):,} tokens, lower case, words end in {WORD_END}"
    config = {"model_max_length": 77, **declared.config}
    return ReadTokenizer(tokenizer, "clip", files, said, roles, declared.extra, config, CLIP_WORDS)


def _named(files: tuple[Path, ...]) -> str:
    return " and ".join([str(files[0]), *(each.name for each in files[1:])])


def merges_oracle(read: ReadTokenizer) -> Oracle:
    """Tiktoken, whose algorithm is GPT-2's: bytes first, then merges in their order; ranks back to ids."""
    values = byte_values()
    model = json.loads(read.tokenizer.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    tokens = [letter for letter in values if letter in vocabulary]
    tokens += dict.fromkeys("".join(pair) for pair in model["merges"])
    ranks = {bytes(values[letter] for letter in token): rank for rank, token in enumerate(tokens)}
    encode = tiktoken_encode(ranks, read.pattern)
    ids = [vocabulary[token] for token in tokens]
    return Oracle("tiktoken", lambda text: [ids[rank] for rank in encode(text)], unicode_form(read.tokenizer))


def tiktoken_encode(ranks: Mapping[bytes, int], pattern: str) -> Encode:
    """What tiktoken makes of a text, special tokens being text."""
    import tiktoken

    encoding = tiktoken.Encoding("read", pat_str=pattern, mergeable_ranks=dict(ranks), special_tokens={})
    encode: Encode = encoding.encode_ordinary
    return encode


def unicode_form(tokenizer: Tokenizer) -> Callable[[str], str]:
    """NFC or NFKC as Python does it, where the tokenizer does it too."""
    forms: dict[str, Callable[[str], str]] = {
        "NFC": partial(unicodedata.normalize, "NFC"),
        "NFKC": partial(unicodedata.normalize, "NFKC"),
    }
    return forms.get(type(tokenizer.normalizer).__name__, str)
