"""SentencePiece's .model: its pieces, its normalizer's table and its options, as blocks of the library.

Its normalizer (Kudo and Richardson 2018) maps characters by a table, takes spaces away at both ends and makes
one of several, puts a space in front, and writes spaces as ▁: each of these is a block here, in that order,
so that every text is one word for the model, as SentencePiece has it. BPE merges two neighbours whose join is
a piece, the best score first, so its merges are found by rank as tiktoken's are. User-defined pieces are cut
out before merging. What differs: the library's Precompiled takes the first match of the table where
SentencePiece takes the longest, and its Unigram adds scores up with 64 bits where SentencePiece has 32, so
paths that are equally good may be cut elsewhere. XLM-R, CamemBERT and mBART were trained with fairseq,
which puts tokens of its own in front and behind: their ids are the pieces' moved, as their classes say.
Control pieces (<s>) never come from a text in SentencePiece; here they are special tokens, which do.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokbench.errors import FileError, clipped, plural
from tokbench.formats.declared_tokens import Declared, declared_in
from tokbench.formats.portable import Oracle, ReadOptions, ReadTokenizer, frame, mark_special
from tokbench.formats.rank_merges import merges_by_rank
from tokbench.formats.vocabulary_files import is_ranks, read_tiktoken, whole_bytes
from tokbench.io.extras import has, require
from tokbench.io.json_files import WHOLE_COPY
from tokbench.io.library_errors import wrap_library_errors

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6  # ModelProto.SentencePiece.Type
UNIGRAM, BPE = 1, 2  # TrainerSpec.ModelType
TYPES = {UNIGRAM: "Unigram", BPE: "BPE", 3: "words", 4: "characters"}
SPACE = "▁"
CLASSES = {"LlamaTokenizer": ("bos", ""), "CodeLlamaTokenizer": ("bos", ""), "GemmaTokenizer": ("bos", ""),
           "T5Tokenizer": ("", "eos"), "AlbertTokenizer": ("cls", "sep")}  # fmt: skip
# What takes away spaces at both ends, and all but one inside: a regular expression and what is put in.
STRIPPED, COLLAPSED = (r"\A +|[ ▁]+\z", ""), (" {2,}", " ")
LANGUAGES = (
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV "
    "my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN"
)
MORE_LANGUAGES = (
    "af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX "
    "sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI"
)
PLAIN = ("", "PreTrainedTokenizer", "TokenizersBackend")


@dataclass(frozen=True)
class Fairseq:
    """How a class moves the pieces' ids, as its Python code in transformers 4 does.

    front: the tokens before the pieces; skipped: how many pieces they stand for. languages: codes behind the
    pieces, before <mask>. single, pair: the templates, with the language of the config.
    """

    front: tuple[str, ...] = ("<s>", "<pad>", "</s>", "<unk>")
    skipped: int = 3
    languages: tuple[str, ...] = ()
    single: str = "<s> $A </s>"
    pair: str = "<s> $A </s> </s> $B </s>"


FAIRSEQ = {
    "XLMRobertaTokenizer": Fairseq(),
    "CamembertTokenizer": Fairseq(("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"), 1),
    "MBartTokenizer": Fairseq(
        languages=tuple(LANGUAGES.split()), single="$A </s> {language}", pair="$A $B </s> {language}"
    ),
    "MBart50Tokenizer": Fairseq(
        languages=(*LANGUAGES.split(), *MORE_LANGUAGES.split()),
        single="{language} $A </s>",
        pair="{language} $A $B </s>",
    ),
}
MISTRAL_FILE = re.compile(r"\.model\.v\d+(m\d+)?$")
FAIRSEQ_FILE = "sentencepiece.bpe.model"  # the name of all of these, and of others
ASK_FAIRSEQ = (
    ", with its own ids; XLM-R, CamemBERT and mBART move them: --tokenizer-class XLMRobertaTokenizer"
)
FAIRSEQ_ROLES = {"bos": "<s>", "eos": "</s>", "sep": "</s>", "cls": "<s>", "unk": "<unk>", "pad": "<pad>",
                 "mask": "<mask>"}  # fmt: skip


@dataclass(frozen=True)
class ModelPiece:
    """A piece with its score and type."""

    text: str
    score: float
    type: int


@dataclass(frozen=True)
class Model:
    """What a .model says, without what only training needs."""

    type: int
    pieces: tuple[ModelPiece, ...]
    charsmap: bytes
    dummy_prefix: bool
    collapses_spaces: bool
    escapes_spaces: bool
    suffix: bool
    byte_fallback: bool

    def of(self, *types: int) -> dict[str, int]:
        """ModelPiece → id of these types."""
        return {piece.text: number for number, piece in enumerate(self.pieces) if piece.type in types}


def read_model_proto(path: Path) -> Model:
    """The model in a file, by SentencePiece's own description of it.

    Raises FileError for a damaged file, MissingExtraError without sentencepiece and protobuf.
    """
    for package, named in (("sentencepiece", ""), ("google.protobuf", "protobuf")):
        require(package, extra="sentencepiece", what=f"reading {path}", named=named)
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    data = whole_bytes(path)
    try:
        proto.ParseFromString(data)
    except DecodeError as error:
        raise FileError(f"{path} is no whole SentencePiece model", fix=WHOLE_COPY) from error
    if not proto.pieces or not proto.HasField("trainer_spec"):
        raise FileError(f"{path} is no whole SentencePiece model: it lacks {_lacking(proto)}", fix=WHOLE_COPY)
    spec, normal = proto.trainer_spec, proto.normalizer_spec
    return Model(
        type=spec.model_type,
        pieces=tuple(ModelPiece(each.piece, each.score, each.type) for each in proto.pieces),
        charsmap=bytes(normal.precompiled_charsmap),
        dummy_prefix=normal.add_dummy_prefix,
        collapses_spaces=normal.remove_extra_whitespaces,
        escapes_spaces=normal.escape_whitespaces,
        suffix=spec.treat_whitespace_as_suffix,
        byte_fallback=spec.byte_fallback,
    )


def read_pieces(path: Path) -> dict[str, int]:
    """Piece → id of a *.model; Llama 3 and GLM call tiktoken's ranks so, which are spelt in byte letters."""
    if is_ranks(whole_bytes(path)):
        return read_tiktoken(path)
    found: dict[str, int] = {}
    for number, piece in enumerate(read_model_proto(path).pieces):
        found.setdefault(piece.text, number)
    return found


