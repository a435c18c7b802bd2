"""Streams as a shell may give them: full, closed, unbuffered, with a terminal behind; nothing drives it."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from tokbench.escapes import safe, safe_json, safe_lines

FULL = Path("/dev/full")
HOSTILE = "te\x1b]0;pwn\x07xt\x9b31m\u202edlrow"
DRIVES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\x1b\\]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("streams")
    vocab = {"[UNK]": 0, "hello": 1, HOSTILE: 2, "world": 3}
    Tokenizer(models.WordLevel(vocab, unk_token="[UNK]")).save(str(place / "tokenizer.json"))
    (place / "lines.txt").write_text("hello\n" * 4_000)
    (place / "hostile.csv").write_text(f"{HOSTILE},l\nhi,1\n")
    return place


def shell(command, folder, **variables):
    """A command line in bash; `tokbench` is ours."""
    words = f'tokbench() {{ {sys.executable} -m tokbench "$@"; }}; {command}'
    env = {**os.environ, **variables}
    return subprocess.run(
        ["bash", "-c", words], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )


def on_a_terminal(words, folder):
    """All that a terminal gets to see of a command."""
    leader, follower = pty.openpty()
    seen = []

    def read():
        try:
            while part := os.read(leader, 65_536):
                seen.append(part)
        except OSError:  # the terminal is closed
            pass

    reading = threading.Thread(target=read)
    reading.start()
    run = [sys.executable, "-m", "tokbench", *words]
    code = subprocess.run(
        run, cwd=folder, stdout=follower, stderr=follower, stdin=subprocess.DEVNULL
    ).returncode
    os.close(follower)
    reading.join()
    os.close(leader)
    return code, b"".join(seen).decode(errors="replace").replace("\r\n", "\n")


@pytest.mark.parametrize(
    "words",
    [
        ["train-bpe", "hostile.csv"],  # a hint
        ["train-bpe", f"{HOSTILE}.csv"],  # an error
        ["info", "tokenizer.json", f"--{HOSTILE}"],  # what Typer finds
        [HOSTILE],
        ["decode", "tokenizer.json", "2", "1"],
        ["encode", "tokenizer.json", HOSTILE],
        ["encode", "tokenizer.json", "hello", "--html", f"{HOSTILE}.html"],  # a hint with a file's name
        ["info", "tokenizer.json", "--json"],
        ["decode", "tokenizer.json", "2", "--json"],
    ],
)
def test_no_text_drives_the_terminal(words, folder):
    code, seen = on_a_terminal(words, folder)
    assert code in (0, 2)
    assert DRIVES.findall(seen) == []


def test_decoded_text_goes_through_a_pipe_as_it_is(folder):
    assert shell("tokbench decode tokenizer.json 2", folder).stdout == f"{HOSTILE}\n"


def test_json_escapes_what_drives_a_terminal_and_reads_back_the_same():
    everything = "".join(map(chr, [*range(0xD800), *range(0xDFFF, sys.maxunicode + 1)]))  # half a pair
    turns = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    driving = [
        each
        for each in everything
        if unicodedata.category(each) == "Cc" or unicodedata.bidirectional(each) in turns
    ]
    assert len(driving) == 65 + 9
    written = safe_json(json.dumps({"text": everything}, ensure_ascii=False, indent=2))
    assert json.loads(written) == {"text": everything}
    assert set(driving) & set(written) == {"\n"}


def test_lines_and_tabs_of_a_message_stay_and_nothing_else_that_is_not_printable():
    assert safe_lines("a\tb\nc") == "a\tb\nc"
    assert safe_lines(f"x\r{HOSTILE}") == f"x\\r{safe(HOSTILE)}"


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "info -h",
        "info tokenizer.json",
        "encode tokenizer.json hello --json",
        "encode tokenizer.json --file lines.txt",
    ],
)
def test_a_full_disk_behind_stdout_is_said(words, unbuffered, folder):
    done = shell(f"tokbench {words} > /dev/full", folder, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, "the disk is full" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", ["encode tokenizer.json --file lines.txt", 'encode tokenizer.json "$(cat lines.txt)" --json']
)
def test_a_disk_that_takes_a_part_is_full(words, unbuffered, folder):
    done = shell(f"ulimit -f 8; trap '' XFSZ; tokbench {words} > part", folder, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, "the disk is full" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("tokbench info tokenizer.json >&-", 2, "stdout is closed"),
        ("tokbench --help >&-", 2, "stdout is closed"),
        ("tokbench train-bpe - <&-", 2, "no texts in stdin"),
        ("tokbench encode tokenizer.json - <&-", 0, ""),
        ("tokbench info tokenizer.json 2>&-", 0, ""),
        ("tokbench info nowhere.json 2>&-", 2, ""),
        ("tokbench info nowhere.json 2> /dev/full", 2, ""),
    ],
)
def test_a_closed_stream_is_none_of_our_bugs(command, code, sentence, folder):
    done = shell(command, folder)
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train-bpe", "lines.txt", "-v", "300", "-q", "-o"),
        ("count", "lines.txt", "-q", "-o"),
        ("encode", "tokenizer.json", "--file", "lines.txt", "--format", "npy", "-o"),
        ("wrap", "tokenizer.json", "-o"),
        ("add-tokens", "tokenizer.json", "--token", "zebra", "-o"),
        ("encode", "tokenizer.json", "hello", "--html"),
    ],
)
def test_an_output_may_have_a_name_that_is_not_utf8(words, folder, tmp_path):
    name = os.fsencode(tmp_path) + b"/made-\xff"
    run = [sys.executable, "-m", "tokbench", *words, name]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(os.fsdecode(name)).exists()


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (
            "train-bpe lines.txt -v abc",
            "--vocab-size takes a whole number, not 'abc'",
            "tokbench train-bpe -h",
        ),
        (
            "count lines.txt -o x --workers 0",
            "--workers takes a whole number of at least 1, not 0",
            "tokbench count -h",
        ),
        ("decode tokenizer.json x", "ids takes a whole number, not 'x'", "tokbench decode -h"),
        ("info", "tokenizer is missing", "tokbench info -h"),
        ("info --jsno", "no option '--jsno'", "did you mean --json?"),
        ("info --colour", "no option '--colour'", "tokbench info -h"),
        ("train-bpe lines.txt -v", "option '-v' requires an argument", "tokbench train-bpe -h"),
        ("ifno", "no command 'ifno'", "did you mean info?"),
        ("frobnicate", "no command 'frobnicate'", "tokbench -h"),
        ("--frobnicate", "no such option: --frobnicate", "tokbench -h"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_said_in_our_words(words, sentence, hint, tokbench):
    said = tokbench(*words.split())
    assert (said.code, said.out) == (2, "")
    error, helps = said.err.splitlines()
    assert error.startswith("Error: ")
    assert error.endswith(sentence)
    assert helps == f"Hint:  {hint}"


def test_a_wrong_command_line_is_told_in_json_when_json_is_asked_for(tokbench):
    said = tokbench("info", "--json", "--jsno")
    assert json.loads(said.err)["hint"] == "did you mean --json?"


def test_a_value_on_the_command_line_is_quoted_short(tokbench):
    assert len(tokbench("train-bpe", "lines.txt", "-v", "x" * 10_000).err) < 250


LONG = """
import sys, threading
from tokbench import __main__ as program
class Stays:
    def __del__(self):  # as torch's threads do, which Python takes down one by one at its end
        threading.Event().wait(30)
