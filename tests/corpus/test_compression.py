import gzip
import tracemalloc

import pytest

from tokbench.corpus.reading import open_corpus
from tokbench.errors import DataError

from .formats import pack

PACKED = ["gz", "zst", "xz", "bz2"]
TEXTS = [f"text number {number * 7919 % 10007} of some" for number in range(5_000)]
DATA = "\n".join(TEXTS).encode()


@pytest.mark.parametrize("compression", PACKED)
def test_a_file_that_is_cut_short_says_so_wherever_it_is_cut(put, refusal, compression):
    whole = pack(DATA, compression)
    for length in (len(whole) // 3, len(whole) - 5):
        path = put(f"a.txt.{compression}", whole[:length])
        message, fix = refusal(DataError, path)
        assert message == f"{path} is cut short: its {compression} data ends in the middle"
        assert str(path) in fix
        assert "get the file again" in fix


@pytest.mark.parametrize("compression", PACKED)
def test_damaged_data_is_refused(put, refusal, compression):
    whole = bytearray(pack(DATA, compression))
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    path = put(f"a.txt.{compression}", bytes(whole))
    assert refusal(DataError, path)[0].startswith(f"{path} is ")


@pytest.mark.parametrize("compression", PACKED)
def test_a_file_that_is_not_packed_at_all_is_refused(put, refusal, compression):
    path = put(f"a.txt.{compression}", b"just some text, and not packed in any way\n" * 9)
    assert refusal(DataError, path)[0].startswith(f"{path} is not whole {compression} data: ")


@pytest.mark.parametrize("compression", PACKED)
def test_several_packed_files_in_a_row_are_one(put, read, compression):
    path = put(f"a.txt.{compression}", pack(b"one\n", compression) + pack(b"two\n", compression))
    assert read(path)[0] == ["one", "two"]


def test_a_zst_file_may_hold_skippable_frames(put, read):
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00" + b"note"
    path = put("a.txt.zst", skippable + pack(DATA, "zst") + skippable)
    assert read(path)[0] == TEXTS


@pytest.mark.parametrize("compression", PACKED)
def test_a_bomb_streams_in_little_memory(put, compression):
    path = put(f"a.txt.{compression}", pack(b"x" * (1 << 23), compression))
    tracemalloc.start()
    try:
        assert sum(len(text) for batch in open_corpus([path]) for text in batch) == 1 << 23
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 << 22


def test_an_empty_gz_file_holds_no_texts(put, refusal):
    assert "no texts in" in refusal(DataError, put("a.txt.gz", gzip.compress(b"")))[0]
