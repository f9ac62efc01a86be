"""The page's files as they are read: what ships is what is asked for, and nothing else."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from shared.web.page.files import DOCUMENT as DOCUMENT_NAME
from shared.web.page.files import FOLDER, read_page

PAGE = read_page(easy_auth=False)
DOCUMENT = PAGE.document.content.decode()


def test_the_document_asks_for_every_module_at_once() -> None:
    """A browser finds a module only when it has read who imports it: a chain of round trips."""
    asked = set(re.findall(r'(?:href|src)="page/([^"]+)"', DOCUMENT))
    modules = {name for name in PAGE.files if name.endswith(".js")}

    assert {f"{PAGE.version}/{name}" for name in modules} <= asked
    assert {path.partition("/")[2] for path in asked} == set(PAGE.files)


def test_the_document_holds_no_code_no_style_and_no_placeholder() -> None:
    """The content policy would refuse the first two, and the page would be dead."""
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", DOCUMENT)
    assert "{" not in DOCUMENT
    assert 'data-sign-in="key"' in DOCUMENT
    assert 'data-sign-in="easy-auth"' in read_page(easy_auth=True).document.content.decode()


def test_modules_import_only_what_ships() -> None:
    """A wrong name is a page that stays white, and no linter of ours reads JavaScript."""
    for name, file in PAGE.files.items():
        for target in re.findall(r'from "(\.{1,2}/[^"]+)"', file.content.decode()):
            path = (FOLDER / name).parent / target

            assert path.resolve().relative_to(FOLDER).as_posix() in PAGE.files, f"{name} imports {target}"


def test_nothing_in_our_modules_turns_text_into_markup_or_code() -> None:
    """Names and labels are whatever somebody sent."""
    ways_in = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|setAttribute\(\"on"
    )
    for name, file in PAGE.files.items():
        assert not re.search(ways_in, file.content.decode()), name


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    """Browsers keep a file for ever by its address, so another content must have another one."""
    (tmp_path / "index.html").write_text("{version}")
    (tmp_path / "app.js").write_text("1")
    first = read_page(easy_auth=False, folder=tmp_path)
    again = read_page(easy_auth=False, folder=tmp_path)
    (tmp_path / "app.js").write_text("2")
    other = read_page(easy_auth=False, folder=tmp_path)

    assert first == again
    assert first.version != other.version
    assert other.document.content.decode() == other.version


def test_what_is_no_file_of_the_page_is_not_served(tmp_path: Path) -> None:
    """A licence beside the library, or whatever an editor leaves behind."""
    (tmp_path / "index.html").write_text("")
    (tmp_path / "LICENSE").write_text("")
    (tmp_path / "app.js~").write_text("")

    assert read_page(easy_auth=False, folder=tmp_path).files == {}


def test_all_of_it_is_small_enough_for_a_slow_line() -> None:
    """At 1.6 Mbit/s, what a phone has in a train, 80 kB take less than half a second."""
    assert sum(len(file.compressed) for file in [PAGE.document, *PAGE.files.values()]) < 80_000


@pytest.mark.parametrize("name", ["app.js", "vendor/uplot.js", "styles/base.css"])
def test_a_compressed_copy_is_the_file(name: str) -> None:
    """Every browser takes this one."""
    assert gzip.decompress(PAGE.files[name].compressed) == (FOLDER / name).read_bytes()


def test_the_files_are_deployed() -> None:
    """`func publish` leaves out what .funcignore names."""
    ignored = (FOLDER.parents[3] / ".funcignore").read_text().splitlines()
    suffixes = {pattern.removeprefix("*") for pattern in ignored if pattern.startswith("*.")}

    assert not suffixes & {Path(name).suffix for name in [*PAGE.files, DOCUMENT_NAME]}
