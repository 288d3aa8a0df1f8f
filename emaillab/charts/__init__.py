"""Floor 4: quantities as charts (matplotlib) with their numbers beside them. Each `draw_x` has its `x_table`."""

from emaillab.charts.delays import delay_table, draw_delays
from emaillab.charts.growth import draw_growth, growth_table
from emaillab.charts.octets import draw_octets, octet_table
from emaillab.charts.style import describe
from emaillab.charts.table import Column, Table

__all__ = [
    "Column",
    "Table",
    "delay_table",
    "describe",
    "draw_delays",
    "draw_growth",
    "draw_octets",
    "growth_table",
    "octet_table",
]
