"""Matplotlib, which no other module imports: see `affekt.privacy`."""

from __future__ import annotations

from affekt.errors import MissingExtraError
from affekt.privacy import keep_no_fonts

keep_no_fonts()

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError:
    raise MissingExtraError("a figure", "data") from None

__all__ = ["Axes", "Figure", "FigureCanvasAgg", "MaxNLocator", "mpl"]
