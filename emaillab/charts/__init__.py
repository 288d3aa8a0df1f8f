"""Floor 4: quantities as charts (matplotlib) with their numbers beside them. Each `draw_x` has its `x_table`."""

from emaillab.charts.clocks import draw_inferred, inferred_table
from emaillab.charts.copies import copies_table, draw_copies
from emaillab.charts.delays import delay_table, draw_delays
from emaillab.charts.growth import draw_growth, growth_table
from emaillab.charts.loop import draw_headers, draw_loop, headers_table, loop_table
from emaillab.charts.octets import draw_octets, octet_table
from emaillab.charts.path import draw_path, path_table
from emaillab.charts.stacked import draw_stacked, stacked_table
from emaillab.charts.style import describe
from emaillab.charts.table import Column, Table

__all__ = [
    "Column",
    "Table",
    "copies_table",
    "delay_table",
    "describe",
    "draw_copies",
    "draw_delays",
    "draw_growth",
    "draw_headers",
    "draw_inferred",
    "draw_loop",
    "draw_octets",
    "draw_path",
    "draw_stacked",
    "growth_table",
    "headers_table",
    "inferred_table",
    "loop_table",
    "octet_table",
    "path_table",
    "stacked_table",
]
