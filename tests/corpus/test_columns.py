import pytest

from tokbench.errors import DataError

TABLES = {
    "a.csv": b"id,sentence,label\n1,good,1\n",
    "a.tsv": b"id\tsentence\tlabel\n1\tgood\t1\n",
    "a.jsonl": b'{"id": 1, "sentence": "good", "label": "1"}\n',
    "a.json": b'[{"id": 1, "sentence": "good", "label": "1"}]',
}


@pytest.mark.parametrize("name", TABLES)
def test_a_usual_column_is_found_and_another_can_be_named(put, read, name):
    path = put(name, TABLES[name])
    assert read(path)[0] == ["good"]
    assert read(path, column="label")[0] == ["1"]


@pytest.mark.parametrize("name", TABLES)
def test_a_wrong_column_is_refused_with_the_like_and_all(put, refusal, name):
    path = put(name, TABLES[name])
    message, fix = refusal(DataError, path, column="sentense")
    assert message == f"{path} has no column 'sentense'"
    assert fix == "did you mean sentence? it has: id, sentence, label"
    assert refusal(DataError, path, column="xyz")[1] == "it has: id, sentence, label"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_without_a_usual_column_the_columns_are_listed(put, refusal, name):
    path = put(name, TABLES[name].replace(b"sentence", b"review"))
    message, fix = refusal(DataError, path)
    assert message == f"{path} has 3 columns and none is named text, sentence, content, document"
    assert fix == "name the one with the texts by --column: id, review, label"


def test_the_only_column_needs_no_name(put, read):
    assert read(put("a.csv", b"review\ngood\n"))[0] == ["good"]
    assert read(put("a.jsonl", b'{"review": "good"}\n'))[0] == ["good"]


@pytest.mark.parametrize(
    ("name", "header", "separator"),
    [("a.csv", b"text;label", "';'"), ("a.csv", b"text\tlabel", r"'\t'"), ("a.tsv", b"text,label,id", "','")],
)
def test_a_header_with_another_separator_is_not_taken_for_one_column(
    put, refusal, read, name, header, separator
):
    path = put(name, header + b"\nx\n")
    assert refusal(DataError, path)[0].endswith(f"so its separator seems to be {separator}")
    assert read(path, column=header.decode())[0] == ["x"]


def test_two_columns_of_one_name_are_refused(put, refusal):
    path = put("a.csv", b"text,text\na,b\n")
    assert refusal(DataError, path)[0] == f"{path} has 2 columns 'text'"


def test_a_long_list_of_columns_is_shortened(put, refusal):
    path = put("a.csv", ",".join(f"column{i}" for i in range(50)).encode() + b"\n")
    assert refusal(DataError, path)[1].endswith("column19 and 30 more")


def test_plain_text_has_no_columns_but_may_stand_beside_a_table(put, refusal, read):
    plain, table = put("a.txt", ["one"]), put("a.csv", ["two"])
    message, fix = refusal(DataError, plain, column="text")
    assert message == f"{plain} is plain text and has no column 'text'"
    assert fix == "leave out --column"
    assert read(plain, table, column="text")[0] == ["one", "two"]
