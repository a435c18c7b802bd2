"""Ids from the cache are the ones that would be made; what is damaged or foreign costs nothing."""

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tokbench.errors import DataError, UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data import token_cache
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.data.rows import Rows
from tokbench.finetuning.data.token_cache import RowIds, key_of
from tokbench.finetuning.data.tokenize import tokenize_rows
from tokbench.finetuning.stages import prepare_run
from tokbench.finetuning.tasks import TASKS
from tokbench.io import cache as user_cache
from tokbench.native.ragged import ragged

TEXTS = ["good film", "x " * 40, "a\u00e9 [SEP]", "bad", "\ud55c\uad6d bad!!"]
OTHERS = TEXTS[::-1]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache that everything is worth to be kept in."""
    (tmp_path / "caches").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(token_cache, "WORTH_CACHING", 0)
    return tmp_path / "caches" / "tokbench" / "ids"


def rows_of(texts, pairs=None) -> Rows:
    return Rows(texts, pairs, [0] * len(texts))


def arrays(encoded):
    return [each.tolist() for each in (encoded.ids, encoded.type_ids, encoded.starts)] + [encoded.truncated]


def read(tokenizer, rows, **how):
    return tokenize_rows(tokenizer, rows, **{"max_length": 20, "task": TASKS["rte"], "cache": True, **how})


def flat(rows: list[list[int]], types: bool, truncated: int = 0) -> RowIds:
    made = ragged(rows)
    return RowIds(made.ids, made.starts, made.ids % 3 if types else None, truncated)


@pytest.mark.parametrize("pairs", [None, OTHERS])
def test_ids_from_the_cache_are_the_ones_made_without_it(pairs, tokenizer, cache):
    rows = rows_of(TEXTS, pairs)
    made, first = read(tokenizer, rows, cache=False), read(tokenizer, rows)
    assert len(list(cache.iterdir())) == 1
    again = read(tokenizer, rows)
    assert arrays(first) == arrays(again) == arrays(made)
    assert [each.dtype for each in (again.ids, again.type_ids, again.starts)] == [np.int64] * 3
    assert made.truncated > 0


def test_the_second_time_the_ids_come_from_the_file(tokenizer, cache):
    rows = rows_of(TEXTS)
    first = read(tokenizer, rows)
    [path] = cache.iterdir()
    other = flat([[7]] * len(TEXTS), types=False)
    token_cache.cache_ids(path.stem, other)
    assert first.ids.tolist() != [7] * len(TEXTS)
    assert read(tokenizer, rows).ids.tolist() == [7] * len(TEXTS)
    assert read(tokenizer, rows, cache=False).ids.tolist() == first.ids.tolist()


def open_folder(path):
    path.parent.chmod(0o777)


def open_file(path):
    path.chmod(0o666)


def strangers_file(path):
    os.chown(path, 65534, -1)


def strangers_folder(path):
    os.chown(path.parent, 65534, -1)


ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")


@pytest.mark.parametrize(
    "opening",
    [
        open_folder,
        open_file,
        pytest.param(strangers_file, marks=ROOT),
        pytest.param(strangers_folder, marks=ROOT),
    ],
)
def test_ids_that_others_could_have_written_are_not_trained_on_and_that_is_said(
    opening, tokenizer, cache, monkeypatch
):
    monkeypatch.setattr(user_cache, "TROUBLES", {})
    rows = rows_of(TEXTS)
    first = read(tokenizer, rows)
    [path] = cache.iterdir()
    token_cache.cache_ids(path.stem, flat([[7]] * len(TEXTS), types=False))
    opening(path)
    assert read(tokenizer, rows).ids.tolist() == first.ids.tolist()
    [said] = user_cache.TROUBLES.values()
    assert said.startswith(f"what is in the cache {cache} is not used: ")


def test_labels_are_no_part_of_it(tokenizer, cache):
    read(tokenizer, Rows(TEXTS, None, [0, 1, 0, 1, 0]))
    again = read(tokenizer, Rows(TEXTS, None, [1, 1, 1, 0, 0]))
    assert again.labels.tolist() == [1, 1, 1, 0, 0]
    assert len(list(cache.iterdir())) == 1


def test_a_file_holds_ids_and_hashes_only_and_is_the_users_alone(tokenizer, cache):
    read(tokenizer, rows_of(["good secret film", "bad"], ["good", "another"]))
    [path] = cache.iterdir()
    assert b"secret" not in path.read_bytes()
    assert set(load_file(path)) == {"ids", "lengths", "truncated", "type_ids"}
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_small_splits_are_not_kept(tokenizer, cache, monkeypatch):
    monkeypatch.setattr(token_cache, "WORTH_CACHING", 1000)
    read(tokenizer, rows_of(TEXTS))
    assert not cache.exists()


@pytest.mark.parametrize(("word", "files"), [("on", 2), ("off", 0)])
def test_a_run_keeps_its_ids_unless_the_cache_is_off(word, files, official, plan, cache):
    chosen = plan(data=str(official("rte")), task="rte", cache=word)
    prepare_run(chosen, read_data(chosen))
    assert len(list(cache.glob("*"))) == files


def test_the_setting_is_on_or_off():
    assert FinetuneConfig().cache == "on"
    with pytest.raises(UsageError, match="cache cannot be 'never'"):
        FinetuneConfig(cache="never")


def test_nothing_else_has_the_same_key(tokenizer, tokenizer_folder):
    backend = tokenizer.backend_tokenizer

    def keys():
        yield key_of(backend, rows_of(["ab", "c"]), 20)
        yield key_of(backend, rows_of(["a", "bc"]), 20)
        yield key_of(backend, rows_of(["abc"]), 20)
        yield key_of(backend, rows_of(["ab", "c"], ["", ""]), 20)
        yield key_of(backend, rows_of(["", ""], ["ab", "c"]), 20)
        yield key_of(backend, rows_of(["ab", "c", "", ""]), 20)
        yield key_of(backend, rows_of(["c", "ab"]), 20)
        yield key_of(backend, rows_of(["ab", "c"]), 21)
        backend.encode_special_tokens = True
        yield key_of(backend, rows_of(["ab", "c"]), 20)
        backend.encode_special_tokens = False
        for side in ("right", "left"):
            backend.enable_truncation(20, direction=side)
            yield key_of(backend, rows_of(["ab", "c"]), 20)
        backend.add_tokens(["abc"])
        yield key_of(backend, rows_of(["ab", "c"]), 20)
        backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        yield key_of(backend, rows_of(["ab", "c"]), 20)

    found = list(keys())
    assert None not in found
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", ["__version__", "SCHEMA"])
def test_another_version_reads_none_of_it(name, tokenizer, monkeypatch):
    before = key_of(tokenizer.backend_tokenizer, rows_of(TEXTS), 20)
    monkeypatch.setattr(token_cache, name, "another")
    assert key_of(tokenizer.backend_tokenizer, rows_of(TEXTS), 20) != before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    one=st.lists(st.text(alphabet="ab\0\ud800\u00e9", max_size=3), min_size=1, max_size=4),
    two=st.lists(st.text(alphabet="ab\0\ud800\u00e9", max_size=3), min_size=1, max_size=4),
)
def test_two_lists_of_texts_have_one_key_only_when_they_are_one(one, two, tokenizer):
    backend = tokenizer.backend_tokenizer
    assert (key_of(backend, rows_of(one), 20) == key_of(backend, rows_of(two), 20)) == (one == two)


def test_the_key_is_the_same_however_many_rows_are_hashed_at_a_time(tokenizer, monkeypatch):
    texts = [f"a {number}" for number in range(10)]
    whole = key_of(tokenizer.backend_tokenizer, rows_of(texts), 20)
    monkeypatch.setattr(token_cache, "ROWS_HASHED", 3)
    parted = key_of(tokenizer.backend_tokenizer, rows_of(texts), 20)
    assert len({whole, parted, key_of(tokenizer.backend_tokenizer, rows_of(texts), 20)}) == 2


@pytest.mark.parametrize(
    "model",
    [
        models.BPE({"a": 0, "b": 1}, [], dropout=0.1),
        models.Unigram([("[UNK]", 0.0), ("a", -1.0)], 0, False, alpha=0.1, nbest_size=4),
    ],
)
def test_a_tokenizer_that_draws_lots_is_asked_each_time(model):
    assert key_of(Tokenizer(model), rows_of(["a"]), 20) is None


def test_a_tokenizer_with_a_block_in_python_is_asked_each_time(tokenizer):
    class Halves:
        """A pre_tokenizer of the user's own."""

        def pre_tokenize(self, text):
            text.split(lambda _, each: [each[:1], each[1:]])

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Halves())
    assert key_of(tokenizer.backend_tokenizer, rows_of(["a"]), 20) is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.lists(st.sampled_from([0, 255, 256, 65_535, 65_536, 2**32 - 1]), max_size=5), max_size=5
    ),
    types=st.booleans(),
    truncated=st.integers(0, 300),
)
def test_what_is_put_is_what_is_taken(rows, types, truncated):
    whole = flat(rows, types, truncated)
    token_cache.cache_ids("key", whole)
    found = token_cache.cached_ids("key")
    assert found.ids.tolist() == whole.ids.tolist()
    assert found.starts.tolist() == whole.starts.tolist()
    assert (found.type_ids is None) == (whole.type_ids is None)
    assert found.segments.ids.tolist() == whole.segments.ids.tolist()
    assert found.truncated == truncated