stays = Stays()
def stopped(words):
    {raises}
program._run = stopped
program.run_program()
"""


@pytest.mark.parametrize(
    "raises",
    [
        "raise KeyboardInterrupt",
        "field = type('Field', (), {'__set_name__': lambda *_: exec('raise KeyboardInterrupt')})();"
        " type('Holds', (), {'field': field})",  # wrapped in a RuntimeError, as when torch is imported
    ],
)
def test_ctrl_c_ends_at_once_and_is_none_of_our_bugs_wherever_it_comes(raises):
    run = [sys.executable, "-c", LONG.replace("{raises}", raises)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (130, "Stopped; nothing was written.\n")


def test_sigterm_cleans_up_as_ctrl_c_does(folder, tmp_path):
    run = [
        sys.executable,
        "-m",
        "tokbench",
        "encode",
        str(folder / "tokenizer.json"),
        "--file",
        "-",
        "-o",
        "ids.npy",
    ]
    with subprocess.Popen(run, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"hello\n" * 300_000)
        process.stdin.flush()
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()
        assert process.wait(timeout=60) == 130
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_temporary_files_is_said(folder):
    done = shell("(ulimit -f 0; trap '' XFSZ; tokbench encode tokenizer.json hello 2>&1) | cat", folder)
    assert "Error: temporary files cannot be written: No usable temporary directory" in done.stdout
    assert "set TMPDIR to a folder that can be written" in done.stdout
    assert "our bug" not in done.stdout
