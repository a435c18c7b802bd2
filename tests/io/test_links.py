import pytest

from tokbench.errors import FileError
from tokbench.io.links import copy_inside, links_out, outside_target, refuse_links_out


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "own.txt").write_text("mine")
    return tmp_path / "folder"


def test_a_link_inside_the_folder_is_inside(folder):
    (folder / "again.txt").symlink_to("own.txt")
    assert outside_target(folder / "again.txt", folder) is None
    refuse_links_out(folder)


def test_a_link_out_is_refused_with_both_ends_named(folder):
    (folder / "chat_template.jinja").symlink_to("../secret")
    assert links_out(folder) == {"chat_template.jinja": folder.parent / "secret"}
    with pytest.raises(FileError, match=r"chat_template\.jinja is a link to .*/secret") as raised:
        refuse_links_out(folder)
    assert raised.value.fix.count("secret") == 1
    assert "rm " in raised.value.fix


def test_a_file_behind_a_linked_folder_lies_where_it_lies(folder):
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "config.json").write_text("{}")
    (folder / "1_Pooling").symlink_to("../elsewhere")
    with pytest.raises(FileError, match="elsewhere"):
        copy_inside([(folder / "1_Pooling" / "config.json", folder.parent / "out.json")], folder)
    assert not (folder.parent / "out.json").exists()


def test_the_hubs_cache_links_to_its_own_blobs_and_to_nothing_else(tmp_path):
    home = tmp_path / "models--org--name"
    snapshot = home / "snapshots" / "abc"
    for place in (snapshot / "deep", home / "blobs"):
        place.mkdir(parents=True)
    (home / "blobs" / "123").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/123")
    (snapshot / "deep" / "config.json").symlink_to("../../../blobs/123")
    refuse_links_out(snapshot)
    refuse_links_out(snapshot / "deep")
    (tmp_path / "secret").write_text("s3cret")
    (home / "blobs" / "456").symlink_to(tmp_path / "secret")
    (snapshot / "tokenizer.json").symlink_to("../../blobs/456")
    with pytest.raises(FileError, match="secret"):
        refuse_links_out(snapshot)


def test_a_folder_reached_through_a_link_is_a_folder_like_any_other(folder):
    (folder.parent / "name").symlink_to("folder")
    refuse_links_out(folder.parent / "name")
