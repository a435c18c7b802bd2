"""The workers of a dask cluster, one that is there or one started here, and what they return."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from tokbench.errors import AskedWrongly, MissingExtra, OutOfRoom

ANSWER = 10  # seconds that a scheduler may take


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where to count: at the scheduler of this address, or with so many workers on this machine."""

    scheduler: str | None = None
    workers: int = 2


def results(client: Any, calls: Sequence[Callable[[], Any]]) -> Iterator[Any]:  # noqa: ANN401
    """What the workers return, as it comes; what is not done by then is given up when this is left."""
    import distributed

    library: Any = distributed
    futures = [client.submit(call, pure=False) for call in calls]
    try:
        for future in library.as_completed(futures):
            yield future.result()
    except library.KilledWorker as error:
        raise OutOfRoom(
            "workers were killed at the same work again and again, most likely for want of memory",
            fix="use fewer workers; what is counted is kept, so the same command goes on from there",
        ) from error
    finally:
        client.cancel(futures)


@contextmanager
def client_of(cluster: Cluster) -> Iterator[Any]:
    """A client of the cluster; one that is started here ends with it."""
    if find_spec("distributed") is None:
        raise MissingExtra("counting on several machines", "distributed", extra="distributed")
    import distributed

    library: Any = distributed  # it has types for few of its functions
    if cluster.scheduler:
        try:
            client = library.Client(cluster.scheduler, timeout=ANSWER)
        except (OSError, ValueError) as error:  # a time-out is an OSError
            raise AskedWrongly(
                f"no scheduler answers at {cluster.scheduler}",
                fix="start one: dask scheduler; or leave it out",
            ) from error
        with client:
            yield client
        return
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        _started(library, cluster.workers, folder) as local,
        library.Client(local) as client,
        _ended_at_once(local),
    ):
        yield client


def _started(library: Any, workers: int, folder: str) -> Any:  # noqa: ANN401
    """A cluster on this machine, which listens to nobody else."""
    try:
        return library.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: the usual one may be taken
            local_directory=folder,
            silence_logs=logging.CRITICAL,
        )
    except AssertionError as error:  # what dask makes of Ctrl-C while it starts
        raise KeyboardInterrupt from error


@contextmanager
def _ended_at_once(local: Any) -> Iterator[None]:  # noqa: ANN401
    """On an error or Ctrl-C, end the workers: asked to close, they would finish their shards first."""
    try:
        yield
    except BaseException:
        for nanny in local.workers.values():
            nanny.auto_restart = False
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
        raise
