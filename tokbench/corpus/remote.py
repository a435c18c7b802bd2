"""Files behind URLs, through fsspec: s3://, https://, file:// and all that it knows, read as they stream in.

Nothing is copied to the disk, but for parquet behind a server that cannot give parts of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from glob import has_magic
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from tokbench.corpus.signatures import python_line, recognized
from tokbench.corpus.source import FORMATS, Elsewhere, Source, format_of_name
from tokbench.errors import FileError, TokbenchError
from tokbench.io.extras import require

CAT = "import fsspec, shutil, sys; shutil.copyfileobj(fsspec.open({url!r}, 'rb').open(), sys.stdout.buffer)"
# Protocol → the package that speaks it, where fsspec does not itself (fsspec.registry.known_implementations).
PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
    "hdfs": "pyarrow",
    "webdav": "webdav4",
    "hf": "huggingface_hub",
}
LOOK = "look whether it is there, and may be read"


def remote_sources(url: str) -> list[Source]:
    """The files that a URL means: one, those of a folder with a known suffix, or those that fit a glob."""
    require("fsspec", extra="data", what=f"reading {url}")
    disk, root = file_system(url)
    with remote_errors(url):
        if has_magic(root):
            names = disk.glob(root)
        elif disk.isdir(root):
            names = [name for name in disk.find(root) if _is_wanted(str(name), root)]
        else:
            names = [root]
        infos = [disk.info(name) for name in sorted(names)]
    if not infos:
        raise FileError(f"{url} holds no file to read ({' '.join(FORMATS)})", fix="name a file itself")
    return [_source(disk, info) for info in infos if info.get("type") != "directory"]


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it; FileError for one that nothing here speaks."""
    from fsspec.core import url_to_fs

    protocol = url.partition("://")[0].rpartition("::")[2]
    try:
        disk, root = url_to_fs(url)
    except ImportError as error:
        package = PACKAGES.get(protocol, "")
        fix = f"pip install {package}" if package else "copy the files to this disk"
        needs = f"{protocol}:// needs the package {package}" if package else str(error)
        raise FileError(f"cannot read {url}: {needs}", fix=fix) from error
    except (ValueError, OSError) as error:
        raise FileError(f"cannot read {url}: {error}", fix="copy the files to this disk") from error
    return disk, str(root)


@contextmanager
def remote_errors(url: str) -> Iterator[None]:
    """What goes wrong inside as a FileError that names the URL."""
    try:
        yield
    except TokbenchError:
        raise
    except ImportError as error:
        package = PACKAGES.get(url.partition("://")[0], "")
        raise FileError(
            f"cannot read {url}: {error}", fix=f"pip install {package or 'what it needs'}"
        ) from error
    except Exception as error:  # each file system raises the errors of its own library
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, FileNotFoundError):
            reason = "there is no such file"
        raise FileError(f"cannot read {url}: {reason}", fix=LOOK) from error


def _source(disk: Any, info: dict[str, Any]) -> Source:  # noqa: ANN401
    """One file, as its suffix says; one with another suffix as its first bytes do."""
    name, url = str(info["name"]), str(disk.unstrip_protocol(info["name"]))
    kind, compression = format_of_name(PurePosixPath(name.partition("?")[0]).name)
    size = int(info.get("size") or 0)
    place = Elsewhere(
        url=url,
        open=partial(_opened, disk, name, url),
        cat=python_line(CAT.format(url=url)),
        seeks=size > 0 and bool(info.get("partial", True)),
    )
    source = Source(url, None, kind or "txt", compression, size, place)
    return source if kind else recognized(source, suffix="")


def _opened(disk: Any, name: str, url: str) -> AbstractContextManager[BinaryIO]:  # noqa: ANN401
    with remote_errors(url):
        return cast(AbstractContextManager[BinaryIO], disk.open(name, "rb"))


def _is_wanted(name: str, root: str) -> bool:
    """Whether a file in a folder is a text file and not hidden."""
    inside = PurePosixPath(name[len(root) :].lstrip("/"))
    known = format_of_name(inside.name)[0] in FORMATS.values()
    return known and not any(part.startswith(".") for part in inside.parts)
