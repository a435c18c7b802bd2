"""What the loops need of the processor and Python has no word for: loads, masks of 64 bytes, prefetch.

The vectors are plain LLVM, which makes AVX-512, AVX2, SSE2 or NEON of them. No index is checked: who calls
leaves count_abi.PADDING readable bytes on both sides of a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
Node = Any  # what numba and llvmlite pass around while they compile: they tell no types
Pointer = Any  # a types.CPointer: reads and writes like a list, with no bounds and no negative indices
Word = Any  # a number of 64 bits without a sign; with one that has a sign numba would make a float of it
Whole = Any  # a number of 64 bits with a sign

_pointer: Callable[[Node], Node] = types.CPointer
BYTES, WORDS = _pointer(types.uint8), _pointer(types.uint64)
PLACES, NUMBERS = _pointer(types.int32), _pointer(types.int64)
_LONG, _VECTOR = ir.IntType(64), ir.VectorType(ir.IntType(8), 64)


def inner(function: Function) -> Function:
    """A function that becomes part of the loop that calls it; a call costs as much as the work on a word."""
    return cast(Function, njit(error_model="numpy", forceinline=True)(function))


def not_inlined(function: Function) -> Function:
    """A function that loops call now and then, and that would only be in their way."""
    return cast(Function, njit(error_model="numpy")(function))


def _builtin(function: Function) -> Callable[..., Any]:
    """A function of which the LLVM code is written here."""
    return cast(Callable[..., Any], intrinsic(function))


def _address(builder: Node, pointer: Node, index: Node, kind: ir.Type) -> Node:
    """The address of byte `index` of this pointer, as one of another kind."""
    return builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer())


def _block(builder: Node, pointer: Node, index: Node) -> Node:
    """The 64 bytes from `index` on."""
    block = builder.load(_address(builder, pointer, index, _VECTOR))
    block.align = 1
    return block


def _splat(builder: Node, byte: Node) -> Node:
    """64 times the same byte."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), byte, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


@_builtin
def load64(_: Node, pointer: Node, index: Node) -> Node:
    """Eight bytes from `index` on as one number, at any address."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        pointer, index = args
        load = builder.load(_address(builder, pointer, index, _LONG))
        load.align = 1
        return load

    return types.uint64(BYTES, types.int64), code


@_builtin
def having(_: Node, pointer: Node, index: Node, bits: Node) -> Node:
    """Which of the 64 bytes from `index` on have one of these bits: a mask, the first byte lowest."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        pointer, index, bits = args
        found = builder.and_(_block(builder, pointer, index), _splat(builder, bits))
        return builder.bitcast(builder.icmp_unsigned("!=", found, ir.Constant(_VECTOR, None)), _LONG)

    return types.uint64(BYTES, types.int64, types.uint8), code


@_builtin
def equal(_: Node, pointer: Node, index: Node, byte: Node) -> Node:
    """Which of the 64 bytes from `index` on are this byte: a mask, the first byte lowest."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        pointer, index, byte = args
        same = builder.icmp_unsigned("==", _block(builder, pointer, index), _splat(builder, byte))
        return builder.bitcast(same, _LONG)

    return types.uint64(BYTES, types.int64, types.uint8), code


@_builtin
def lowest(_: Node, mask: Node) -> Node:
    """The place of the lowest bit that is set; 64 when none is."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


@_builtin
def prefetch(_: Node, pointer: Node, index: Node) -> Node:
    """Ask for the cache line of the 64-bit number at `index`, to be changed soon."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
        whole = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, whole, whole, whole])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(function, [place, whole(1), whole(3), whole(1)])
        return context.get_dummy_value()

    return types.void(WORDS, types.int64), code


def _cast(kind: Node) -> Callable[..., Any]:
    """A function from an address to a pointer of this kind."""

    def code(context: Node, builder: Node, signature: Node, args: Node) -> Node:
        return builder.inttoptr(args[0], context.get_value_type(kind))

    return _builtin(lambda _, address: (kind(types.int64), code))


as_bytes, as_words, as_places = _cast(BYTES), _cast(WORDS), _cast(PLACES)
