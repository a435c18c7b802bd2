import pytest

from tokbench.errors import DataError

ODD = ["NA", "null", "None", "nan", "007", "1e5", "true", '"', "a 'b' c", "-", "=1+1"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_strings_stay_what_they_are(put, read, name):
    assert read(put(name, ODD))[0] == ODD


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_an_empty_field_and_an_empty_line_are_blank(put, read, name):
    data = b"text,label\n,1\n\nx,1\n\n".replace(b",", b"\t" if name == "a.tsv" else b",")
    texts, facts = read(put(name, data))
    assert (texts, facts.blank) == (["x"], 3)


@pytest.mark.parametrize(("name", "between"), [("a.csv", b","), ("a.tsv", b"\t")])
@pytest.mark.parametrize(("row", "fields"), [((b"x",), "1 field"), ((b"x", b"1", b"2"), "3 fields")])
def test_a_ragged_row_is_refused_by_its_line(put, refusal, name, between, row, fields):
    path = put(
        name,
        between.join((b"text", b"label")) + b"\n" + between.join((b"fine", b"1")) + b"\n" + between.join(row),
    )
    message, fix = refusal(DataError, path)
    assert message == f"{path}, line 3 has {fields} and the header has 2"
    assert "text" in fix


def test_csv_knows_quotes_commas_and_line_ends_in_fields(put, read):
    path = put("a.csv", b'id,text\r\n1,"a, ""b"" c"\r\n2,"two\r\nlines"\r\n3,plain\r\n')
    assert read(path)[0] == ['a, "b" c', "two\nlines", "plain"]


def test_a_ragged_row_after_one_of_several_lines_is_placed_where_it_begins(put, refusal):
    path = put("a.csv", b'id,text\n1,"one\ntwo\nthree"\n2\n')
    assert "line 5 has 1 field and" in refusal(DataError, path)[0]


def test_tsv_takes_quotes_as_characters(put, read):
    path = put("a.tsv", b'text\tlabel\n"open\t1\nclosed"\t0\n')
    assert read(path)[0] == ['"open', 'closed"']


@pytest.mark.parametrize(
    ("row", "why"), [(b'1,"open\n2,x\n', "unexpected end of data"), (b'1,"a"b\n', "expected after")]
)
def test_wrong_quotes_are_refused_where_the_row_begins(put, refusal, row, why):
    path = put("a.csv", b"id,text\n0,fine\n" + row)
    message, fix = refusal(DataError, path)
    assert message.startswith(f"{path}, the row that begins in line 3 is not CSV: ")
    assert why in message
    assert "quote" in fix


def test_lines_ended_by_cr_alone_are_refused_with_the_command(put, refusal):
    assert "tr '\\r' '\\n'" in refusal(DataError, put("a.csv", b"id,text\r1,a\r2,b\r"))[1]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_field_may_be_a_megabyte_long(put, read, name):
    texts, facts = read(put(name, ["x" * 1_000_000]))
    assert "".join(texts) == "x" * 1_000_000
    assert facts.texts == 1


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_header_alone_holds_no_texts(put, refusal, name):
    assert "no texts in" in refusal(DataError, put(name, b"text\n"))[0]


def test_rows_stream_over_many_blocks(put, read):
    texts = [f'number {i}, "quoted"\nand more' for i in range(20_000)]
    assert read(put("a.csv", texts))[0] == texts
