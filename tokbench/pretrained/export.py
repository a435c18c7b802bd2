"""A tokenizer written in the files of another format, once that format's own package gives the same ids."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import UsageError, did_you_mean
from tokbench.formats.exportable import Exportable, Written
from tokbench.formats.id_proof import IdProof, proof_texts, prove_ids
from tokbench.formats.oracles import TIKTOKEN, NoOracle, or_why_not
from tokbench.formats.transformers4 import transformers4_oracle
from tokbench.formats.write_sentencepiece import write_sentencepiece, written_sentencepiece
from tokbench.formats.write_tiktoken import write_tiktoken, written_tiktoken
from tokbench.formats.write_vocabularies import (
    write_merges,
    write_vocab_txt,
    written_merges,
    written_vocab_txt,
)
from tokbench.io.atomic import atomic_folder, ensure_writable, scratch_folder
from tokbench.io.links import refuse_links_out
from tokbench.pretrained.companions import companions
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load, save_folder, untruncated
from tokbench.pretrained.special_tokens import declared
from tokbench.pretrained.wrap import CLASS, portable_config, with_loaded_flags
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.corpus.reading import CorpusSource
    from tokbench.formats.portable import Oracle


@dataclass(frozen=True)
class Writer:
    """A format that can be written: by whom, who reads it back for the proof, and what installs them."""

    write: Callable[[TokenizerFolder, Exportable, Path], Written]
    oracle: Callable[[Path], Oracle | NoOracle]
    fix: str = ""


# Classes that are a pipeline too, but that transformers 4 lets put tokens around by these keys, whatever
# tokenizer.json says (the rule TB615 of check).
FRAMED = frozenset({"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer"})
FRAMES = ("add_bos_token", "add_eos_token")


def _write_folder(folder: TokenizerFolder, source: Exportable, into: Path) -> Written:
    """A folder that transformers 4 and 5 load alike, with the companions of the tokenizer."""
    refuse_links_out(folder.path)
    known = [token for token in folder.roles.values() if folder.tokenizer.token_to_id(token) is not None]
    marked = declared(with_loaded_flags(folder).tokenizer, known)
    config = portable_config(folder, marked)
    if str(config.get("tokenizer_class")).removesuffix("Fast") in FRAMED:
        config = {
            **{key: value for key, value in config.items() if key not in FRAMES},
            "tokenizer_class": CLASS,
        }
    save_folder(marked, config, into)
    companions(folder.path).copy(into)
    return Written("tokenizer.json", source.special)


def _plain(write: Callable[[Exportable, Path], Written]) -> Callable[..., Written]:
    """A writer of formats, which know no folder."""
    return lambda folder, source, into: write(source, into)


WRITERS: dict[str, Writer] = {
    "tiktoken": Writer(_plain(write_tiktoken), written_tiktoken, TIKTOKEN),
    "vocab": Writer(_plain(write_vocab_txt), written_vocab_txt),
    "merges": Writer(_plain(write_merges), written_merges, TIKTOKEN),
    "sentencepiece": Writer(_plain(write_sentencepiece), written_sentencepiece),
    "transformers4": Writer(_write_folder, transformers4_oracle),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Exported(Result, kind="export"):
    """What was written, and how its ids were proved; `output` is "" where too many differ.

    file: the one that the format's package is given. files: all of them. special_tokens: token → id as the
    files say it. allowed: how many texts may differ. notes: what the format has no place for.
    """

    source: str
    output: str
    format: str
    file: str
    files: tuple[str, ...]
    tokens: int
    special_tokens: dict[str, int]
    allowed: int
    proof: IdProof
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no more texts differ than may; also where nobody could be asked."""
        return self.proof.differing <= self.allowed


def export(
    tokenizer: TokenizerSource,
    output: str | Path,
    *,
    to: str,
    prove: CorpusSource | None = None,
    allow: int = 0,
    force: bool = False,
) -> Exported:
    """Write a tokenizer in the files of another format, once its ids are proved.

    The format's own package loads what was written and encodes hard texts and the corpora that ship, or
    `prove`; where more than `allow` texts get other ids nothing is written. Raises UsageError for a tokenizer
    that the format cannot hold, with the rule it breaks, and for a format that is not known; FileError for an
    output that is there already and not `force`.

    >>> from tempfile import TemporaryDirectory
    >>> import tokbench as tb
    >>> tok = tb.train(["a cat", "a hat"] * 9, "bpe", vocab_size=262)
    >>> with TemporaryDirectory() as place:
    ...     exported = export(tok, Path(place) / "ranks", to="tiktoken", prove=["cats and hats"])
    >>> exported.files, exported.special_tokens
    (('encoding.json', 'load_encoding.py', 'tokenizer.tiktoken'), {'<|endoftext|>': 0, '<|pad|>': 1})
    """
    if to not in WRITERS:
        raise UsageError(f"there is no format {to} to write", fix=did_you_mean(to, WRITERS))
    out = ensure_writable(Path(output), force=force)
    folder = load(tokenizer)
    source = _exportable(folder, Path(output))
    writer = WRITERS[to]
    with scratch_folder() as place:
        written = writer.write(folder, source, place)
        files = tuple(
            sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
        )
        oracle = or_why_not(lambda: writer.oracle(place), writer.fix)
        proof = prove_ids(source.tokenizer, oracle, proof_texts(prove), special=written.special)
        passed = proof.differing <= allow
        if passed:
            with atomic_folder(out, force=force) as whole:
                for name in files:
                    (whole / name).parent.mkdir(exist_ok=True)
                    shutil.copyfile(place / name, whole / name)
    return Exported(
        source=source.name,
        output=str(output) if passed else "",
        format=to,
        file=written.file,
        files=files,
        tokens=source.tokenizer.get_vocab_size(),
        special_tokens=dict(written.special),
        allowed=allow,
        proof=proof,
        notes=written.notes,
    )


def _exportable(folder: TokenizerFolder, output: Path) -> Exportable:
    words = (folder.name, "--to", "transformers4", "-o", str(output))
    return Exportable(
        name=folder.name,
        tokenizer=untruncated(folder.tokenizer),
        roles=folder.roles,
        extra=folder.extra,
        config=folder.config,
        helps=f"tokbench export {' '.join(map(shlex.quote, words))}",
    )
