"""A folder takes its place whole, or nothing changes: not on an error, not on Ctrl-C, not on a kill."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from tokbench.errors import FileError, ResourceError, TokbenchError

MARK = "-tokbench-tmp-"
ASIDE = "-aside"  # an old folder between the two renames of a system that cannot exchange two names


@contextlib.contextmanager
def temporary_beside(place: Path) -> Iterator[Path]:
    """A folder with the rights any new folder gets, locked while its process lives, gone afterwards."""
    folder = place.with_name(f"{_prefix(place)}{os.getpid()}-{secrets.token_hex(4)}")
    folder.mkdir()
    try:
        with _opened(folder) as handle:
            _lock(handle)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # after an exchange of names: the old folder


def sweep_stale(place: Path) -> None:
    """Remove what killed processes left beside `place`; an old folder that they had put aside comes back."""
    for left in sorted(place.parent.glob(f"{_escaped(_prefix(place))}*")):
        if not _is_orphan(left):
            continue
        if left.name.endswith(ASIDE) and not os.path.lexists(place):
            left.rename(place)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _prefix(place: Path) -> str:
    """File names end at 255 bytes, so a long one is cut."""
    return f".{place.name.encode()[:180].decode(errors='ignore')}{MARK}"


def _escaped(prefix: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in prefix)


def _is_orphan(folder: Path) -> bool:
    pid = folder.name.rpartition(MARK)[2].partition("-")[0]
    if not pid.isdigit() or _is_alive(int(pid)):
        return False
    try:
        with _opened(folder) as handle:
            return _lock(handle)  # the process may live in another container
    except OSError:  # not a folder, or just removed by another
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _lock(handle: int) -> bool:
    """Whether nobody else holds the folder; on a disk without locks, nobody does."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


SIGNS = ("tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors", "metrics.json")
# What tokenizer, model and run folders hold. Anything else makes a folder somebody's own.
SUFFIXES = frozenset(
    {
        ".json",
        ".jsonl",
        ".toml",
        ".txt",
        ".md",
        ".html",
        ".csv",
        ".tsv",
        ".png",
        ".svg",
        ".jinja",
        ".safetensors",
        ".bin",
        ".model",
        ".pt",
        ".onnx",
    }
)
NAMES = frozenset({".gitattributes", ".gitignore", "LICENSE", ".cache"})
ELSEWHERE = "choose another place with -o"


def ensure_writable_folder(out: Path, *, force: bool = False) -> Path:
    """The place, as an absolute path, that a new folder may take; a FileProblem when it may not.

    An existing folder may be taken with `force`, and only if all in it belongs to a tokenizer or a model.
    """
    try:
        place = _absolute(Path(out))
        _refuse_what_is_no_folder(place, out)
        if place.is_dir():
            _refuse_what_is_lived_in(place, out)
            _refuse_unless_replaceable(place, out, force=force)
        _refuse_without_rights(place, out)
    except OSError as error:
        raise FileError(f"nothing can be written at {out}: {error.strerror}", fix=ELSEWHERE) from error
    return place


def _absolute(out: Path) -> Path:
    """Links on the way are followed, the last name is not: a link there shall be seen."""
    if out.name in ("", ".."):
        return out.resolve()
    return out.parent.resolve() / out.name


def _refuse_what_is_no_folder(place: Path, out: Path) -> None:
    if place.is_symlink():
        raise FileError(f"{out} is a link; links are not written through", fix=f"-o {place.resolve()}")
    if place.exists() and not place.is_dir():
        raise FileError(f"{out} is a file, and the output is a folder", fix=ELSEWHERE)


def _refuse_what_is_lived_in(place: Path, out: Path) -> None:
    here, home = Path.cwd().resolve(), Path.home().resolve()
    if here.is_relative_to(place):  # the file system's root is above it as well
        raise FileError(f"{out} is the folder you are in, or above it", fix=ELSEWHERE)
    if home.is_relative_to(place):
        raise FileError(f"{out} is your home folder, or above it", fix=ELSEWHERE)


def _refuse_unless_replaceable(place: Path, out: Path, *, force: bool) -> None:
    if not force:
        raise FileError(
            f"{out} exists already", fix="add --force to replace it, or choose another place with -o"
        )
    if any(place.iterdir()) and not any(_is_sign(entry) for entry in place.iterdir()):
        raise FileError(f"{out} is not replaced: nothing in it says tokenizer or model", fix=ELSEWHERE)
    for entry in _foreign(place):
        raise FileError(
            f"{out} is not replaced: it holds {entry.relative_to(place)}, no part of a tokenizer or model",
            fix=ELSEWHERE,
        )


def _refuse_without_rights(place: Path, out: Path) -> None:
    above = next(folder for folder in place.parents if folder.exists() or folder.is_symlink())
    if not above.is_dir():
        raise FileError(f"{out} cannot be made: {above} is a file", fix=ELSEWHERE)
    if not os.access(above, os.W_OK | os.X_OK):
        raise FileError(f"{out} cannot be made: {above} is read-only for you", fix=ELSEWHERE)


def _is_sign(entry: Path) -> bool:
    return entry.name in SIGNS or entry.name.startswith("tokbench.")


def _foreign(folder: Path) -> Iterator[Path]:
    """What is in a folder, or in folders inside it, and belongs to no tokenizer, model or run."""
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in folders if name in (".git", ".venv"))
        yield from (Path(path, name) for name in files if not _belongs(name))


