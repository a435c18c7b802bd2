"""A tokenizer of another format, written as a portable folder, and the proof that its ids are the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import UsageError
from tokbench.formats.id_proof import IdProof, proof_texts, prove_ids
from tokbench.formats.oracles import oracle_for
from tokbench.io.atomic import ensure_writable
from tokbench.pretrained.folder import ForeignFolder, load
from tokbench.pretrained.wrap import wrap
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.corpus.reading import CorpusSource


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
    pattern: str = "",
    tokenizer_class: str = "",
    prove: CorpusSource | None = None,
    allow: int = 0,
    force: bool = False,
) -> Conversion:
    r"""Read a tokenizer of any format and write the portable folder, once its ids are proved.

    The format's own package encodes hard texts and the corpora that ship, or `prove`; where more than `allow`
    texts get other ids nothing is written. `cased`, `encoding`, `pattern` and `tokenizer_class` are those of
    load. Raises FileError for what is no tokenizer, and for an output that is there already and not `force`,
    UsageError for a folder that has a tokenizer.json.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     vocabulary = Path(place) / "vocab.txt"
    ...     size = vocabulary.write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\ncat\n##s\n")
    ...     converted = convert(vocabulary, Path(place) / "tok", prove=["cats and hats"])
    >>> converted.format, converted.tokens, converted.proof.texts, converted.proof.differing
    ('vocab', 6, 1, 0)
    """
    ensure_writable(Path(output), force=force)
    folder = load(path, cased=cased, encoding=encoding, pattern=pattern, tokenizer_class=tokenizer_class)
    if not isinstance(folder, ForeignFolder):
        raise UsageError(
            f"{path} has a tokenizer.json already",
            fix=f"tokbench wrap {shlex.quote(str(path))} -o {shlex.quote(str(output))}",
        )
    read = folder.found
    proof = prove_ids(read.tokenizer, oracle_for(read), proof_texts(prove))
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
