"""The workers of a dask cluster, one that is there or one started here, and what they return."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import resource_tracker
from typing import Any

from tokbench.errors import AskedWrongly, MissingExtra, OutOfRoom

ANSWER = 10  # seconds that a scheduler may take
LEFT: list[ExitStack] = []  # clusters that Ctrl-C ended, never closed


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where to count: at the scheduler of this address, or with so many workers on this machine."""

    scheduler: str | None = None
    workers: int = 2


def results(client: Any, calls: Sequence[Callable[[], Any]]) -> Iterator[Any]:  # noqa: ANN401
    """What the workers return, as it comes; what is not done by then is given up with the client."""
    import distributed

    library: Any = distributed
    futures = [client.submit(call, pure=False) for call in calls]
    try:
        for future in library.as_completed(futures, loop=client.loop):
            yield future.result()
    except library.KilledWorker as error:
        raise OutOfRoom(
            "workers were killed at the same work again and again, most likely for want of memory",
            fix="use fewer workers; what is counted is kept, so the same command goes on from there",
        ) from error


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
    with _local(library, cluster.workers) as client:
        yield client


@contextmanager
def _local(library: Any, workers: int) -> Iterator[Any]:  # noqa: ANN401
    """A client of a cluster on this machine, which is gone when this is left."""
    others = set(multiprocessing.active_children())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        loop = stack.enter_context(_deaf_loop())
        try:
            local = stack.enter_context(_started(library, workers, folder, loop))
            yield stack.enter_context(library.Client(local, set_as_default=False))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                loop.add_callback(threading.Event().wait)  # forever: nothing is restarted or closed any more
                LEFT.append(stack.pop_all())
            _end_workers(library, set(multiprocessing.active_children()) - others)
            raise


@contextmanager
def _deaf_loop() -> Iterator[Any]:
    """The thread in which dask works and starts workers: they inherit that Ctrl-C is not for them."""
    from distributed import utils

    resource_tracker.ensure_running()  # it would make the thread that starts it hear Ctrl-C again
    runner: Any = utils.LoopRunner()
    mask = getattr(signal, "pthread_sigmask", None)  # Windows has none
    if mask:
        mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        if mask:
            mask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield runner.loop
    finally:
        runner.stop()


def _started(library: Any, workers: int, folder: str, loop: Any) -> Any:  # noqa: ANN401
    """A cluster on this machine, which listens to nobody else."""
    try:
        return library.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: the usual one may be taken
            local_directory=folder,
            silence_logs=logging.CRITICAL,
            loop=loop,
        )
    except AssertionError as error:  # what dask makes of Ctrl-C while it starts
        raise KeyboardInterrupt from error


def _end_workers(library: Any, processes: set[Any]) -> None:  # noqa: ANN401
    """End the workers: asked to close, they would finish their shards first."""
    for cluster in list(library.SpecCluster._instances):
        for nanny in cluster.workers.values():
            nanny.auto_restart = False
        cluster.shutdown_on_close = False  # nor closed when Python ends
    for process in processes:
        process.kill()