def _belongs(name: str) -> bool:
    return name in NAMES or Path(name).suffix in SUFFIXES or name.startswith(("events.out.", "tokbench."))


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TAKEN = (errno.EEXIST, errno.ENOTEMPTY)
REFUSED = (
    errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG, errno.ENOENT,
)  # fmt: skip
NOREPLACE, EXCHANGE = 1, 2  # linux/fs.h: RENAME_NOREPLACE, RENAME_EXCHANGE
AT_FDCWD = -100  # linux/fcntl.h: paths are as they are
NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


@contextlib.contextmanager
def atomic_folder(out: Path, *, force: bool = False) -> Iterator[Path]:
    """A new folder beside `out` to write into; at the end it takes out's place, and what was there goes.

    Whatever happens inside, `out` stays as it was until the new folder is complete and on the disk.
    """
    place = ensure_writable_folder(out, force=force)
    with _in_words(out, place), _parents_of(place):
        sweep_stale(place)
        with temporary_beside(place) as folder:
            yield folder
            _to_disk(folder)
            _take_place(folder, place, force=force)


@contextlib.contextmanager
def _parents_of(place: Path) -> Iterator[None]:
    """Make the folders above; take them away again when nothing was put into them."""
    made = [folder for folder in place.parents if not folder.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # in use: all went well, or somebody else came
                folder.rmdir()


def _to_disk(folder: Path) -> None:
    """Give all files the rights of new files (some writers make them private) and send them to the disk.

    A rename may reach the disk before the data it names, unless the data are sent first.
    """
    mode = folder.stat().st_mode & 0o666
    for path, _, files in os.walk(folder):
        for name in files:
            Path(path, name).chmod(mode)
            _sync_folder_entry(Path(path, name))
        _sync_folder_entry(Path(path))


def _sync_folder_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_place(folder: Path, place: Path, *, force: bool) -> None:
    if force and place.is_dir():
        ensure_writable_folder(place, force=True)  # it may have changed while the work went on
        if not _rename(folder, place, EXCHANGE):
            _rename_twice(folder, place)
    elif not _rename(folder, place, NOREPLACE):
        folder.rename(place)
    _sync_folder_entry(place.parent)


def _rename(old: Path, new: Path, flag: int) -> bool:
    """Linux's renameat2; False where the system or the disk does not have it."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(new))


def _rename_twice(folder: Path, place: Path) -> None:
    aside = folder.with_name(folder.name + ASIDE)
    place.rename(aside)
    try:
        folder.rename(place)
    except BaseException:
        aside.rename(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _in_words(out: Path, place: Path) -> Iterator[None]:
    """Say what the disk refused; errors about other files than ours go through as they are."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if found := _sentence(error, out, place):
            raise found from error
        raise


def _sentence(error: OSError | SafetensorError, out: Path, place: Path) -> TokbenchError | None:
    number, ours = _number(error), _is_ours(error, place)
    if number in FULL:
        return ResourceError(
            f"the disk is full: {out} was not written, and what was there before is untouched",
            fix="make room, or choose a place on another disk with -o",
        )
    if ours and number in TAKEN:
        return FileError(f"{out} appeared while the work went on, and is left as it is", fix=ELSEWHERE)
    if ours and number in REFUSED:
        return FileError(f"{out} cannot be written: {os.strerror(number)}", fix=ELSEWHERE)
    return None


def _number(error: OSError | SafetensorError) -> int:
    """The system's error number; the writer of weights tells it in its text only."""
    if isinstance(error, OSError):
        return error.errno or 0
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else 0


def _is_ours(error: OSError | SafetensorError, place: Path) -> bool:
    name = getattr(error, "filename", None)
    return name is None or MARK in str(name) or place.is_relative_to(str(name))


def ensure_writable_file(path: Path, *, magic: bytes = b"", force: bool = False) -> None:
    """FileProblem when no file may be written there; with `force` one that begins with `magic` may go."""
    if path.is_dir():
        raise FileError(f"{path} is a folder, and the output is a file", fix=ELSEWHERE)
    if path.is_symlink():
        raise FileError(f"{path} is a link; links are not written through", fix=f"-o {path.resolve()}")
    if path.exists():
        if not force:
            raise FileError(f"{path} exists already", fix=f"add --force to replace it, or {ELSEWHERE}")
        if not _begins_with(path, magic):
            raise FileError(f"{path} is not replaced: it is a file of another kind", fix=ELSEWHERE)
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise FileError(f"{path} cannot be made: {above} is a file", fix=ELSEWHERE)
    if not os.access(above, os.W_OK | os.X_OK):
        raise FileError(f"{path} cannot be made: {above} is read-only for you", fix=ELSEWHERE)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; at the end it takes its place, and on any error it is gone."""
    name = path.name.encode()[:180].decode(errors="ignore")
    beside = path.with_name(f".{name}-tokbench-tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _sync_file(beside)
        beside.replace(path)
        _sync_file(path.parent)
    except OSError as error:
        raise _write_error(error, path) from error
    finally:
        with suppress(NotADirectoryError):  # what should hold it is a file, as was said above
            beside.unlink(missing_ok=True)


def _write_error(error: OSError, path: Path) -> FileError | ResourceError:
    if error.errno in FULL:
        return ResourceError(
            f"the disk is full: {path} was not written, and what was there before is untouched",
            fix="make room, or choose a place on another disk with -o",
        )
    return FileError(f"{path} cannot be written: {error.strerror or error}", fix=ELSEWHERE)


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _sync_file(path: Path) -> None:
    """Send it to the disk: a rename may reach it before the data it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
