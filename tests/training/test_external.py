"""A small budget changes where words wait, not what is counted."""

import os
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from tokbench.errors import DataError, FileError, UsageError
from tokbench.native.scanner import scanner_for
from tokbench.training.counting import external
from tokbench.training.counting.external import (
    SMALLEST_BUDGET,
    Counting,
    count_externally,
    in_final_order,
    write_runs,
)
from tokbench.training.counting.store import joined_words, packed_of_counts, summed
from tokbench.training.word_counts import WordCounts

ENGINES = ("compiled", "library")
table = st.dictionaries(st.text("\0ab가", max_size=20), st.integers(1, 9), max_size=40)


def how(engine, folder, memory=SMALLEST_BUDGET, **more):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    scanner = None
    if engine == "compiled":
        pytest.importorskip("numba")
        scanner = scanner_for(tokenizer)
    return Counting(tokenizer, scanner, memory, folder=folder, **more)


@pytest.fixture(scope="module")
def many():
    """Batches of texts with 150,000 different words, more than the smallest budget can hold."""
    chance = random.Random(3)
    vocabulary = [f"{chance.getrandbits(120):x}"[: chance.randrange(4, 30)] for _ in range(150_000)]
    words = vocabulary + chance.choices(vocabulary[:2000], k=100_000)
    chance.shuffle(words)
    texts = [" ".join(words[start : start + 50]) for start in range(0, len(words), 50)]
    return [texts[start : start + 100] for start in range(0, len(texts), 100)]


@pytest.fixture(scope="module")
def expected(many):
    return list(
        WordCounts.of(
            Counter(word for batch in many for text in batch for word in text.split())
        ).counts.items()
    )


def items(blocks):
    return [item for block in blocks for item in block.word_counts().counts.items()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("memory", [SMALLEST_BUDGET, external.BUDGET])
def test_the_words_are_the_same_within_any_budget_and_none_are_left_on_the_disk(
    tmp_path, many, expected, engine, memory
):
    with count_externally(many, how(engine, tmp_path, memory)) as blocks:
        files = [name for _, _, names in os.walk(tmp_path) for name in names]
        found = items(blocks)
    assert found == expected
    assert (len(files) > 1) == (memory < external.BUDGET)
    assert list(tmp_path.iterdir()) == []


def test_bytes_and_one_thread_give_the_same(tmp_path, many, expected):
    lines = ["".join(text + "\n" for text in batch).encode() for batch in many]
    with count_externally(lines, how("compiled", tmp_path, threads=1)) as blocks:
        assert items(blocks) == expected


def test_rare_words_are_dropped_at_the_end_and_not_in_each_run(tmp_path, many, expected):
    with count_externally(many, how("compiled", tmp_path), min_count=3) as blocks:
        assert items(blocks) == [item for item in expected if item[1] >= 3]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, DataError("bad")])
def test_an_error_while_reading_passes_through_and_leaves_nothing(tmp_path, many, engine, error):
    def texts():
        yield from many[: len(many) // 2]
        raise error

    with pytest.raises((KeyboardInterrupt, DataError)), count_externally(texts(), how(engine, tmp_path)):
        pytest.fail("there is nothing to see")
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_merging_leaves_nothing(tmp_path, many):
    def stop_after_one(blocks):
        next(blocks)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), count_externally(many, how("compiled", tmp_path)) as blocks:
        stop_after_one(blocks)
    assert list(tmp_path.iterdir()) == []


def test_no_texts_have_no_words(tmp_path):
    for engine in ENGINES:
        with count_externally([], how(engine, tmp_path)) as blocks:
            assert items(blocks) == []


def test_a_budget_in_which_nothing_fits_is_refused(tmp_path):
    with (
        pytest.raises(UsageError, match="too few"),
        count_externally([], how("library", tmp_path, memory=1000)),
    ):
        pytest.fail("there is nothing to see")


def test_progress_tells_the_bytes_counted(tmp_path, many):
    told = []
    progress = lambda stage, done, total=None: told.append((stage, done))  # noqa: E731
    with count_externally(many, how("compiled", tmp_path), progress=progress):
        assert told[-1] == ("count", sum(len(text) + 1 for batch in many for text in batch))


@settings(max_examples=60, deadline=None)
@given(st.lists(table, max_size=5), st.integers(1, 3))
def test_runs_merge_to_the_sums_in_order_however_small_the_blocks(tmp_path_factory, tables, min_count):
    folder = tmp_path_factory.mktemp("runs")
    total = sum((Counter(each) for each in tables), Counter())
    written = [
        [run]
        for run in write_runs(
            folder / "all", [packed_of_counts(WordCounts(each)).by_word() for each in tables]
        )
    ]
    found = items(in_final_order(written, folder, memory=1, min_count=min_count))
    kept = {word: count for word, count in total.items() if count >= min_count}
    assert found == list(WordCounts.of(kept).counts.items())


@given(st.lists(table, min_size=1, max_size=4))
def test_sums_are_those_of_python(tables):
    total = sum((Counter(each) for each in tables), Counter())
    words = summed(joined_words([packed_of_counts(WordCounts(each)) for each in tables]))
    assert list(words.word_counts().counts.items()) == sorted(total.items())


@given(table)
def test_both_orders_are_those_of_python(counts):
    words = packed_of_counts(WordCounts(counts))
    assert list(words.by_word().word_counts().counts.items()) == sorted(counts.items())
    assert list(words.by_count().word_counts().counts.items()) == list(WordCounts.of(counts).counts.items())


def test_long_words_are_read_in_blocks_of_few(tmp_path):
    counts = {chr(0x41 + number) * 50_000: number + 1 for number in range(20)}
    written = write_runs(tmp_path / "long", [packed_of_counts(WordCounts(counts)).by_word()])
    blocks = list(external.summed_by_word([written], memory=1 << 10))
    assert len(blocks) == 20
    assert items(blocks) == sorted(counts.items())


def test_a_run_that_was_cut_short_is_noticed(tmp_path):
    [run] = write_runs(tmp_path / "run", [packed_of_counts(WordCounts({"a": 1, "b": 2}))])
    run.path.write_bytes(run.path.read_bytes()[:-1])
    with pytest.raises(FileError, match="cut short"):
        list(external.summed_by_word([[run]], memory=1 << 20))


def test_counts_beyond_32_bits_are_kept(tmp_path):
    words = packed_of_counts(WordCounts({"a": (1 << 40) + 1}))
    [block] = in_final_order([[run] for run in write_runs(tmp_path / "run", [words, words])], tmp_path)
    assert np.array_equal(block.counts, [(1 << 41) + 2])


@pytest.mark.parametrize("fan", [2, 3, 256])
def test_more_runs_than_files_may_be_open_are_merged_in_passes(tmp_path, monkeypatch, fan):
    monkeypatch.setattr(external, "FAN", fan)
    tables = [{f"w{number % 7}": number + 1, f"v{number}": 1} for number in range(20)]
    written = [
        [run]
        for run in write_runs(
            tmp_path / "all", [packed_of_counts(WordCounts(each)).by_word() for each in tables]
        )
    ]
    total = sum((Counter(each) for each in tables), Counter())
    assert items(in_final_order(written, tmp_path, memory=1)) == list(WordCounts.of(total).counts.items())
