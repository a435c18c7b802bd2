"""Headers against the safetensors library itself, on damage, and on a file too large to be read."""

import json
import struct
import time

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tests.checks.folders import write_header
from tokbench.errors import FileError
from tokbench.model.safetensors_files import Tensor, read_header

DTYPES = {"float32": "F32", "float16": "F16", "int64": "I64", "uint8": "U8", "bool": "BOOL"}


@given(
    shapes=st.dictionaries(
        st.text("abc._", min_size=1, max_size=8),
        st.tuples(st.lists(st.integers(0, 4), max_size=3), st.sampled_from(list(DTYPES))),
        max_size=5,
    )
)
def test_the_header_says_what_the_library_wrote(shapes, tmp_path_factory):
    path = tmp_path_factory.mktemp("header") / "model.safetensors"
    save_file({name: numpy.zeros(shape, kind) for name, (shape, kind) in shapes.items()}, path)
    assert read_header(path) == {
        name: Tensor(tuple(shape), DTYPES[kind]) for name, (shape, kind) in shapes.items()
    }


@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_header_or_a_problem(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("bytes") / "model.safetensors"
    path.write_bytes(content)
    assert "\n" not in said(path)


def said(path):
    try:
        return str(sorted(read_header(path)))
    except FileError as error:
        return error.message


def test_a_gigabyte_takes_no_time(tmp_path):
    path = write_header(
        tmp_path / "model.safetensors", {"wte.weight": (50_000, 5_000), "lm_head.weight": (7, 2)}
    )
    assert path.stat().st_size > 1_000_000_000
    start = time.perf_counter()
    assert read_header(path)["wte.weight"] == Tensor((50_000, 5_000), "F32")
    assert time.perf_counter() - start < 1


def header(**entries):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no whole safetensors file: 0 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no whole safetensors file"),
        (struct.pack("<Q", 10**9) + b"x" * 40, "header of 1,000,000,000"),
        (struct.pack("<Q", 4) + b"\xff\xfe\x00\x00", "no readable header"),
        (struct.pack("<Q", 2) + b"[]", "list, not an object"),
        (header(a=ENTRY) + b"1234", "is cut: its tensors need 8 bytes, it has 4"),
        (header(a=ENTRY) + b"123456789", "it has 9"),
        (header(a=ENTRY, b=ENTRY) + b"12345678", "overlap or leave a gap at byte 0"),
        (header(a=ENTRY | {"shape": [3]}) + b"12345678", "a in model.safetensors is described wrongly"),
        (header(a=ENTRY | {"shape": [-2]}) + b"12345678", "described wrongly"),
        (header(a=ENTRY | {"data_offsets": [8, 0]}) + b"12345678", "described wrongly"),
        (header(a=7), "described wrongly"),
    ],
)
def test_damage_is_named(content, words, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read_header(path)
    assert words in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_narrow_numbers_are_measured_in_bits(tmp_path):
    path = tmp_path / "model.safetensors"
    entry = {"dtype": "F4", "shape": [3, 2], "data_offsets": [0, 3]}
    path.write_bytes(header(a=entry, b=entry | {"dtype": "NEW", "data_offsets": [3, 5]}) + b"12345")
    assert read_header(path)["a"] == Tensor((3, 2), "F4")


def test_a_folder_in_the_files_place_is_refused(tmp_path):
    with pytest.raises(FileError, match="is not a file"):
        read_header(tmp_path)
