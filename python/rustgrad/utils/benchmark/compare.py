"""Tables of measurements side by side."""

import enum

from .measurement import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

__all__ = ["Colorize", "Compare"]

_BEST, _GOOD, _BAD, _VERY_BAD = "\033[92m", "\033[34m", "\033[2m\033[91m", "\033[31m"
_BOLD, _END = "\033[1m", "\033[0m"


class Colorize(enum.Enum):
    """Whether numbers are coloured by how good they are: not at all, within columns, within rows."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """A table: a row for each `sub_label` and number of threads, a column for each `description`."""

    def __init__(self, results: list[Measurement]):
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim_significant_figures = False
        self._colorize = Colorize.NONE
        self._highlight_warnings = False

    def extend_results(self, results) -> None:
        """Add measurements. ValueError for anything else."""
        for one in results:
            if not isinstance(one, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(one)} instead.")
        self._results += results

    def trim_significant_figures(self) -> None:
        """Print only the digits that mean something."""
        self._trim_significant_figures = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour the best and the worst numbers, within columns or within rows."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Mark numbers whose spread is large."""
        self._highlight_warnings = True

    def print(self) -> None:
        """Print the table."""
        print(str(self))

    def __str__(self):
        results = Measurement.merge(self._results)
        groups: dict = {}
        for one in results:
            groups.setdefault(one.label, []).append(one)
        return "\n".join(self._table(label, group) for label, group in groups.items())

    def _table(self, label, results) -> str:
        unit, scale = select_unit(min(one.median for one in results))
        columns = ordered_unique(one.description or "" for one in results)
        rows = ordered_unique((one.num_threads, one.env, one.as_row_name) for one in results)
        envs = ordered_unique(one.env for one in results)
        rows.sort(key=lambda row: (row[0], envs.index(row[1])))
        cells = {((one.num_threads, one.env, one.as_row_name), one.description or ""): one for one in results}
        digits = {column: self._digits(column, cells, scale) for column in columns}
        names = [f"      {name}" if len(envs) == 1 else f"      ({env})  {name}" for _, env, name in rows]
        threads = [f"{row[0]} threads: " for row in rows]
        first = max(map(len, [*names, *threads]))
        texts = {
            (row, column): self._number(cells[row, column], scale, digits[column]) if (row, column) in cells else ""
            for row in rows
            for column in columns
        }
        widths = {column: max(len(column), *(len(texts[row, column]) for row in rows)) for column in columns}
        header = " " * first + "".join(f"  |  {column.center(widths[column])}" for column in columns)
        lines = [header.rstrip() if not columns[-1] else header]
        for i, row in enumerate(rows):
            if i == 0 or rows[i - 1][0] != row[0]:
                start = f"{row[0]} threads: "
                lines.append(start + "-" * (len(header) - len(start)))
            line = names[i].ljust(first)
            for column in columns:
                best = self._best(row, column, cells)
                text = texts[row, column].rjust(widths[column])
                line += f"  |  {_coloured(text, cells[row, column].median, best) if best else text}"
            lines.append(line)
        title = f" {label or (results[0].stmt if len(results) else '')} "
        full = max(len(header), len(title) + 2)
        head = f"[{title.center(full - 2, '-')}]"
        foot = [f"Times are in {unit_to_english(unit)}s ({unit}).", ""]
        if self._highlight_warnings and any(one.has_warnings for one in results):
            foot[1:1] = ["(! XX%) Measurement has high variance, where XX is the IQR / median * 100."]
        return "\n".join([head, *lines, "", *foot])

    def _digits(self, column, cells, scale) -> int:
        """How many digits behind the point the numbers of a column get."""
        found = [one for (_, name), one in cells.items() if name == column]
        if not self._trim_significant_figures:
            return 1
        least = min(trim_sigfig(one.median / scale, one.significant_figures) for one in found)
        return 0 if least >= 10 else 1 if least >= 1 else 2

    def _number(self, one, scale, digits) -> str:
        value = one.median / scale
        if self._trim_significant_figures:
            value = trim_sigfig(value, one.significant_figures)
        text = f"{value:.{digits}f}"
        if self._highlight_warnings and one.has_warnings:
            text = f"(! {100 * one.iqr / one.median:.0f}%) {text}"
        return text

    def _best(self, row, column, cells) -> float:
        """The least median of what a number is coloured beside, its row or its column for as many threads; else 0."""
        if self._colorize is Colorize.NONE or (row, column) not in cells:
            return 0
        by_row = self._colorize is Colorize.ROWWISE
        near = [(r, c) for r, c in cells if (r == row if by_row else c == column and r[0] == row[0])]
        return min(cells[place].median for place in near)


def _coloured(text: str, value: float, best: float) -> str:
    if value <= best * 1.02:
        colour = _BEST + _BOLD
    elif value <= best * 1.2:
        colour = _GOOD
    elif value <= best * 2:
        return text
    else:
        colour = _BAD if value <= best * 5 else _VERY_BAD + _BOLD
    return colour + text + _END * colour.count("\033")
