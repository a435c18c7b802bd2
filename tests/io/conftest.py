"""The folders of the tests of pretrained."""

from tests.pretrained.conftest import folder, kind, kinds, make_folder

__all__ = ["folder", "kind", "kinds", "make_folder"]
