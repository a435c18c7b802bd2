"""Files and folders are written atomically: on an error, Ctrl-C or a kill, what was there before stays."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from tokbench.errors import FileError, ResourceError, TokbenchError, UsageError

if sys.platform == "win32":
    raise UsageError("tokbench runs on Linux and macOS only", fix="on Windows, run it in WSL")
import fcntl

MARK = "-tokbench-tmp-"
ASIDE = "-aside"  # an old folder between the two renames of a system that cannot exchange two names
WHOLE = "-whole"  # new files that are complete and on the disk, and are moved to their places
LONGEST = 180  # bytes of a name that are kept in the name of what stands beside it; file names end at 255
ELSEWHERE = "choose another place with -o"
MAKE_ROOM = "make room, or choose a place on another disk with -o"

SIGNS = ("tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors", "metrics.json",
         "tokenizer.tiktoken", "tokenizer.model")  # fmt: skip
# What tokenizer, model and run folders hold. Anything else makes a folder somebody's own.
SUFFIXES = frozenset({
    ".json", ".jsonl", ".toml", ".txt", ".md", ".html", ".csv", ".tsv", ".png", ".svg", ".jinja",
    ".safetensors", ".bin", ".model", ".tiktoken", ".pt", ".onnx",
})  # fmt: skip
NAMES = frozenset({".gitattributes", ".gitignore", "LICENSE", ".cache", "load_encoding.py"})

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
    place = ensure_writable(out, force=force)
    with _in_words(out, place), parents_of(place):
        sweep_stale(place)
        with _folder_beside(place) as folder:
            yield folder
            _to_disk(folder)
            _take_place(folder, place, force=force)


@contextlib.contextmanager
def atomic_files(out: Path, *, force: bool = False) -> Iterator[tuple[Path, list[Path]]]:
    """A folder to write `out` and the files that belong to it into, and the list of where they then are.

    At the end they move beside `out`, .json files, which describe the others, last. Files of two runs never
    stand side by side: what the old ones belong to goes first, and when the process dies in between, the next
    run that writes into this folder moves what is left.
    """
    taken = ensure_writable(out, magic=b"", force=force)
    with _in_words(out, taken), parents_of(taken):
        sweep_stale(taken)
        with _folder_beside(taken) as folder:
            written: list[Path] = []
            yield folder, written
            names = [path.name for path in _in_order(folder)]
            for name in names:
                ensure_writable(out.parent / name, magic=b"", force=force)
                _sync(folder / name)
            _sync(folder)
            whole = folder.rename(folder.with_name(folder.name + WHOLE))
            _sync(taken.parent)
            _move_in(whole, taken.parent)
            written += [out.parent / name for name in names]


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder for this user alone, in `parent` or where the system has its temporary files; gone afterwards.

    What killed processes left there is removed first.
    """
    place = Path(parent or tempfile.gettempdir()) / "scratch"
    sweep_stale(place)
    with _folder_beside(place, mode=0o700) as folder:
        yield folder


@contextlib.contextmanager
def atomic_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A file beside `path` to write to; at the end it takes path's place, and on any error it is gone.

    A `private` one is for its owner alone, and so is its folder where that has to be made.
    """
    with _in_words(path, path, only_written=True), parents_of(path, mode=0o700 if private else 0o777):
        sweep_stale(path)
        beside = _name_beside(path)
        handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666)
        try:
            lock_file(handle)
            yield beside
            _sync(beside)
            beside.replace(path)
            _sync(path.parent)
        finally:
            os.close(handle)
            beside.unlink(missing_ok=True)


def ensure_writable(out: Path, *, magic: bytes | None = None, force: bool = False) -> Path:
    """The place, as an absolute path, that a new folder or file may take; a FileError when it may not.

    With `magic` it is a file's. `force` replaces a file that begins with `magic`, or a folder if all in it
    belongs to a tokenizer, a model or a run.
    """
    try:
        place = _absolute(Path(out))
        if place.is_symlink():
            raise FileError(f"{out} is a link; links are not written through", fix=f"-o {place.resolve()}")
        if magic is None:
            _refuse_folder(place, out, force=force)
        else:
            _refuse_file(place, out, magic, force=force)
        _refuse_without_rights(place, out)
    except OSError as error:
        raise FileError(f"nothing can be written at {out}: {error.strerror}", fix=ELSEWHERE) from error
    return place


def sweep_stale(place: Path) -> None:
    """Finish or remove what killed processes left beside `place`, whatever they were writing there.

    Files that were complete move to their places, an old folder that had been put aside comes back.
    """
    with contextlib.suppress(OSError):  # not there yet, or not ours to read
        for left in sorted(place.parent.glob(f".*{MARK}*")):
            if _is_orphan(left):
                _put_right(left)


def _put_right(left: Path) -> None:
    """What becomes of one file or folder that a dead process left."""
    name = left.name[1:].rpartition(MARK)[0]
    if left.name.endswith(WHOLE):
        _move_in(left, left.parent)
    elif left.name.endswith(ASIDE) and not os.path.lexists(left.with_name(name)):
        if len(os.fsencode(name)) < LONGEST:  # of a longer one the end is not known
            left.rename(left.with_name(name))
    elif left.is_dir():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)


def _move_in(whole: Path, parent: Path) -> None:
    """Give the files of a complete set their places, so that at no time those of two sets are there.

    All but one of the old go before the first of the new comes.
    """
    paths = _in_order(whole)
    for path in paths[1:]:
        (parent / path.name).unlink(missing_ok=True)
    for path in paths:
        path.replace(parent / path.name)
    _sync(parent)
    whole.rmdir()


def _in_order(folder: Path) -> list[Path]:
    """Its files as they move: those that describe the others last."""
    return sorted(folder.iterdir(), key=lambda path: (path.suffix == ".json", path.name))


def disk_full(what: str, *, fix: str = MAKE_ROOM) -> ResourceError:
    """The one sentence on a full disk, with what that means for the caller's work."""
    return ResourceError(f"the disk is full: {what}", fix=fix)


