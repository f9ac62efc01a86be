"""Tables for a terminal of any width: what has no room is left out, by rank, before anything is cut."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Into a pipe or a file a table goes as wide as it is.
_UNBOUNDED = 1000
_GAP = 2
_EDGES = 2
_LEAST_TEXT = 12
# Before a name is cut further than this, a column is left out.
_COMFORTABLE_TEXT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    A column of texts. Those of rank 0 are always there; of the others, the highest goes first.

    Numbers stand right and are never cut; text that `may_shrink` is cut where there is no room for it.
    """

    heading: str
    cells: Sequence[str]
    rank: int = 0
    is_number: bool = False
    may_shrink: bool = False
    footer: str = ""

    @property
    def width(self) -> int:
        """What it takes to show all of it."""
        return max(map(cell_len, [self.heading, self.footer, *self.cells]))

    @property
    def least_width(self) -> int:
        """What it takes at least."""
        return self._cut_to(_LEAST_TEXT)

    @property
    def comfortable_width(self) -> int:
        """What it takes to tell its cells apart."""
        return self._cut_to(_COMFORTABLE_TEXT)

    def _cut_to(self, width: int) -> int:
        return min(self.width, max(width, cell_len(self.heading))) if self.may_shrink else self.width


def console() -> Console:
    """Return where tables go. Colours are for terminals only, and for those that want them (`NO_COLOR`)."""
    width = shutil.get_terminal_size((_UNBOUNDED, 0)).columns
    return Console(width=width, highlight=False, markup=False, emoji=False)


def table(columns: Sequence[Column], width: int, title: str = "", *, has_edge: bool = False) -> Table:
    """Return a table of the columns that there is room for; with an edge it stands free. No cell is markup."""
    width -= _EDGES if has_edge else 0
    fitting = _fitting(columns, width)
    made = Table(
        box=SIMPLE,
        show_edge=has_edge,
        pad_edge=False,
        collapse_padding=True,
        title=Text(title) if title else None,
        title_justify="left",
        title_style="bold",
        show_footer=any(column.footer for column in fitting),
    )
    for column, column_width in zip(fitting, _widths(fitting, width), strict=True):
        made.add_column(
            Text(column.heading),
            Text(column.footer),
            justify="right" if column.is_number else "left",
            no_wrap=True,
            width=column_width,
        )
    for cells in zip(*(column.cells for column in fitting), strict=True):
        made.add_row(*map(Text, cells))
    return made


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns without those that there is no room for beside the others."""
    left = list(columns)
    while _space([column.comfortable_width for column in left]) > width:
        last = max(left, key=lambda column: column.rank)
        if last.rank == 0:
            break
        left.remove(last)
    return left


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """Return how wide each column is: what room there is goes to the one that is narrowest, until none lacks any."""
    widths = [column.least_width for column in columns]
    for _ in range(width - _space(widths)):
        lacking = [number for number, column in enumerate(columns) if widths[number] < column.width]
        if not lacking:
            break
        widths[min(lacking, key=widths.__getitem__)] += 1
    return widths


def _space(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)
