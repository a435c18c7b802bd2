"""What the tests of this room share."""

import pytest

from tokbench.checks.run import check


@pytest.fixture
def checked(tmp_path):
    """Write files into a folder and check it, without transformers unless asked."""

    def look(files, *, quick=True):
        return check(files.write(tmp_path / "folder"), quick=quick, data=files.texts(tmp_path))

    return look