@contextlib.contextmanager
def _folder_beside(place: Path, *, mode: int = 0o777) -> Iterator[Path]:
    """A folder, with the rights any new one gets, locked while its process lives, gone afterwards."""
    folder = _name_beside(place)
    folder.mkdir(mode=mode)
    try:
        with _opened(folder) as handle:
            lock_file(handle)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # after an exchange of names: the old folder


def _name_beside(place: Path) -> Path:
    return place.with_name(f"{_prefix(place)}{os.getpid()}-{secrets.token_hex(4)}")


def _prefix(place: Path) -> str:
    return f".{os.fsdecode(os.fsencode(place.name)[:LONGEST])}{MARK}"


def _is_orphan(path: Path) -> bool:
    pid = path.name.rpartition(MARK)[2].partition("-")[0]
    if not pid.isdigit() or _is_alive(int(pid)):
        return False
    try:
        with _opened(path) as handle:
            ours = os.fstat(handle).st_uid == os.geteuid()
            return ours and lock_file(handle)  # the process may live in another container
    except OSError:  # neither file nor folder, or just removed by another
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def lock_file(handle: int) -> bool:
    """Whether nobody else holds the file or folder; on a disk without locks, nobody does."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield handle
    finally:
        os.close(handle)


def _absolute(out: Path) -> Path:
    """Links on the way are followed, the last name is not: a link there shall be seen."""
    if out.name in ("", ".."):
        return out.resolve()
    return out.parent.resolve() / out.name


def _refuse_folder(place: Path, out: Path, *, force: bool) -> None:
    if not place.is_dir():
        if place.exists():
            raise FileError(f"{out} is a file, and the output is a folder", fix=ELSEWHERE)
        return
    here, home = Path.cwd().resolve(), Path.home().resolve()
    if here.is_relative_to(place):  # the file system's root is above it as well
        raise FileError(f"{out} is the folder you are in, or above it", fix=ELSEWHERE)
    if home.is_relative_to(place):
        raise FileError(f"{out} is your home folder, or above it", fix=ELSEWHERE)
    _refuse_without_force(out, force=force)
    if any(place.iterdir()) and not any(_is_sign(entry) for entry in place.iterdir()):
        raise FileError(f"{out} is not replaced: nothing in it says tokenizer or model", fix=ELSEWHERE)
    for entry in _foreign(place):
        raise FileError(
            f"{out} is not replaced: it holds {entry.relative_to(place)}, no part of a tokenizer or model",
            fix=ELSEWHERE,
        )


def _refuse_file(place: Path, out: Path, magic: bytes, *, force: bool) -> None:
    if place.is_dir():
        raise FileError(f"{out} is a folder, and the output is a file", fix=ELSEWHERE)
    if not place.exists():
        return
    _refuse_without_force(out, force=force)
    if not magic:
        return
    with place.open("rb") as file:
        if file.read(len(magic)) != magic:
            raise FileError(f"{out} is not replaced: it is a file of another kind", fix=ELSEWHERE)


def _refuse_without_force(out: Path, *, force: bool) -> None:
    if not force:
        raise FileError(f"{out} exists already", fix=f"add --force to replace it, or {ELSEWHERE}")


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


@contextlib.contextmanager
def parents_of(place: Path, *, mode: int = 0o777) -> Iterator[None]:
    """Make the folders above; take them away again when nothing was put into them."""
    made = [folder for folder in place.parents if not folder.exists()]
    place.parent.mkdir(parents=True, exist_ok=True, mode=mode)
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # in use: all went well, or somebody else came
                folder.rmdir()


def _to_disk(folder: Path) -> None:
    """Give all files the rights of new files (some writers make them private) and send them to the disk."""
    mode = folder.stat().st_mode & 0o666
    for path, _, files in os.walk(folder):
        for name in files:
            Path(path, name).chmod(mode)
            _sync(Path(path, name))
        _sync(Path(path))


def _sync(path: Path) -> None:
    """Send a file or folder to the disk: a rename may reach it before the data it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_place(folder: Path, place: Path, *, force: bool) -> None:
    if force and place.is_dir():
        ensure_writable(place, force=True)  # it may have changed while the work went on
        if not _rename(folder, place, EXCHANGE):
            _rename_twice(folder, place)
    elif not _rename(folder, place, NOREPLACE):
        folder.rename(place)
    _sync(place.parent)


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
def _in_words(out: Path, place: Path, *, only_written: bool = False) -> Iterator[None]:
    """Say what the disk refused; errors about other files pass, unless only `out` is written to inside."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if found := _sentence(error, out, place):
            raise found from error
        if only_written and isinstance(error, OSError):
            raise FileError(f"{out} cannot be written: {error.strerror or error}", fix=ELSEWHERE) from error
        raise


def _sentence(error: OSError | SafetensorError, out: Path, place: Path) -> TokbenchError | None:
    number, ours = _number(error), _is_ours(error, place)
    if number in FULL:
        return disk_full(f"{out} was not written, and what was there before is untouched")
    if ours and number in TAKEN and str(place) in _names(error):
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


def _names(error: OSError | SafetensorError) -> tuple[str, str]:
    return str(getattr(error, "filename", "")), str(getattr(error, "filename2", ""))


def _is_ours(error: OSError | SafetensorError, place: Path) -> bool:
    name = getattr(error, "filename", None)
    return name is None or MARK in str(name) or place.is_relative_to(str(name))
