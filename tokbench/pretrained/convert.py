"""A tokenizer of another format, written as a portable folder, and the proof that its ids are the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from tokbench.corpus.reading import CorpusSource, as_corpus
from tokbench.corpus.samples import shipped
from tokbench.errors import FileError, UsageError
from tokbench.formats.hard_texts import HARD_TEXTS
from tokbench.formats.oracles import NoOracle, oracle_for, specials_as_text
from tokbench.io.atomic import ensure_writable
from tokbench.native.word_counter import texts_of
from tokbench.pretrained.folder import ForeignFolder, load
from tokbench.pretrained.wrap import wrap
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.formats.portable import Oracle, ReadTokenizer

SHIPPED = ("english.txt", "korean.txt", "code.txt", "mixed.txt")


@dataclass(frozen=True)
class DifferingText:
    """A text that two tokenizers encode otherwise, and the tokens of both."""

    text: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


@dataclass(frozen=True)
class IdProof:
    """What the format's own package says of the ids.

    package: who encoded the texts, "" for nobody: `why` says why, and `fix` what helps. texts: how many were
    compared, of which `differing` have other ids, and `first` is the first of these. left_out: texts that
    hold a special token, which SentencePiece never meets in a text.
    """

    package: str
    texts: int = 0
    differing: int = 0
    left_out: int = 0
    first: DifferingText | None = None
    why: str = ""
    fix: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class Conversion(Result, kind="conversion"):
    """What was read, from where, and how its ids were proved; `output` is "" where too many differ.

    allowed: how many texts may differ.
    """

    source: str
    output: str
    format: str
    read: str
    tokens: int
    allowed: int
    proof: IdProof

    @property
    def passed(self) -> bool:
        """Whether no more texts differ than may; also where nobody could be asked."""
        return self.proof.differing <= self.allowed


def convert(
    path: str | Path,
    output: str | Path,
    *,
    cased: bool | None = None,
    encoding: str = "",
    prove: CorpusSource | None = None,
    allow: int = 0,
    force: bool = False,
) -> Conversion:
    r"""Read a tokenizer of any format and write the portable folder, once its ids are proved.

    The format's own package encodes hard texts and the corpora that ship, or `prove`; where more than `allow`
    texts get other ids nothing is written. `cased` and `encoding` are those of load. Raises FileError for
    what is no tokenizer, and for an output that is there already and not `force`, UsageError for a folder
    that has a tokenizer.json.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     vocabulary = Path(place) / "vocab.txt"
    ...     size = vocabulary.write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\ncat\n##s\n")
    ...     converted = convert(vocabulary, Path(place) / "tok", prove=["cats and hats"])
    >>> converted.format, converted.tokens, converted.proof.texts, converted.proof.differing
    ('vocab', 6, 1, 0)
    """
    ensure_writable(Path(output), force=force)
    folder = load(path, cased=cased, encoding=encoding)
    if not isinstance(folder, ForeignFolder):
        raise UsageError(
            f"{path} has a tokenizer.json already",
            fix=f"tokbench wrap {shlex.quote(str(path))} -o {shlex.quote(str(output))}",
        )
    read = folder.found
    proof = _proved(read, _texts(prove))
    passed = proof.differing <= allow
    if passed:
        wrap(folder, output, model_max_length=read.config.get("model_max_length"), force=force)
    return Conversion(
        source=str(path),
        output=str(output) if passed else "",
        format=read.kind,
        read=read.said,
        tokens=read.tokenizer.get_vocab_size(),
        allowed=allow,
        proof=proof,
    )


def _texts(corpus: CorpusSource | None) -> Iterable[str]:
    if corpus is None:
        yield from HARD_TEXTS
        try:
            corpus = [str(shipped(name)) for name in SHIPPED]
        except FileError:  # an installation without them: the hard texts are what there is
            return
    for batch in as_corpus(corpus):
        yield from texts_of(batch)


def _proved(read: ReadTokenizer, texts: Iterable[str]) -> IdProof:
    oracle = oracle_for(read)
    if isinstance(oracle, NoOracle):
        return IdProof("", why=oracle.why, fix=oracle.fix)
    tokenizer = specials_as_text(read.tokenizer)
    special = [each.content for each in tokenizer.get_added_tokens_decoder().values()]
    never = special if read.kind == "sentencepiece" else []
    compared = differing = left_out = 0
    first: DifferingText | None = None
    for text in texts:
        if any(token in text for token in never):
            left_out += 1
            continue
        compared += 1
        found = _difference(tokenizer, oracle, text)
        differing += found is not None
        first = first or found
    return IdProof(oracle.package, compared, differing, left_out, first)


def _difference(tokenizer: Tokenizer, oracle: Oracle, text: str) -> DifferingText | None:
    given = oracle.prepare(text)
    ours, theirs = tokenizer.encode(given, add_special_tokens=False).ids, list(oracle.encode(given))
    if ours == theirs:
        return None
    names = [tuple(str(tokenizer.id_to_token(number)) for number in ids) for ids in (ours, theirs)]
    return DifferingText(text, names[0], names[1])
