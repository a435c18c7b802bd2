"""BERT's vocab.txt: a piece a line, ## where it continues a word; the file does not say whether case is kept.

The tokenizer is BERT's: BertNormalizer, cut at spaces and signs, then the longest piece first (WordPiece;
Devlin et al. 2019). What lower-casing and taking accents away would change can never be met in a text that
went through them: such pieces tell a cased vocabulary from an uncased one.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tokbench.errors import FileError, clipped
from tokbench.formats.declared_tokens import Declared, declared_in, with_added
from tokbench.formats.portable import Oracle, ReadOptions, ReadTokenizer, frame, mark_special
from tokbench.formats.vocabulary_files import read_lines
from tokbench.io.library_errors import wrap_library_errors

ROLES = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
CASED_SHARE = 0.01  # bert-base-cased has 40 % such pieces, bert-base-uncased none
CLASSES = frozenset({
    "", "PreTrainedTokenizer", "TokenizersBackend", "BertTokenizer", "DistilBertTokenizer",
    "ElectraTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer", "ConvBertTokenizer",
    "LayoutLMTokenizer", "RetriBertTokenizer", "DPRQuestionEncoderTokenizer",
})  # fmt: skip


def read_bert_vocab(path: Path, options: ReadOptions) -> ReadTokenizer:
    """The tokenizer of a vocab.txt and of the files beside it; FileError for lists that are not BERT's."""
    declared = declared_in(path.parent, options.tokenizer_class)
    if declared.name not in CLASSES:
        raise FileError(
            f"{path} belongs to a {declared.name}, which cuts texts by rules of its own",
            fix="name a vocab.txt of BERT",
        )
    vocabulary = with_added(_unique_lines(path), declared, name=str(path))
    roles = {role: token for role, token in {**ROLES, **declared.roles}.items() if token in vocabulary}
    if "unk" not in roles:
        raise FileError(f"{path} is no vocabulary of BERT: it has no [UNK]", fix="name a vocab.txt of BERT")
    cased, why = _casing(vocabulary, declared, options.cased)
    tokenizer = _tokenizer(vocabulary, roles, declared, cased=cased, name=str(path))
    said = (
        f"{path} as BERT's vocab.txt, {len(vocabulary):,} pieces, {'cased' if cased else 'uncased'} ({why})"
    )
    config = {"model_max_length": 512, **declared.config}
    return ReadTokenizer(tokenizer, "vocab", (path,), said, roles, declared.extra, config)


def _unique_lines(path: Path) -> dict[str, int]:
    vocabulary = read_lines(path, unique=True)
    for token in vocabulary:
        if " " in token.strip():
            raise FileError(
                f"{path} has {clipped(token)} in line {vocabulary[token] + 1:,}, with a space inside",
                fix="name a vocab.txt of BERT, which has a piece a line",
            )
    return vocabulary


def _casing(vocabulary: Iterable[str], declared: Declared, wanted: bool | None) -> tuple[bool, str]:
    """Whether case is kept, and how that is known."""
    if wanted is not None:
        return wanted, "as asked"
    said = declared.settings.get("do_lower_case")
    if isinstance(said, bool):
        return not said, f"tokenizer_config.json: do_lower_case {str(said).lower()}"
    lower = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, lowercase=True)
    words = [piece.removeprefix("##") for piece in vocabulary if not piece.startswith(("[", "<"))]
    changed = [word for word in words if lower.normalize_str(word) != word]
    shown = f"{len(changed):,} of its {len(words):,} pieces have capitals or accents"
    return len(changed) > CASED_SHARE * len(words), shown


def _tokenizer(
    vocabulary: dict[str, int], roles: dict[str, str], declared: Declared, *, cased: bool, name: str
) -> Tokenizer:
    settings = declared.settings
    with wrap_library_errors(name):
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=roles["unk"]))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        strip_accents=settings.get("strip_accents"),
        lowercase=not cased,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    named = {*roles.values(), *declared.special} & vocabulary.keys()
    special = sorted(named, key=vocabulary.__getitem__)
    mark_special(tokenizer, {each: {} for each in special})
    plain = [each for each in declared.added if each.token not in special]
    tokenizer.add_tokens([AddedToken(each.token, **each.flags) for each in plain])
    if "cls" in roles and "sep" in roles:
        frame(tokenizer, roles["cls"], roles["sep"], segments=True)
    return tokenizer


def bert_oracle(read: ReadTokenizer) -> Oracle:
    """Transformers' Python code, which composes a text first, as neither BERT's own nor the fast one does."""
    from transformers.models.bert import tokenization_bert_legacy

    legacy: Any = tokenization_bert_legacy
    normal = json.loads(read.tokenizer.normalizer.__getstate__())
    unknown, vocabulary = read.roles["unk"], read.tokenizer.get_vocab()
    cutter = legacy.BasicTokenizer(
        do_lower_case=normal["lowercase"],
        strip_accents=normal["strip_accents"],
        tokenize_chinese_chars=normal["handle_chinese_chars"],
    )
    pieces = legacy.WordpieceTokenizer(vocabulary, unknown)

    def encode(text: str) -> list[int]:
        return [vocabulary[piece] for word in cutter.tokenize(text) for piece in pieces.tokenize(word)]

    compose = partial(unicodedata.normalize, "NFC")
    return Oracle("transformers' BERT in Python", encode, compose)
