"""Tables as pictures, as large as their text needs: they are read without zooming."""

import textwrap
from collections.abc import Collection, Sequence
from typing import Any

from matplotlib.figure import Figure

FONT_PT = 11
CHARACTER_IN, ROW_IN, MARGIN_IN = 0.092, 0.28, 0.3  # at this size of text
PADDING_CHARACTERS = 3
NARROWEST_CHARACTERS = 60  # so that titles have room


def draw_table(
    title: str,
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    n_left: int,
    bold: Collection[tuple[int, int]] = (),
) -> Figure:
    """Return a table as a matplotlib figure.

    Parameters
    ----------
    title : str
        What stands above the table, in as many lines as its width asks for.
    header : list of str
        Names of the columns, of one or more lines.
    cells : list of list of str
        The texts, row by row.
    n_left : int
        How many of the first columns are aligned to the left; the others, of numbers, to the right.
    bold : collection of (int, int)
        Row and column of the cells in bold.
    """
    widths_in = [
        CHARACTER_IN * (PADDING_CHARACTERS + max(len(line) for text in column for line in text.split("\n")))
        for column in zip(header, *cells, strict=True)
    ]
    width_in = max(sum(widths_in), NARROWEST_CHARACTERS * CHARACTER_IN)
    lines = textwrap.wrap(title, int(width_in / CHARACTER_IN), break_on_hyphens=False)
    header_lines = max(name.count("\n") + 1 for name in header)
    rule_in = MARGIN_IN + ROW_IN * (len(lines) + 0.5 + header_lines)
    bottom_in = rule_in + ROW_IN * (len(cells) + 0.5)

    figure = Figure(figsize=(width_in + 2 * MARGIN_IN, bottom_in + MARGIN_IN))
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, width_in + 2 * MARGIN_IN), ylim=(bottom_in + MARGIN_IN, 0))
    axis.set_axis_off()
    axis.text(MARGIN_IN, MARGIN_IN, "\n".join(lines), fontsize=FONT_PT, fontweight="bold", va="top")
    axis.hlines([rule_in, bottom_in], MARGIN_IN, MARGIN_IN + sum(widths_in), color="black", linewidth=1)
    start_in = MARGIN_IN
    for index, (name, width) in enumerate(zip(header, widths_in, strict=True)):
        align = "left" if index < n_left else "right"
        x_in = start_in if align == "left" else start_in + width
        style: dict[str, Any] = {"fontsize": FONT_PT, "ha": align, "parse_math": False}
        axis.text(x_in, rule_in - 0.3 * ROW_IN, name, va="bottom", fontweight="bold", **style)
        for row, row_cells in enumerate(cells):
            weight = "bold" if (row, index) in bold else "normal"
            y_in = rule_in + ROW_IN * (row + 0.75)
            axis.text(x_in, y_in, row_cells[index], va="center", fontweight=weight, **style)
        start_in += width
    return figure
