"""Tables of pairs: open addressing, a power of two of slots, at most half of them in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from tokbench.training.kernels.memory import NUMBERS, Node, Pointer, inner
from tokbench.training.merging.layout import EMPTY, GROW, WANTED, WANTED_SIZE

SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd and without a pattern: the golden ratio's fraction
WORD = np.uint64(64)
HALF = 32


def _to_numbers(_: Node, address: Node) -> Node:
    """What numba compiles `as_numbers` to."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        return builder.inttoptr(args[0], context.get_value_type(NUMBERS))

    return NUMBERS(types.int64), code


as_numbers: Any = intrinsic(_to_numbers)  # an address as a pointer to int64


@inner
def pair_of(left: int, right: int) -> int:
    """Two symbols as one number; pairs sort like their symbols."""
    return int(np.int64(left) << HALF | np.int64(right))


@inner
def slot_of(table: Pointer, bits: int, width: int, pair: int) -> int:
    """Where this pair is in the table, or where it would go: the first of the slot's `width` numbers."""
    mask = (1 << bits) - 1
    slot = int(np.int64((np.uint64(pair) * SPREAD) >> (WORD - np.uint64(bits))))
    while table[slot * width] != pair and table[slot * width] != EMPTY:
        slot = (slot + 1) & mask
    return slot * width


@inner
def wants(job: Pointer, array: int, size: int) -> int:
    """Ask for room in an array."""
    job[WANTED] = array
    job[WANTED_SIZE] = size
    return GROW
