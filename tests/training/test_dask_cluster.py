"""However the corpus is cut and whoever counts the shards, the file of counts is the same to the byte."""

import gzip
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tokbench.corpus.reading import Intake, open_corpus
from tokbench.errors import DataError, FileError, UsageError
from tokbench.training.counting import dask_cluster
from tokbench.training.counting.count_corpus import CountOptions, count_corpus
from tokbench.training.counting.dask_cluster import Cluster, count_distributed
from tokbench.training.counting.store import joined_words

distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
pytest.importorskip("pyarrow")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # sockets that dask closes when collected


def byte_level():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def started(**more):
    return distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        **more,
    )


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Two workers, each a process of its own."""
    with started(local_directory=str(tmp_path_factory.mktemp("workers"))) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def folder(tmp_path):
    """Text of some 300 KB with marks, blank and very long lines; a table; a compressed file."""
    chance = random.Random(1)
    words = ["the", "안녕", "naïve", "\ufeffmark", "a\tb", "  two", "1234", "don't", "\U0001f600"]
    lines = [" ".join(chance.choices(words, k=chance.randrange(0, 30))) for _ in range(3000)]
    lines[500] = "long " * 30_000
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "b.txt").write_bytes(("\ufeff" + "\r\n".join(lines)).encode())
    (corpus / "a.txt").write_text("\ufeffmark at the start\n", encoding="utf-8")
    (corpus / "c.txt.gz").write_bytes(gzip.compress("\n".join(lines[:100]).encode()))
    (corpus / "d.jsonl").write_text(
        "".join(json.dumps({"text": line}) + "\n" for line in lines[:200] if line.strip())
    )
    return corpus


def local(paths, made, folder, **more):
    return count_corpus(paths, made, folder / "local.parquet", **more)


def with_dask(paths, made, folder, scheduler, **more):
    ways = CountOptions(engine="dask", scheduler=scheduler)
    return count_corpus(paths, made, folder / "dask.parquet", ways=ways, **more)


@pytest.mark.parametrize("size", [10_000, 1 << 26])
@pytest.mark.parametrize("min_count", [1, 3])
def test_two_workers_write_the_same_file_as_one_machine(
    tmp_path, folder, scheduler, monkeypatch, size, min_count
):
    monkeypatch.setattr(dask_cluster.plan, "__kwdefaults__", {"size": size})
    one = local([str(folder)], byte_level(), tmp_path, min_count=min_count)
    two = with_dask([str(folder)], byte_level(), tmp_path, scheduler, min_count=min_count)
    assert one.path.read_bytes() == two.path.read_bytes()
    assert (one.corpus, one.fingerprint, one.total) == (two.corpus, two.fingerprint, two.total)
    assert two.engine == "dask"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "dask.parquet", "local.parquet"]


def test_what_the_compiled_loops_do_not_know_is_counted_by_the_library(tmp_path, folder, scheduler):
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits()])
    paths = [str(folder / "b.txt"), str(folder / "c*")]
    one, two = local(paths, made, tmp_path), with_dask(paths, made, tmp_path, scheduler)
    assert one.engine == "library"
    assert one.path.read_bytes() == two.path.read_bytes()


def test_a_dataset_of_parquet_files_is_counted_by_column(tmp_path, scheduler):
    import pyarrow
    from pyarrow import parquet

    folder = tmp_path / "dataset"
    folder.mkdir()
    for number in range(3):
        rows = [f"row {number} {row}" for row in range(50)]
        parquet.write_table(pyarrow.table({"body": rows, "id": rows}), folder / f"{number}.parquet")
    one = local([str(folder)], byte_level(), tmp_path, column="body")
    two = with_dask([str(folder)], byte_level(), tmp_path, scheduler, column="body")
    assert one.path.read_bytes() == two.path.read_bytes()


def test_archives_and_saved_datasets_are_a_shard_each(tmp_path, folder, scheduler):
    datasets = pytest.importorskip("datasets")
    rows = [f"row {number} and more" for number in range(300)]
    datasets.Dataset.from_dict({"text": rows}).save_to_disk(tmp_path / "saved", num_shards=3)
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    shutil.make_archive(str(tmp_path / "packed"), "gztar", folder)
    paths = [str(tmp_path / name) for name in ("packed.zip", "packed.tar.gz", "saved")]
    paths.append((tmp_path / "packed.zip").as_uri())
    one = local(paths, byte_level(), tmp_path)
    two = with_dask(paths, byte_level(), tmp_path, scheduler)
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.corpus == two.corpus


def test_urls_are_read_through_fsspec(tmp_path, folder, scheduler):
    one = local([str(folder)], byte_level(), tmp_path)
    two = with_dask([f"file://{folder}"], byte_level(), tmp_path, scheduler)
    assert one.path.read_bytes() == two.path.read_bytes()


@pytest.mark.slow
def test_files_in_memory_are_counted_by_workers_in_this_process(tmp_path, folder):
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe(f"/corpus/{path.name}", path.read_bytes())
    memory.pipe("/corpus/.hidden.txt", b"not this")
    one = local([str(folder)], byte_level(), tmp_path)
    with started(processes=False) as cluster:
        two = with_dask(["memory://corpus"], byte_level(), tmp_path, cluster.scheduler_address)
    assert one.path.read_bytes() == two.path.read_bytes()


def test_finished_shards_are_not_counted_again(tmp_path, folder, scheduler):
    def run(told):
        progress = lambda stage, done, total=None: told.append((stage, done, total))  # noqa: E731
        with count_distributed(
            [str(folder)],
            byte_level(),
            tmp_path / "work",
            cluster=Cluster(scheduler=scheduler),
            shard_bytes=20_000,
            progress=progress,
        ) as (blocks, corpus, _):
            words = joined_words(list(blocks))
        return words.word_counts().counts, corpus

    told: list[list[tuple[str, int, int | None]]] = [[], [], []]
    first = run(told[0])
    total = told[0][0][2]
    files = sorted((tmp_path / "work").glob("*.json"))
    files[0].unlink()  # as if killed before that shard was done
    again = run(told[1])
    assert again == first
    assert told[0][0] == ("count", 0, total)
    assert told[1][0][1] > 0.8 * total
    assert len([1 for stage, *_ in told[1] if stage == "count"]) == 2
    (folder / "a.txt").write_text("changed\n")
    changed, _ = run(told[2])
    assert "changed" in changed
    assert 0 < told[2][0][1] < told[2][0][2]


@pytest.mark.slow
def test_a_killed_run_with_its_own_workers_leaves_none_and_goes_on_where_it_was(tmp_path, folder):
    work = tmp_path / ".out.parquet.shards"
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, tokbench.training.counting.dask_cluster as shards\n"
        "from tokenizers import Tokenizer\n"
        "from pathlib import Path\n"
        "from tokbench.training.counting.count_corpus import CountOptions, count_corpus\n"
        "if __name__ == '__main__':\n"
        "    shards.plan.__kwdefaults__['size'] = 20000\n"
        "    made = Tokenizer.from_str(sys.argv[2])\n"
        "    ways = CountOptions(engine='dask', workers=1)\n"
        "    count_corpus([sys.argv[1]], made, Path(sys.argv[3]), ways=ways)\n"
    )
    run = [sys.executable, str(script), str(folder), byte_level().to_str(), str(tmp_path / "out.parquet")]
    process = subprocess.Popen(run, start_new_session=True, stderr=subprocess.DEVNULL)
    _wait_for(lambda: len(list(work.glob("*.json"))) > 3)
    process.kill()
    process.wait(timeout=20)
    _wait_for(lambda: not _alive(process.pid))
    assert not (tmp_path / "out.parquet").exists()
    assert len(list(work.glob("*.json"))) > 3
    subprocess.run(run, check=True)
    one = local([str(folder)], byte_level(), tmp_path)
    assert one.path.read_bytes() == (tmp_path / "out.parquet").read_bytes()
    assert not work.exists()


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return bool(_members(group))


def _members(group):
    """The processes of a group that are still running."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            found.append(path.read_text().rpartition(")")[2].split())
    return [stat for stat in found if stat[2] == str(group) and stat[0] != "Z"]


