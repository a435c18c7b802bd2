"""Whatever is in a folder, check finds something to say or refuses in one sentence."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokbench.checks.run import check
from tokbench.errors import TokbenchError

from .folders import MODELS, clean_pair

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10)
    | st.sampled_from([2**32 - 1, 10**30, 1e30])
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "id", "content", "x"]), inner)
    ),
    max_leaves=4,
)
PARTS = ("raw", "config", "model", "sides")


def places(node, path=()):
    """The way to every value; of long lists and vocabularies only the beginning."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for (key, value), _ in zip(inner, range(30), strict=False):
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutants")


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(kind=st.sampled_from(list(MODELS)), part=st.sampled_from(PARTS), data=st.data())
def test_any_change_to_any_file_is_looked_at_or_refused(kind, part, data, folder):
    files = clean_pair(kind)
    files.sides = {
        "special_tokens_map.json": {"pad_token": "a"},
        "generation_config.json": {"eos_token_id": [1]},
    }
    root = copy.deepcopy(getattr(files, part))
    path = data.draw(st.sampled_from(list(places(root))))
    node = root
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = data.draw(JSON)
    setattr(files, part, root)
    assert [words for words in said(files.write(folder)) if "\n" in words] == []


def said(folder):
    """All that check says of a folder: its findings' evidence, or the one sentence of an error."""
    try:
        return [finding.evidence for finding in check(folder, quick=True).findings]
    except TokbenchError as error:
        return [error.message, error.fix]


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors"]
)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"null", b"{}"])
def test_a_file_of_anything_else_is_looked_at_or_refused(name, content, tmp_path):
    folder = clean_pair("bert").write(tmp_path)
    (folder / name).write_bytes(content)
    assert all(isinstance(words, str) for words in said(folder))
