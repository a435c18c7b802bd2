"""What all tests share: quiet libraries, no network, and slow tests only when they are asked for."""

import gc
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# Modules and collected tests live to the end: looking through them for garbage costs a tenth of the suite.
gc.set_threshold(50_000, 20, 50)

# How long an example takes is the machine's affair; what it shows is the test's.
settings.register_profile("tokbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tokbench")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_modifyitems(items):
    if os.environ.get("TOKBENCH_SLOW"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: set TOKBENCH_SLOW=1 to run it"))


def pytest_collection_finish():
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item, nextitem):
    """Libraries that a test was the first to load live as long."""
    if len(sys.modules) > item.config.stash.get(LOADED, 0) + 200:
        item.config.stash[LOADED] = len(sys.modules)
        gc.collect()
        gc.freeze()


LOADED = pytest.StashKey[int]()
HOLDERS = ("list", "iterator", "generator", "pyarrow", "datasets", "pandas", "polars")


def _held(library, texts):
    """Name, object and column of what a library holds texts in."""
    if library in ("list", "iterator", "generator"):
        made = {"list": list, "iterator": iter, "generator": lambda those: (text for text in those)}
        yield library, made[library](texts), None
        return
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    columns = {"n": list(range(len(texts))), "t": list(texts)}
    if library == "pyarrow":
        yield "Array", module.array(texts), None
        yield "ChunkedArray", module.chunked_array([texts[:1], texts[1:]]), None
        yield "dictionary Array", module.array(texts).dictionary_encode(), None
        yield "Table", module.table(columns), "t"
        yield "RecordBatch", module.record_batch(columns), "t"
    elif library == "datasets":
        dataset = module.Dataset.from_dict(columns)
        yield "Dataset", dataset, "t"
        yield "a Dataset's column", dataset["t"], None
        yield "IterableDataset", dataset.to_iterable_dataset(), "t"
    else:
        frame = module.DataFrame(columns)
        yield f"DataFrame of {library}", frame, "t"
        yield f"Series of {library}", frame["t"], None
        if library == "pandas":
            yield "objects of pandas", module.Series(texts, dtype=object), None


@pytest.fixture(params=HOLDERS)
def holders(request):
    """Every way in which a library holds texts: a function of the texts."""
    return lambda texts: list(_held(request.param, texts))
