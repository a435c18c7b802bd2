"""Corpora of a given size: cut from a folder of texts, or without one the shipped texts, repeated."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

MB = 1_000_000
LANGUAGES = {"en": "english.txt", "ko": "korean.txt", "code": "code.txt", "mixed": "mixed.txt"}
PARTS = ("en", "ko", "code")  # of mixed text: a third each
ENOUGH = 0.98  # of what was asked for


@dataclass(frozen=True)
class Texts:
    """Where corpora come from, and where slices of them are kept while the benchmark runs."""

    data: Path | None
    work: Path

    def slice(self, language: str, megabytes: float) -> Path | None:
        """A file of so many megabytes (10^6 bytes), cut at a line end; None when there is less."""
        path = self.work / f"{language}-{megabytes:g}mb.txt"
        if not path.exists():
            source = (
                self._shipped(language, megabytes) if self.data is None else self._found(language, megabytes)
            )
            if source is None:
                return None
            _cut(source, path, int(megabytes * MB))
        return path

    def whole(self, language: str) -> float:
        """The megabytes there are of a language; without a folder any number can be had."""
        if self.data is None:
            return float("inf")
        if language == "mixed":
            return len(PARTS) * min(map(self.whole, PARTS))
        return max((path.stat().st_size for path in self._unpacked(language)), default=0) / MB / ENOUGH

    def _found(self, language: str, megabytes: float) -> Path | None:
        """The largest file of this language, if it is large enough."""
        if language == "mixed":
            return self._mixed(megabytes)
        files = sorted(self._unpacked(language), key=lambda path: path.stat().st_size)
        enough = files and files[-1].stat().st_size >= ENOUGH * megabytes * MB
        return files[-1] if enough else None

    def _mixed(self, megabytes: float) -> Path | None:
        parts = [self.slice(language, megabytes / len(PARTS)) for language in PARTS]
        if None in parts:
            return None
        path = self.work / "mixed.part"
        with path.open("wb") as out:
            for part in filter(None, parts):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, out, MB)
        return path

    def _unpacked(self, language: str) -> Iterator[Path]:
        """The files whose names begin with the language."""
        assert self.data
        yield from self.data.glob(f"{language}*.txt")
        for packed in self.data.glob(f"{language}*.txt.xz"):
            path = self.work / f"whole-{packed.stem}"
            if not path.exists():
                with lzma.open(packed) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target, MB)
            yield path

    def _shipped(self, language: str, megabytes: float) -> Path:
        """The shipped corpus, as often as it takes."""
        from tokbench.corpus.samples import shipped

        once = shipped(LANGUAGES[language]).read_bytes()
        path = self.work / f"{language}.part"
        with path.open("wb") as out:
            for _ in range(int(megabytes * MB) // len(once) + 1):
                out.write(once)
        return path


def _cut(source: Path, target: Path, size: int) -> None:
    """Copy so many bytes, to a line's end, in small steps: a child's peak memory begins with ours."""
    with source.open("rb") as file, target.open("w+b") as out:
        for start in range(0, size, MB):
            out.write(file.read(min(MB, size - start)))
        start = out.seek(max(0, out.tell() - MB))
        out.truncate(start + out.read().rfind(b"\n") + 1)


@contextmanager
def texts_in(data: Path | None) -> Iterator[Texts]:
    """The corpora of a folder, which stays as it is."""
    with TemporaryDirectory(prefix="tokbench-benchmark-") as work:
        yield Texts(data, Path(work))
