"""What was measured, beside what the bare part takes and what the goal is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement. With ``bare`` the goal is for the ratio of both, else for the figure; at least or at most."""

    group: str
    what: str
    ours: float
    unit: str
    bare: float | None = None
    goal: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours by the bare part."""
        return None if self.bare is None else self.ours / max(self.bare, 1e-9)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        judged = self.ours if self.ratio is None else self.ratio
        return judged >= self.goal if self.at_least else judged <= self.goal

    def as_json(self) -> Mapping[str, Any]:
        """For a program to read."""
        return {
            "group": self.group, "what": self.what, "ours": self.ours, "unit": self.unit, "bare": self.bare,
            "ratio": self.ratio, "goal": self.goal, "at_least": self.at_least, "met": self.met,
        }  # fmt: skip


def percentile(values: Sequence[float], percent: float) -> float:
    """A percentile of measurements."""
    return float(np.percentile(values, percent))


def print_table(rows: Sequence[Row], *, tty: bool) -> None:
    """Print rows by group."""
    table = Table("", "measured", "ours", "(bare)", "ratio", "goal", "", title="Chronos against its bare parts")
    group = ""
    for row in rows:
        if row.group != group:
            table.add_section()
        table.add_row(row.group if row.group != group else "", *_cells(row))
        group = row.group
    Console(width=None if tty else 132).print(table)


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.goal is None else f"{'≥' if row.at_least else '≤'} {row.goal:g}"
    mark = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[row.met]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    bare = "" if row.bare is None else _number(row.bare, row.unit)
    return row.what, _number(row.ours, row.unit), bare, ratio, goal, mark


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip() if value < 1000 else f"{value:,.0f} {unit}".rstrip()
