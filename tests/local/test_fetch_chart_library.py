from __future__ import annotations

import pytest

from local.fetch_chart_library import FILES, VENDORED, checked


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_file_is_the_one_that_was_looked_at(name: str) -> None:
    """It runs in the browser of who may see everything."""
    content = (VENDORED / name).read_bytes()

    assert checked(name, content) == content
    assert FILES[name][1] in (VENDORED / "NOTICE.md").read_text()


def test_another_file_is_not_taken() -> None:
    """A package can be published anew by somebody else."""
    with pytest.raises(SystemExit, match="nothing was replaced"):
        checked("uplot.js", b"alert(1)")
