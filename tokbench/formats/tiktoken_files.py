"""tiktoken's ranks: bytes in base64 and their rank, a line each, or one JSON as the npm packages have it.

A .tiktoken file has no pattern and no special tokens. Both come from the encoding: named by the user, written
in the encoding.json that export puts beside it, or known by how many ranks there are and by the file's name;
the npm JSON has them inside. The merges are found again by rank.

Mistral's tekken.json is the same with special tokens in front: an id is the rank and their number; ranks
beyond the vocabulary's size are left out. Files up to version 7 name none of them: mistral-common
has their list.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokbench.errors import FileError, UsageError, clipped, plural
from tokbench.formats.byte_level_files import GPT2_WORDS, tiktoken_encode, unicode_form
from tokbench.formats.portable import Oracle, ReadOptions, ReadTokenizer, mark_special
from tokbench.formats.rank_merges import merges_by_rank
from tokbench.formats.vocabulary_files import LARGEST_TABLE
from tokbench.io.json_files import WHOLE_COPY, read_object
from tokbench.io.library_errors import library_errors_as, wrap_library_errors
from tokbench.native.byte_alphabet import byte_characters
from tokbench.recipes.llm_presets import CL100K_WORDS, END, FIM, O200K_WORDS, QWEN_WORDS
from tokbench.tracing.spelling import byte_values

MOST_BYTES = 128  # with more of the 256 as tokens, the others were lost
MOST_IDS = 2**32  # that the library can count
ENCODING_FILE = "encoding.json"  # what export writes beside the ranks


@dataclass(frozen=True)
class Encoding:
    """What a list of ranks does not say. ranks: how many it has; special: token → id; nfc: done to texts."""

    ranks: int
    pattern: str
    special: Mapping[str, int] = field(default_factory=dict)
    normalizer: str = ""
    files: tuple[str, ...] = ()


def _numbered(first: int, tokens: tuple[str, ...]) -> dict[str, int]:
    return {token: first + number for number, token in enumerate(tokens)}


# Whisper's languages in the order of its tokenizer.py; the last came with large-v3.
LANGUAGES = (  # noqa: SIM905  a row of codes
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur "
    "hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si "
    "km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha "
    "ba jw su yue "
).split()


def _whisper(first: int, languages: int) -> dict[str, int]:
    """The end, languages, tasks and times of openai-whisper's get_encoding, in its order."""
    tasks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    named = ("startoftranscript", *LANGUAGES[:languages], *tasks)
    times = (f"{number * 0.02:.2f}" for number in range(1501))
    return _numbered(first, (END, *(f"<|{each}|>" for each in (*named, *times))))


# As tiktoken's openai_public.py, Whisper's, Qwen's and Llama 3's own code have them.
ENCODINGS: dict[str, Encoding] = {
    "r50k_base": Encoding(50_256, GPT2_WORDS, {END: 50_256}, files=("r50k",)),
    "p50k_base": Encoding(50_280, GPT2_WORDS, {END: 50_256}, files=("p50k",)),
    "p50k_edit": Encoding(50_280, GPT2_WORDS, {END: 50_256} | _numbered(50_281, FIM), files=("p50k_edit",)),
    "cl100k_base": Encoding(
        100_256,
        CL100K_WORDS,
        {END: 100_257} | _numbered(100_258, FIM) | {"<|endofprompt|>": 100_276},
        files=("cl100k",),
    ),
    "o200k_base": Encoding(
        199_998, O200K_WORDS, {END: 199_999, "<|endofprompt|>": 200_018}, files=("o200k",)
    ),
    "llama3": Encoding(
        128_000,
        CL100K_WORDS,
        {"<|begin_of_text|>": 128_000, "<|end_of_text|>": 128_001},
        files=("llama",),
    ),
    "qwen": Encoding(
        151_643,
        QWEN_WORDS,
        _numbered(151_643, (END, "<|im_start|>", "<|im_end|>", *(f"<|extra_{at}|>" for at in range(205)))),
        normalizer="NFC",
        files=("qwen",),
    ),
    "whisper": Encoding(50_257, GPT2_WORDS, _whisper(50_257, 99), files=("multilingual",)),
    "whisper-v3": Encoding(50_257, GPT2_WORDS, _whisper(50_257, 100), files=("large-v3",)),
    "whisper-en": Encoding(50_256, GPT2_WORDS, _whisper(50_256, 99), files=("gpt2.tiktoken",)),
}


