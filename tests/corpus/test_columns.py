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
def test_a_column_that_was_guessed_is_said_and_one_that_was_named_is_not(put, read, name):
    path = put(name, TABLES[name])
    words = f"{path}: the texts are its column 'sentence', of id, sentence, label; --column names another"
    assert read(path)[1].notes == (words,)
    assert read(path, column="sentence")[1].notes == ()
    assert read(put("one.csv", b"review\ngood\n"))[1].notes == ()


def test_a_value_shown_beside_its_column_is_cut(put, refusal):
    path = put("a.jsonl", b'{"a": "' + b"x" * 99 + b'", "b": [1, 2]}\n')
    assert refusal(DataError, path)[1].endswith(f"--column: a ('{'x' * 22}…), b ([1, 2])")


def test_many_guesses_are_counted(put, read):
    paths = [put(f"{number}.csv", b"id,text\n1,good\n") for number in range(30)]
    notes = read(*paths)[1].notes
    assert (len(notes), notes[-1]) == (11, "… and 20 more such notes on the corpus")


@pytest.mark.parametrize("name", TABLES)
def test_a_wrong_column_is_refused_with_the_like_and_all(put, refusal, name):
    path = put(name, TABLES[name])
    message, fix = refusal(DataError, path, column="sentense")
    assert message == f"{path} has no column 'sentense'"
    number = "1" if "json" in name else "'1'"
    assert fix == f"did you mean sentence? it has: id ({number}), sentence ('good'), label ('1')"
    assert (
        refusal(DataError, path, column="xyz")[1] == f"it has: id ({number}), sentence ('good'), label ('1')"
    )


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_without_a_usual_column_the_columns_are_listed(put, refusal, name):
    path = put(name, TABLES[name].replace(b"sentence", b"review"))
    message, fix = refusal(DataError, path)
    assert message == f"{path} has 3 columns and none is named text, sentence, content, document"
    number = "1" if "json" in name else "'1'"
    assert fix == f"name the one with the texts by --column: id ({number}), review ('good'), label ('1')"


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
