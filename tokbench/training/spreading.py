"""Work spread over threads: whichever worker is free takes the next item, and results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

Worker = TypeVar("Worker")
Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    workers: Sequence[Worker], work: Callable[[Worker, Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """What the workers make of these items; few wait, so little is held.

    A single worker, too, has a thread of its own, so that the next item is read meanwhile. On an error or
    Ctrl-C what waits is given up.

    >>> list(spread([1, 1], lambda worker, item: worker + item, [1, 2, 3]))
    [2, 3, 4]
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def take(item: Item) -> Result:
        worker = free.get()
        try:
            return work(worker, item)
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(len(workers))
    try:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(take, item))
            if len(waiting) > len(workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