def _lacking(proto: Any) -> str:  # noqa: ANN401  a message of protobuf
    return "its options" if proto.pieces else "pieces"


def read_sentencepiece(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of a .model and of the files beside it."""
    model = read_model_proto(path)
    declared = declared_in(path.parent, options.tokenizer_class)
    _refuse_unlike(model, declared, path)
    moved = FAIRSEQ.get(declared.name)
    model = _moved(model, moved, path) if moved else model
    tokenizer = Tokenizer(_unigram(model, path) if model.type == UNIGRAM else _bpe(model, path))
    tokenizer.normalizer = _normalizer(model)
    defined = model.of(USER_DEFINED)
    if defined and model.type == BPE:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(defined_words(defined)), "isolated")
    tokenizer.decoder = _decoder(model)
    roles, extra = _specials(model, declared)
    special = (*model.of(UNKNOWN), *model.of(CONTROL))
    mark_special(
        tokenizer, {token: {"lstrip": True} if moved and token == "<mask>" else {} for token in special}
    )
    _add_beyond(tokenizer, declared, path)
    said = f"{path} as SentencePiece's {TYPES[model.type]}, {_told(model)}"
    if moved:
        said += f", {_frame_fairseq(tokenizer, moved, declared)}"
    else:
        _frame(tokenizer, roles, declared)
        said += ASK_FAIRSEQ if path.name == FAIRSEQ_FILE else ""
    return ReadTokenizer(tokenizer, "sentencepiece", (path,), said, roles, extra, declared.config)


def defined_words(defined: Mapping[str, int]) -> str:
    r"""The regular expression of user-defined pieces, the longest first, of equal ones the lowest id.

    >>> print(defined_words({"a": 5, "a.b": 7, "b": 3}))
    a\.b|b|a
    """
    ordered = sorted(defined, key=lambda each: (-len(each), defined[each]))
    return "|".join(re.escape(each) for each in ordered)


def _refuse_unlike(model: Model, declared: Declared, path: Path) -> None:
    """FileError for what no blocks of the library do."""
    if declared.name not in (*PLAIN, *CLASSES, *FAIRSEQ):
        why = f"belongs to a {declared.name}, whose ids or texts differ from SentencePiece's"
    elif model.type not in (UNIGRAM, BPE):
        why = f"is SentencePiece's model of {TYPES.get(model.type, model.type)}, not BPE or Unigram"
    elif model.suffix:
        why = "puts its mark for spaces behind words (treat_whitespace_as_suffix)"
    elif model.of(UNUSED):
        why = f"has {plural(len(model.of(UNUSED)), 'piece')} that may not be used, which the library has not"
    elif len(model.of(UNKNOWN)) != 1 or len({each.text for each in model.pieces}) != len(model.pieces):
        why = "has a piece twice, or not one unknown piece"
    else:
        return
    raise FileError(f"{path} {why}", fix="encode with the package sentencepiece itself")


def _moved(model: Model, moved: Fairseq, path: Path) -> Model:
    """The pieces as fairseq numbers them."""
    first = [(piece.text, piece.type) for piece in model.pieces[:3]]
    if first != [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]:
        raise FileError(
            f"{path} does not begin with <unk>, <s> and </s>, as models of fairseq do",
            fix="take the sentencepiece.bpe.model of the model's own repository",
        )

    def added(token: str) -> ModelPiece:
        return ModelPiece(
            token, -100.0 if token == "<unk>NOTUSED" else 0.0, UNKNOWN if token == "<unk>" else CONTROL
        )

    behind = (*moved.languages, "<mask>")
    pieces = (*map(added, moved.front), *model.pieces[moved.skipped :], *map(added, behind))
    return replace(model, pieces=pieces)


def _frame_fairseq(tokenizer: Tokenizer, moved: Fairseq, declared: Declared) -> str:
    """Put the class's tokens around texts; what is said of its ids and of its language."""
    language = str(declared.settings.get("src_lang") or "en_XX") if moved.languages else ""
    if moved.languages and language not in moved.languages:
        raise FileError(
            f"{declared.name} has no language {clipped(language)}", fix="correct src_lang in its config"
        )
    single, pair = (each.format(language=language) for each in (moved.single, moved.pair))
    named = dict.fromkeys(word for word in f"{single} {pair}".split() if not word.startswith("$"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(each, tokenizer.token_to_id(each)) for each in named]
    )
    spoken = f", {plural(len(moved.languages), 'language')}, texts are {language}" if language else ""
    return f"ids moved as {declared.name} does{spoken}"


def rounded(score: float) -> float:
    """The nearest number of 32 bits, which SentencePiece's scores have."""
    nearest: float = struct.unpack("f", struct.pack("f", score))[0]
    return nearest


def _unigram(model: Model, path: Path) -> models.Model:
    """Scores as they are; a byte's piece must never be met as text, a user-defined one always.

    A user-defined piece has length * max_score - 0.1 in SentencePiece's unigram_model.cc, where max_score
    begins at FLT_MIN, so that it is 0 unless a score is above it.
    """
    scores = [each.score for each in model.pieces if each.type == NORMAL]
    low, high = min(scores, default=0.0), max([*scores, 0.0])
    never = 8 * (low - 10)  # below the six characters of <0x41> even if each was unknown
    defined = {
        each.text: len(each.text.encode()) * high - 0.1 for each in model.pieces if each.type == USER_DEFINED
    }
    vocabulary = [
        (each.text, never if each.type == BYTE else rounded(defined.get(each.text, each.score)))
        for each in model.pieces
    ]
    unknown = next(iter(model.of(UNKNOWN).values()))
    with wrap_library_errors(str(path)):
        return models.Unigram(vocabulary, unk_id=unknown, byte_fallback=model.byte_fallback)


def _bpe(model: Model, path: Path) -> models.Model:
    """Merges by score; of equal scores the longest first.

    SentencePiece takes the leftmost of equal pairs, so that a run of spaces grows from its left (Mistral
    scores all of them alike): that order does the same in merges, which have no ties.
    """
    met = [piece for piece in model.pieces if piece.type in (NORMAL, USER_DEFINED)]
    ordered = sorted(met, key=lambda piece: (-piece.score, -len(piece.text)))
    ranks = {piece.text: rank for rank, piece in enumerate(ordered)}
    merges, _ = merges_by_rank(ranks, (piece.text for piece in met if piece.type == NORMAL))
    vocabulary = {piece.text: number for number, piece in enumerate(model.pieces)}
    known = [(left, right) for left, right in merges if left in vocabulary and right in vocabulary]
    with wrap_library_errors(str(path)):
        return models.BPE(
            vocabulary,
            known,
            unk_token=next(iter(model.of(UNKNOWN))),
            fuse_unk=True,
            byte_fallback=model.byte_fallback,
            ignore_merges=bool(model.of(USER_DEFINED)),
        )


def _normalizer(model: Model) -> normalizers.Normalizer | None:
    steps: list[normalizers.Normalizer] = []
    if model.charsmap:
        steps.append(normalizers.Precompiled(model.charsmap))
    if model.collapses_spaces:
        steps += [normalizers.Replace(Regex(sought), put) for sought, put in (STRIPPED, COLLAPSED)]
    if model.dummy_prefix:
        steps.append(normalizers.Prepend(SPACE if model.escapes_spaces else " "))
    if model.escapes_spaces:
        steps.append(normalizers.Replace(" ", SPACE))
    return normalizers.Sequence(steps) if steps else None


def _decoder(model: Model) -> decoders.Decoder:
    steps: list[Any] = [decoders.Replace(SPACE, " ")]
    if model.byte_fallback:
        steps.append(decoders.ByteFallback())
    steps.append(decoders.Fuse())
    if model.dummy_prefix:
        steps.append(decoders.Strip(" ", 1, 0))
    return decoders.Sequence(steps)


def _specials(model: Model, declared: Declared) -> tuple[dict[str, str], tuple[str, ...]]:
    """Roles by the usual spellings among control pieces, or as the files beside it say; the rest is extra."""
    control = model.of(CONTROL)
    spelt = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    roles = {"unk": next(iter(model.of(UNKNOWN)))}
    spelt = FAIRSEQ_ROLES if declared.name in FAIRSEQ else spelt
    roles |= {role: token for role, token in spelt.items() if token in control}
    pieces = {each.text for each in model.pieces} | {each.token for each in declared.added}
    roles |= {role: token for role, token in declared.roles.items() if token in pieces}
    others = (*control, *declared.extra)
    return roles, tuple(each for each in dict.fromkeys(others) if each not in roles.values())


def _add_beyond(tokenizer: Tokenizer, declared: Declared, path: Path) -> None:
    """The tokens that were added behind the pieces, whose ids follow one another."""
    from tokenizers import AddedToken

    for each in declared.added:
        flags = {"special": each.token in declared.special, "normalized": False, **each.flags}
        tokenizer.add_tokens([AddedToken(each.token, **flags)])
        if tokenizer.token_to_id(each.token) != each.id:
            raise FileError(
                f"{path} has {tokenizer.get_vocab_size():,} tokens, and the files beside it add {each.token} "
                f"at {each.id:,}",
                fix="take all files of the folder from one version of the tokenizer",
            )


def _frame(tokenizer: Tokenizer, roles: Mapping[str, str], declared: Declared) -> None:
    """What the class puts around a text; nothing for a bare .model, as SentencePiece does."""
    first, last = CLASSES.get(declared.name, ("", ""))
    for end, option in (("bos", "add_bos_token"), ("eos", "add_eos_token")):
        wanted = declared.settings.get(option)
        if wanted is not None and declared.name in CLASSES:
            first = (end if wanted else "") if end == "bos" else first
            last = (end if wanted else "") if end == "eos" else last
    if first or last:
        frame(
            tokenizer, roles.get(first, ""), roles.get(last, ""), segments=declared.name == "AlbertTokenizer"
        )


def _told(model: Model) -> str:
    counts = [
        (model.of(CONTROL), "control"),
        (model.of(USER_DEFINED), "user-defined"),
        (model.of(BYTE), "byte"),
    ]
    told: Sequence[str] = [f"{len(found):,} {kind}" for found, kind in counts if found]
    inside = f" ({', '.join(told)})" if told else ""
    return f"{plural(len(model.pieces), 'piece')}{inside}"


def sentencepiece_oracle(read: ReadTokenizer) -> Oracle:
    """SentencePiece itself; Mistral's own package for its tokenizer.model.v1 and later, where it is there."""
    if MISTRAL_FILE.search(read.files[0].name) and has("mistral_common"):
        return mistral_oracle(read)
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(read.files[0]))
    never = [each.content for each in read.tokenizer.get_added_tokens_decoder().values()]
    # its ids, or where a class moves them: by the pieces' spellings
    ids = [read.tokenizer.token_to_id(processor.id_to_piece(number)) for number in range(len(processor))]

    def encode(text: str) -> list[int]:
        return [ids[number] for number in processor.encode(text)]

    return Oracle("sentencepiece", encode, never=never)


def mistral_oracle(read: ReadTokenizer) -> Oracle:
    """Mistral's own package."""
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer

    tokenizer = SentencePieceTokenizer(str(read.files[0]))
    never = [each.content for each in read.tokenizer.get_added_tokens_decoder().values()]
    return Oracle(
        "mistral-common", lambda text: list(tokenizer.encode(text, bos=False, eos=False)), never=never
    )
