"""What is written file by file is what growing in memory gives, bit by bit; damage and odd files."""

from itertools import chain
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from tokbench.io.quiet import quiet
from tokbench.model import stream
from tokbench.model.loading import load_model
from tokbench.model.resize import apply
from tokbench.model.row_plan import RowInit, plan_added, plan_moved
from tokbench.model.safetensors_files import read_header
from tokbench.model.stored_model import stored_model
from tokbench.model.stream import Rewrite, rewrite

KINDS = [
    ("bert", "BertForMaskedLM"),  # tied, a bias
    ("gpt2", "GPT2LMHeadModel"),
    ("llama", "LlamaForCausalLM"),  # an output matrix of its own
    ("mobilebert", "MobileBertForMaskedLM"),  # tokens in the second dimension
    ("bart", "BartForConditionalGeneration"),  # three names, a buffer
    ("gemma4_text", "Gemma4ForCausalLM"),  # a second table
]
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
V = 128  # of the tiny models


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(chain.from_iterable(load_file(file).items() for file in folder.glob("*.safetensors")))


@pytest.fixture(scope="module")
def stored(tiny, tmp_path_factory):
    """A function: the folder of a tiny model in a number type, in one file or several."""
    made = {}

    def saved(kind, name, dtype=torch.float32, *, sharded=False):
        place = (kind, dtype, sharded)
        if place not in made:
            folder = tmp_path_factory.mktemp(kind)
            tiny.saved(kind, folder, name=name)
            loaded = load_model(folder).model.to(dtype)
            for file in folder.glob("*.safetensors*"):
                file.unlink()
            with quiet():
                loaded.save_pretrained(folder, max_shard_size="10KB" if sharded else "50GB")
            made[place] = folder
        return made[place]

    return saved


def change_of(folder, plan, start=None, *, seed=0, vocabulary=()):
    model = stored_model(folder)
    keys = model.keys(vocabulary)
    start = start or RowInit(label="pieces", way="pieces", pieces={})
    tables = model.tables(keys)
    return Rewrite(
        stored=model, tables=tables, measure=model.measure(keys, tables), plan=plan, start=start, seed=seed
    )


@st.composite
def plans(draw):
    """A plan for V rows, added or moved, and how its rows start."""
    tokens = draw(st.integers(V // 2, V))
    ids = st.integers(0, V + 40)
    if draw(st.booleans()):
        new = draw(st.lists(ids.filter(lambda row: row >= tokens), min_size=1, max_size=12, unique=True))
        plan = plan_added(V, tokens, new, draw(st.sampled_from([None, 8, 64])), shrink=draw(st.booleans()))
    else:
        size = draw(st.integers(2, V + 30))
        kept = draw(st.dictionaries(st.integers(0, size - 1), st.integers(0, V - 1), max_size=size))
        plan = plan_moved(V, kept, tokens, size, draw(st.sampled_from([None, 8])))
    old = st.lists(st.integers(0, tokens - 1), max_size=6)
    pieces = {row: draw(old) for row in plan.started[:20]}
    weights = {
        row: draw(st.lists(st.floats(0.1, 3), min_size=len(ids), max_size=len(ids)))
        for row, ids in pieces.items()
        if ids and draw(st.booleans())
    }
    described = {row: draw(old) or [0] for row in plan.started[:3] if draw(st.booleans())}
    way = draw(st.sampled_from(["pieces", "mean", "normal", "zero"]))
    return plan, RowInit(label=way, way=way, pieces=pieces, weights=weights, described=described)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@pytest.mark.parametrize(("kind", "name"), KINDS)
@given(
    planned=plans(),
    dtype=st.sampled_from(DTYPES),
    sharded=st.booleans(),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_a_stream_writes_what_growing_in_memory_gives(
    stored, tmp_path_factory, kind, name, planned, dtype, sharded, seed, data
):
    plan, start = planned
    folder, out = stored(kind, name, dtype, sharded=sharded), tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        size = data.draw(st.sampled_from([64, 1000, 1 << 23]))  # bytes held at a time
        patch.setattr(stream, "CHUNK", size)
        done = rewrite(change_of(folder, plan, start, seed=seed), out)
    model = load_model(folder).model
    resized = apply(
        model,
        plan,
        start=start.way,
        pieces=start.pieces,
        weights=start.weights,
        described=start.described,
        seed=seed,
    )
    wanted, found = model.state_dict(), tensors_of(out)
    assert {key: each for key, each in found.items() if key not in wanted} == {}
    assert set(found) == set(tensors_of(folder))
    for key, each in found.items():
        assert each.dtype == wanted[key].dtype, key
        assert torch.equal(each, wanted[key]), key
    assert done.started == sum(len(plan.started) for _ in resized.tables) or kind == "gemma4_text"
    assert (done.sha256, done.files) == (
        rewrite_hash(folder, change_of(folder, plan, start)),
        len(list(out.glob("*.safetensors"))),
    )


def rewrite_hash(folder, change):
    """The hash over what the vocabulary does not size, made from the old files alone."""
    from hashlib import sha256

    sized = {name for table in change.tables for name in table.names}
    lines = []
    for file in folder.glob("*.safetensors"):
        content = file.read_bytes()
        for name, tensor in read_header(file).items():
            if name not in sized:
                lines.append(
                    f"{name} {sha256(content[tensor.start : tensor.start + tensor.size]).hexdigest()}\n"
                )
    return sha256("".join(sorted(lines)).encode()).hexdigest()
