import shutil
import subprocess

import pytest

from tokbench.corpus.reading import open_corpus
from tokbench.errors import DataError

FRENCH = "Le café est fermé, à côté.\n"
KOREAN = "안녕하세요, 반갑습니다.\n"


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        (FRENCH, "utf-16", "UTF-16"),
        (KOREAN, "utf-16", "UTF-16"),
        (FRENCH, "utf-32", "UTF-32"),
        (FRENCH, "utf-16-le", "UTF-16LE"),
        (FRENCH, "utf-16-be", "UTF-16BE"),
        (KOREAN, "utf-16-le", "UTF-16LE"),
        (FRENCH, "latin-1", "ISO-8859-1"),
        ("“naïve” – 5 €\n", "cp1252", "CP1252"),
        (KOREAN, "cp949", "CP949"),
    ],
)
def test_another_encoding_is_refused_with_a_guess_and_a_command_that_works(
    put, refusal, read, monkeypatch, tmp_path, text, encoding, guess
):
    monkeypatch.chdir(tmp_path)
    put("my file.txt", (text * 30).encode(encoding))
    message, fix = refusal(DataError, "my file.txt")
    assert message.startswith("my file.txt ")
    assert "byte offset " in message
    assert f"it looks like {guess}" in message
    assert fix == f"iconv -f {guess} -t UTF-8 < 'my file.txt' > 'my file.utf8.txt'"
    if shutil.which("iconv"):
        subprocess.run(fix, shell=True, check=True)
        assert read("my file.utf8.txt")[0] == [text.rstrip("\n")] * 30


def test_the_first_bad_byte_is_placed_by_offset_and_line(put, refusal):
    start = "가나다\r\n" * 50_000
    path = put("a.txt", start.encode() + b"ab\xff\n")
    message, _ = refusal(DataError, path)
    assert f"byte 0xff at byte offset {len(start.encode()) + 2} (line 50001)" in message


def test_a_bad_byte_deep_in_a_long_line_is_placed(put, refusal):
    path = put("a.txt", b"one\n" + b"x" * 300_000 + b"\xff" + b"x" * 9)
    assert "byte offset 300004 (line 2)" in refusal(DataError, path)[0]


def test_a_bad_byte_in_a_table_is_placed_too(put, refusal):
    path = put("a.tsv", b"text\tlabel\n" + b"fine\t1\n" * 20_000 + b"caf\xe9\t0\n")
    assert (
        "byte 0xe9 at byte offset 140014 (line 20002); it looks like ISO-8859-1"
        in refusal(DataError, path)[0]
    )


def test_one_damaged_byte_in_utf8_is_not_taken_for_another_encoding(put, refusal):
    path = put("a.txt", KOREAN.encode() + "안".encode()[:2] + b"\n" + KOREAN.encode())
    message, fix = refusal(DataError, path)
    assert "the text around it is UTF-8" in message
    assert "iconv -f UTF-8 -t UTF-8 -c" in fix


def test_the_command_for_a_packed_file_unpacks_it(put, refusal):
    import lzma

    path = put("a.txt.xz", lzma.compress(FRENCH.encode("latin-1")))
    _, fix = refusal(DataError, path)
    folder = path.parent
    assert fix == f"xz -dc {path} | iconv -f ISO-8859-1 -t UTF-8 > {folder / 'a.utf8.txt'}"


def test_nul_bytes_are_refused_with_place_and_share(put, refusal):
    path = put("a.txt", b"one\ntwo\0three\n")
    message, fix = refusal(DataError, path)
    assert message == f"{path} holds NUL bytes (7.1 % of this part), the first at byte offset 7 (line 2)"
    assert fix.startswith("tr -d '\\000' <")


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (b"%PDF-1.7\n%\xb5\xb5\n", "a PDF", "text out"),
        (b"\x89PNG\r\n\x1a\n\x00", "a PNG picture", "text file"),
    ],
)
def test_what_is_no_text_at_all_is_called_by_its_name(put, refusal, data, what, remedy):
    message, fix = refusal(DataError, put("a.txt", data))
    assert f"is not text: it looks like {what}" in message
    assert remedy in fix


def test_the_byte_order_mark_is_dropped_at_the_start_only(put, read):
    for name, data in {
        "a.txt": b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n",
        "a.csv": b"\xef\xbb\xbftext\none\n\xef\xbb\xbftwo\n",
        "a.jsonl": b'\xef\xbb\xbf"one"\n"\xef\xbb\xbftwo"\n',
        "a.json": b'\xef\xbb\xbf["one", "\xef\xbb\xbftwo"]',
    }.items():
        assert read(put(name, data))[0] == ["one", "\ufefftwo"]


def test_crlf_is_a_line_end_and_cr_alone_is_a_character(put, read):
    assert read(put("a.txt", b"one\r\ntwo\rstill two\r\n\r\n"))[0] == ["one", "two\rstill two"]


def test_nothing_else_ends_a_line(put, read):
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"
    assert read(put("a.txt", f"{text}\nnext\n".encode()))[0] == [text, "next"]
    assert read(put("a.tsv", f"text\n{text}\nnext\n".encode()))[0] == [text, "next"]
    assert read(put("a.csv", f"text\n{text}\nnext\n".encode()))[0] == [text, "next"]
    assert read(put("a.jsonl", '"a\u2028b"\n'.encode()))[0] == ["a\u2028b"]


@pytest.mark.parametrize("kept", [1, 2])
def test_a_file_that_ends_inside_a_character_is_called_cut_and_the_hint_mends_it(tmp_path, kept):
    whole = "빛나는 조개껍데기\n한 줄 더\n"
    cut = "\ud55c".encode()[:kept]
    path = tmp_path / "cut.txt"
    path.write_bytes(whole.encode() + cut)
    with pytest.raises(DataError, match="the file is cut inside its last character") as caught:
        list(open_corpus([str(path)]).blocks())
    subprocess.run(caught.value.fix, shell=True, check=True, cwd=tmp_path)
    assert (tmp_path / "cut.utf8.txt").read_text(encoding="utf-8") == whole


def test_a_latin_letter_at_the_end_of_a_file_is_no_cut(tmp_path):
    (tmp_path / "latin.txt").write_bytes("a plain line\nun café".encode("latin-1"))
    with pytest.raises(DataError, match="it looks like ISO-8859-1"):
        list(open_corpus([str(tmp_path / "latin.txt")]).blocks())


def test_a_line_inside_a_file_that_ends_inside_a_character_is_damaged_and_nothing_after_it_goes(tmp_path):
    line = "빛나는 조개껍데기\n".encode()
    path = tmp_path / "in.txt"
    path.write_bytes(line * 3 + "한".encode()[:2] + b"\n" + line * 3)
    with pytest.raises(DataError, match="so it is damaged") as caught:
        list(open_corpus([str(path)]).blocks())
    subprocess.run(caught.value.fix, shell=True, check=False, cwd=tmp_path)
    assert (tmp_path / "in.utf8.txt").read_bytes().count(line) == 6