def _wait_for(happened, seconds=20):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("moment", ["starting", "counting"])
def test_ctrl_c_ends_the_workers_at_once_and_without_a_word(tmp_path, moment):
    (tmp_path / "corpus.txt").write_text("the cat and the dog\n" * 3_000_000)
    run = [
        sys.executable,
        "-m",
        "tokbench",
        "count",
        "corpus.txt",
        "-o",
        "out.parquet",
        "--engine",
        "dask",
        "-q",
    ]
    process = subprocess.Popen(run, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True)
    work = tmp_path / ".out.parquet.shards"
    _wait_for(lambda: work.exists() if moment == "counting" else len(_members(process.pid)) > 1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
    begun = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - begun < 0.5 * max(1, os.getloadavg()[0] / os.cpu_count())
    assert (process.returncode, said) == (130, "Stopped; nothing was written.\n")
    _wait_for(lambda: not _alive(process.pid), seconds=2)
    assert [path.name for path in tmp_path.iterdir() if path != work] == ["corpus.txt"]


def test_an_error_in_a_shard_names_the_file_and_the_place(tmp_path, scheduler):
    path = tmp_path / "bad.txt"
    path.write_bytes(b"fine\n" * 100 + b"\xff\n")
    with pytest.raises(DataError, match=r"bad.txt is not UTF-8"):
        with_dask([str(path)], byte_level(), tmp_path, scheduler)
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(DataError, match="only blank ones"):
        with_dask([str(tmp_path / "blank.txt")], byte_level(), tmp_path, scheduler)


def test_what_cannot_be_counted_in_shards_is_refused(tmp_path, scheduler):
    with pytest.raises(FileError, match="stdin"):
        with_dask(["-"], byte_level(), tmp_path, scheduler)
    with pytest.raises(FileError, match="hf:name cannot be counted in shards"):
        with_dask(["hf:name"], byte_level(), tmp_path, scheduler)
    with pytest.raises(FileError, match="nothing-here"):
        with_dask(["memory://nothing-here.txt"], byte_level(), tmp_path, scheduler)
    with pytest.raises(FileError, match="cannot read nosuch"):
        with_dask(["nosuch://a.txt"], byte_level(), tmp_path, scheduler)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("tokbench.training.counting.dask_cluster.ANSWER", 0.5)
    with pytest.raises(UsageError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        with_dask([str(folder)], byte_level(), tmp_path, "tcp://127.0.0.1:9")


lines = st.lists(st.sampled_from(["a", "b c", "", "\ufeffd", "e" * 9, "가나", "\r"]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(lines, st.booleans(), st.integers(1, 30), st.sampled_from(["\n", "\r\n"]))
def test_shards_hold_every_line_once(tmp_path_factory, texts, ended, size, end):
    path = tmp_path_factory.mktemp("shards") / "x.txt"
    path.write_bytes((end.join(texts) + end * ended).encode())
    found, blank, utf8_bytes = [], 0, 0
    for shard in dask_cluster.plan([str(path)], size=size):
        intake = Intake()
        found += [text for batch in dask_cluster.shard_batches(shard, None, intake) for text in batch]
        blank, utf8_bytes = blank + intake.blank, utf8_bytes + intake.utf8_bytes
    corpus = open_corpus([path])
    try:
        whole = [text for batch in corpus for text in batch]
    except DataError:
        assert found == []
        return
    assert found == whole
    assert (blank, utf8_bytes) == (corpus.facts.blank, corpus.facts.utf8_bytes)


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
def test_a_worker_whose_loops_differ_counts_by_the_library_and_that_is_said(tmp_path, monkeypatch):
    """The loops take ByteLevel for WhitespaceSplit here."""
    from tokbench.native import scanner
    from tokbench.training.engine import DIFFERENT
    from tokbench.training.probe import library_words

    wrong = scanner.WordSplit(scanner.count_abi.RUNS, scanner._whitespace_split_flags, bytewise=True)
    monkeypatch.setitem(scanner.PRE_TOKENIZERS, ("ByteLevel",), lambda _: wrong)
    made = byte_level()
    scan = dask_cluster._scan.__wrapped__(made.to_str(), compiled=True)
    texts = ["one two  three", "don't"] * 3
    words, why = scan.count(iter([list(texts)]))
    assert why.startswith(DIFFERENT)
    assert words.word_counts().counts == library_words(made, texts)