def read_tiktoken_file(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of a .tiktoken file, or of one of Llama 3's that is called tokenizer.model."""
    ranks = _ranks(path)
    if sum(len(token) == 1 for token in ranks) > MOST_BYTES:  # one that is missing says more than the number
        _refuse_missing_bytes(path, ranks)
    beside = None if options.encoding else _beside(path)
    if beside:
        encoding, roles, how = beside[0], beside[1], f"pattern of {ENCODING_FILE}"
    elif options.pattern and not options.encoding:
        encoding, roles, how = Encoding(len(ranks), options.pattern), None, "pattern as asked"
    else:
        name = _encoding_of(path, len(ranks), options.encoding)
        encoding, roles = ENCODINGS[name], None
        how = f"pattern of {name}" + ("" if options.encoding else ", known by its ranks")
        how += f" with {plural(len(encoding.special), 'special token')}" if name.startswith("whisper") else ""
    if options.pattern:
        encoding, how = replace(encoding, pattern=_sound_pattern(options.pattern)), f"{how}, pattern as asked"
    ranks.pop(b"", None)  # Whisper's file gives the last rank to no bytes at all
    return byte_bpe(path, ranks, encoding, kind="tiktoken", said=f"tiktoken's ranks, {how}", roles=roles)


def _beside(path: Path) -> tuple[Encoding, dict[str, str]] | None:
    """The encoding and the roles that export writes beside the ranks; None where it did not."""
    file = path.with_name(ENCODING_FILE)
    if not file.is_file():
        return None
    found = read_object(file)
    pattern, special, roles = (found.get(key) for key in ("pat_str", "special_tokens", "roles"))
    whole = isinstance(special, dict) and all(type(number) is int for number in special.values())
    if not (isinstance(pattern, str) and isinstance(special, dict) and whole):
        raise FileError(f"{file} has no pat_str and special_tokens of tiktoken", fix=WHOLE_COPY)
    named = {role: str(token) for role, token in roles.items()} if isinstance(roles, dict) else {}
    return Encoding(0, pattern, special), {role: each for role, each in named.items() if each in special}


def _sound_pattern(pattern: str) -> str:
    """The pattern, if the library can cut by it; UsageError where it cannot."""

    def refused(error: BaseException) -> UsageError:
        return UsageError(
            f"the pattern {clipped(pattern)} is no regular expression: {error}",
            fix="quote it for the shell, and give what tiktoken calls pat_str",
        )

    with library_errors_as(refused):
        Regex(pattern)
    return pattern


def read_npm_json(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of the JSON that npm's tiktoken, js-tiktoken and Anthropic's tokenizer ship."""
    found = read_object(path, limit=LARGEST_TABLE)
    pattern, special, packed = (found.get(key) for key in ("pat_str", "special_tokens", "bpe_ranks"))
    if not (isinstance(pattern, str) and isinstance(special, dict) and isinstance(packed, str)):
        raise FileError(f"{path} is no encoding of tiktoken: it needs pat_str, special_tokens and bpe_ranks",
                        fix=WHOLE_COPY)  # fmt: skip
    claude = "<META_START>" in special
    encoding = Encoding(0, pattern, special, normalizer="NFKC" if claude else "")
    said = "tiktoken's JSON, pattern from the file"
    said += ", NFKC before it as Claude's package does" if claude else ""
    return byte_bpe(path, dict(_unpacked(packed, path)), encoding, kind="tiktoken", said=said)


def byte_bpe(
    path: Path,
    ranks: Mapping[bytes, int],
    encoding: Encoding,
    *,
    kind: str,
    said: str,
    roles: Mapping[str, str] | None = None,
) -> ReadTokenizer:
    """Byte-level BPE of these ranks, which are the ids, cut by the encoding's pattern.

    Raises FileError for ranks with a byte or an id left out.
    """
    _refuse_gaps(path, ranks, encoding)
    merges, unmade = merges_by_rank(ranks)
    letters = byte_characters()
    spelt = {token: "".join(letters[byte] for byte in token) for token in ranks}
    vocabulary = {spelt[token]: rank for token, rank in ranks.items()} | dict(encoding.special)
    pairs = [(spelt[left], spelt[right]) for left, right in merges]
    with wrap_library_errors(str(path)):
        # a word that is a token as it stands needs no merges in tiktoken
        tokenizer = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=bool(unmade)))
        tokenizer.pre_tokenizer = _cutter(encoding.pattern)
    if encoding.normalizer:
        tokenizer.normalizer = getattr(normalizers, encoding.normalizer)()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    mark_special(
        tokenizer, {token: {} for token in sorted(encoding.special, key=encoding.special.__getitem__)}
    )
    known = roles if roles is not None else _roles(encoding.special)
    extra = tuple(token for token in encoding.special if token not in known.values())
    counted = f"{path} as {said}, {len(ranks):,} ranks, {len(pairs):,} merges"
    counted += f", {len(unmade):,} tokens that only whole words are" if unmade else ""
    return ReadTokenizer(tokenizer, kind, (path,), counted, known, extra, pattern=encoding.pattern)


def _cutter(pattern: str) -> Any:  # noqa: ANN401  PreTokenizer's stubs name no common class
    if pattern == GPT2_WORDS:
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), letters])


def _roles(special: Mapping[str, int]) -> dict[str, str]:
    if "<|begin_of_text|>" in special:
        return {"bos": "<|begin_of_text|>", "eos": "<|end_of_text|>"}
    end = next((token for token in (END, "<EOT>") if token in special), "")
    return {"eos": end} if end else {}


def _ranks(path: Path) -> dict[bytes, int]:
    """Bytes → rank of a .tiktoken file; every line is looked at."""
    ranks: dict[bytes, int] = {}
    for line, words in enumerate(path.read_bytes().splitlines(), 1):
        if not words.strip():
            continue
        try:
            token, rank = words.split()
            added = base64.b64decode(b"" if token == b"=" else token, validate=True), int(rank)
        except (ValueError, binascii.Error) as error:
            raise FileError(f"{path} has no token and rank in line {line:,}", fix=WHOLE_COPY) from error
        if added[0] in ranks:
            raise FileError(f"{path} has {clipped(added[0])} a second time in line {line:,}", fix=WHOLE_COPY)
        ranks[added[0]] = added[1]
    return ranks


def _unpacked(packed: str, path: Path) -> Iterator[tuple[bytes, int]]:
    """Tokens and ranks of npm's lines: a mark, the first rank, then tokens of ascending ranks."""
    for line in packed.splitlines():
        try:
            _, first, *tokens = line.split(" ")
            for number, token in enumerate(tokens, int(first)):
                yield base64.b64decode(token, validate=True), number
        except (ValueError, binascii.Error) as error:
            raise FileError(f"{path} has bpe_ranks that are not base64", fix=WHOLE_COPY) from error


def _encoding_of(path: Path, ranks: int, wanted: str) -> str:
    if wanted and wanted not in ENCODINGS:
        raise UsageError(f"there is no encoding {wanted}", fix=f"known: {', '.join(ENCODINGS)}")
    if wanted:
        return wanted
    fitting = [name for name, each in ENCODINGS.items() if each.ranks == ranks]
    named = [name for name in fitting if any(word in path.name for word in ENCODINGS[name].files)]
    found = (*named, *fitting)
    if not found:
        raise FileError(
            f"{path} has {ranks:,} ranks and no pattern, and no encoding is known by that number",
            fix=f"say whose pattern it has: tokbench convert {shlex.quote(str(path))} --encoding cl100k_base "
            f"-o my-tok; known: {', '.join(ENCODINGS)}; or give its own by --pattern",
        )
    return found[0]


def _refuse_missing_bytes(path: Path, ranks: Mapping[bytes, int]) -> None:
    missing = next((byte for byte in range(256) if bytes([byte]) not in ranks), None)
    if missing is not None:
        raise FileError(f"{path} has no token for the byte 0x{missing:02X}", fix=WHOLE_COPY)


def _refuse_gaps(path: Path, ranks: Mapping[bytes, int], encoding: Encoding) -> None:
    """FileError unless bytes and ids are all there, and every id is one token's."""
    _refuse_missing_bytes(path, ranks)
    lowest = min(ranks.values())
    if lowest < 0:
        raise FileError(f"{path} gives the rank {lowest}", fix=WHOLE_COPY)
    held = {*ranks.values()}
    for token, number in encoding.special.items():
        if type(number) is not int or not 0 <= number < MOST_IDS or number in held:
            raise FileError(
                f"{path} gives {clipped(token)} the id {number!r}, which cannot be its own", fix=WHOLE_COPY
            )
        if not token or any("\ud800" <= letter <= "\udfff" for letter in token):
            raise FileError(f"{path} has a special token that is no text: {token!a}", fix=WHOLE_COPY)
    taken = {*ranks.values(), *encoding.special.values()}
    if len({*ranks.values()}) != len(ranks):
        raise FileError(f"{path} gives one rank to two tokens", fix=WHOLE_COPY)
    gap = next((number for number in range(max(ranks.values())) if number not in taken), None)
    if gap is not None:
        raise FileError(f"{path} has no token of rank {gap:,}", fix=WHOLE_COPY)


TEKKEN_VERSIONS = ("v1", "v2", "v3", "v7", "v11", "v13", "v15")
WITHOUT_TOKENS = ("v1", "v2", "v3", "v7")
# DEPRECATED_SPECIAL_TOKENS of mistral-common 1.13
TEKKEN_SPECIAL = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
    "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
)  # fmt: skip
TEKKEN_ROLES = {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "pad": "<pad>"}


def read_tekken(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of a tekken.json; FileError for versions that are not known, and for damaged files."""
    found = read_object(path, limit=LARGEST_TABLE)
    config = found.get("config")
    version = config.get("version") if isinstance(config, dict) else None
    if version not in TEKKEN_VERSIONS:
        raise FileError(
            f"{path} is a tekken.json of version {version}, and {', '.join(TEKKEN_VERSIONS)} can be read",
            fix="take a tekken.json of one of these versions",
        )
    try:
        pattern, special, ranks = _parts(found, version in WITHOUT_TOKENS)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise FileError(f"{path} is no whole tekken.json: {_missing(error)}", fix=WHOLE_COPY) from error
    said = f"Mistral's tekken.json {version}, {len(special):,} special tokens in front"
    roles = {role: token for role, token in TEKKEN_ROLES.items() if token in special}
    return byte_bpe(path, ranks, Encoding(0, pattern, special), kind="tekken", said=said, roles=roles)


def _parts(found: Mapping[str, Any], listless: bool) -> tuple[str, dict[str, int], dict[bytes, int]]:
    """The pattern; special token → id; bytes → id."""
    config = found["config"]
    before = int(config["default_num_special_tokens"])
    kept = int(config["default_vocab_size"]) - before
    ranks = {base64.b64decode(each["token_bytes"], validate=True): before + int(each["rank"])
             for each in found["vocab"] if int(each["rank"]) < kept}  # fmt: skip
    if len(ranks) != kept:
        raise ValueError(f"{len(ranks):,} of {kept:,} tokens")
    listed = found.get("special_tokens")
    if listed is None and not listless:
        raise KeyError("special_tokens")
    named = (
        dict(enumerate(TEKKEN_SPECIAL))
        if listed is None
        else {int(each["rank"]): str(each["token_str"]) for each in listed}
    )
    special = {named.get(number, f"<SPECIAL_{number}>"): number for number in range(before)}
    return str(config["pattern"]), special, ranks


def _missing(error: Exception) -> str:
    return f"it lacks {error.args[0]}" if isinstance(error, KeyError) else " ".join(str(error).split())


def tiktoken_oracle(read: ReadTokenizer) -> Oracle:
    """Tiktoken itself, with the ranks that were read."""
    special = {each.content for each in read.tokenizer.get_added_tokens_decoder().values()}
    values = byte_values()
    vocabulary = read.tokenizer.get_vocab(with_added_tokens=False)
    ranks = {bytes(values[letter] for letter in token): number for token, number in vocabulary.items()
             if token not in special}  # fmt: skip
    return Oracle("tiktoken", tiktoken_encode(ranks, read.pattern), unicode_form(read.tokenizer))


def tekken_oracle(read: ReadTokenizer) -> Oracle:
    """Mistral's own package."""
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    tekken = Tekkenizer.from_file(str(read.files[0]))
    return Oracle("mistral-common", lambda text: list(tekken.encode(text, bos=False, eos=False)))
