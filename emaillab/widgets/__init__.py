"""Floor 4: what a student can move. Each widget also shows itself as a table, where nothing can be moved."""

from emaillab.widgets.builder import PathBuilder
from emaillab.widgets.encoder import EncodingBench
from emaillab.widgets.header import HeaderInspector
from emaillab.widgets.inspector import MessageInspector
from emaillab.widgets.where import WhereIsMyLetter

__all__ = ["EncodingBench", "HeaderInspector", "MessageInspector", "PathBuilder", "WhereIsMyLetter"]