def test_ids_take_as_few_bytes_as_they_need(cache):
    for highest, size in ((255, 1), (256, 2), (65_535, 2), (65_536, 4)):
        token_cache.cache_ids("key", flat([[0, highest]], types=False))
        assert load_file(cache / "key.safetensors")["ids"].itemsize == size


def test_a_damaged_file_is_no_file_and_is_made_again(tokenizer, cache):
    rows = rows_of(TEXTS, OTHERS)
    made = arrays(read(tokenizer, rows))
    [path] = cache.iterdir()
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):  # all over header and arrays
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert (
            token_cache.cached_ids(path.stem) is None or whole[place : place + 1] == b" "
        )  # after the header's end
    for kept in (0, 7, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        assert token_cache.cached_ids(path.stem) is None
    assert arrays(read(tokenizer, rows)) == made
    assert token_cache.cached_ids(path.stem).ids.tolist() == made[0]


def test_a_foreign_file_is_no_file(cache):
    token_cache.cache_ids("key", flat([[1, 2]], types=False))
    (cache / "other.safetensors").write_bytes((cache / "key.safetensors").read_bytes())
    assert token_cache.cached_ids("other") is None
    save_file({"weight": np.zeros(3, np.float32)}, cache / "key.safetensors")
    assert token_cache.cached_ids("key") is None
    (cache / "key.safetensors").write_text(json.dumps({"schema": token_cache.SCHEMA}))
    assert token_cache.cached_ids("key") is None


def test_a_folder_in_the_files_place_changes_nothing(tokenizer, cache):
    rows = rows_of(TEXTS)
    made = arrays(read(tokenizer, rows))
    [path] = cache.iterdir()
    path.unlink()
    path.mkdir()
    assert arrays(read(tokenizer, rows)) == made
    assert list(cache.iterdir()) == [path]  # nothing half-written beside it


def test_a_cache_that_cannot_be_written_changes_nothing(tokenizer, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    rows = rows_of(TEXTS)
    assert arrays(read(tokenizer, rows)) == arrays(read(tokenizer, rows, cache=False))


def test_a_full_disk_leaves_nothing_half_written(cache):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        token_cache.cache_ids("key", flat([[1] * 5000], types=False))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not cache.exists()
    assert token_cache.cached_ids("key") is None


def test_files_not_used_for_longest_leave_first(cache, monkeypatch):
    for number in range(4):
        token_cache.cache_ids(f"key{number}", flat([[number] * 1000], types=False))
        os.utime(cache / f"key{number}.safetensors", (number, number))
    (cache / "left-by-a-killed-process.part").write_bytes(b"\0" * 1000)
    os.utime(cache / "left-by-a-killed-process.part", (0, 0))
    (cache / "notes.txt").write_text("not ours")
    size = (cache / "key0.safetensors").stat().st_size
    assert token_cache.cached_ids("key0") is not None  # used just now
    monkeypatch.setattr(token_cache, "MOST_BYTES", 3 * size + 10)
    token_cache.cache_ids("key4", flat([[4] * 1000], types=False))
    assert {path.name for path in cache.iterdir()} == {
        *(f"key{number}.safetensors" for number in (0, 3, 4)),
        "notes.txt",
    }


def test_what_is_larger_than_the_limit_is_not_kept(cache, monkeypatch):
    token_cache.cache_ids("key", flat([[1]], types=False))
    monkeypatch.setattr(token_cache, "MOST_BYTES", 1000)
    token_cache.cache_ids("large", flat([[1] * 1000], types=False))
    assert [path.stem for path in cache.iterdir()] == ["key"]


def test_rows_without_a_token_are_an_error_from_the_cache_too(tokenizer):
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B")
    for _ in range(2):
        with pytest.raises(DataError, match="no token"):
            read(tokenizer, rows_of(["good", " "]))


def test_other_rows_of_the_same_key_would_be_made_anew(tokenizer, cache):
    rows = rows_of(TEXTS)
    made = arrays(read(tokenizer, rows))
    [path] = cache.iterdir()
    token_cache.cache_ids(path.stem, flat([[7]], types=False))
    assert arrays(read(tokenizer, rows)) == made
