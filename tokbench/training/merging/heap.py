"""The queue of pairs: the most frequent first, of equals the lowest ids, of one pair the earliest entry.

Four children to a node: fewer levels, and a node's children lie side by side.
"""

from __future__ import annotations

from tokbench.training.kernels.memory import Pointer, apart, inner
from tokbench.training.merging.layout import HEAP_USED

ITEM = 3  # count, pair, entry
ARITY_BITS = 2


@inner
def before(count: int, pair: int, entry: int, heap: Pointer, item: int) -> bool:
    """Whether this comes before an item of the heap."""
    if count != heap[item]:
        return bool(count > heap[item])
    if pair != heap[item + 1]:
        return bool(pair < heap[item + 1])
    return bool(entry < heap[item + 2])


@inner
def put(heap: Pointer, number: int, count: int, pair: int, entry: int) -> None:
    """Write an item."""
    heap[number * ITEM] = count
    heap[number * ITEM + 1] = pair
    heap[number * ITEM + 2] = entry


@apart
def push(job: Pointer, heap: Pointer, count: int, pair: int, entry: int) -> None:
    """Add an item; there is room for it."""
    number = job[HEAP_USED]
    job[HEAP_USED] = number + 1
    while number > 0:
        parent = (number - 1) >> ARITY_BITS
        if not before(count, pair, entry, heap, parent * ITEM):
            break
        put(heap, number, heap[parent * ITEM], heap[parent * ITEM + 1], heap[parent * ITEM + 2])
        number = parent
    put(heap, number, count, pair, entry)


@apart
def replace_top(job: Pointer, heap: Pointer, count: int, pair: int, entry: int) -> None:
    """Put this in the place of the first item, and in order."""
    used, number = job[HEAP_USED], 0
    while (number << ARITY_BITS) + 1 < used:
        best = (number << ARITY_BITS) + 1
        for child in range(best + 1, min(best + 4, used)):
            item = child * ITEM
            if before(heap[item], heap[item + 1], heap[item + 2], heap, best * ITEM):
                best = child
        if before(count, pair, entry, heap, best * ITEM):
            break
        put(heap, number, heap[best * ITEM], heap[best * ITEM + 1], heap[best * ITEM + 2])
        number = best
    put(heap, number, count, pair, entry)


@apart
def drop_top(job: Pointer, heap: Pointer) -> None:
    """Remove the first item."""
    job[HEAP_USED] -= 1
    last = job[HEAP_USED] * ITEM
    if job[HEAP_USED]:
        replace_top(job, heap, heap[last], heap[last + 1], heap[last + 2])
