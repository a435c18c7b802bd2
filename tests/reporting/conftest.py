"""Pages are looked at in a real browser where there is one."""

import html
import shutil
import subprocess

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def browse(tmp_path):
    """A page as a browser leaves it: its DOM as text, and what the console said."""
    if BROWSER is None:
        pytest.skip("no chromium on this machine")

    def look(address, *, size="900,900"):
        done = subprocess.run(
            [
                BROWSER,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'browser'}",
                f"--window-size={size}",
                "--virtual-time-budget=8000",
                "--dump-dom",
                str(address),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return html.unescape(done.stdout), console

    return look
