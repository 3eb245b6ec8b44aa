"""Our charts on paper: the same geometry as on the pages, drawn with reportlab's shapes."""

from math import cos, pi, sin
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable

from approvals.pages.paper import BODY, BOLD, INK, LINE, QUIET
from gatekeeper.common.charts import Bars, Chart, Lines

GRID = HexColor("#dfe4ea")
COLOURS = {
    "s1": HexColor("#2a4fc4"), "s2": HexColor("#0c8a8a"), "s3": HexColor("#b0481e"), "s4": HexColor("#7b4bb8"),
    "s5": HexColor("#5d6b7e"), "s6": HexColor("#b3257b"), "s7": HexColor("#4d7c0f"), "t-dec": HexColor("#c5282f"),
    "t-late": HexColor("#bf4c08"),
}  # fmt: skip
# corners of the mark of each series; the first is a circle
CORNERS = {"s2": 4, "s3": 4, "s4": 3, "s5": 3, "s6": 5, "s7": 6}
TURNED = {"s2": pi / 4, "s5": pi}
SIZE = 11


class PaperChart(Flowable):
    """A chart of so many points in width."""

    def __init__(self, chart: Chart, width: float) -> None:
        super().__init__()
        self.chart = chart
        self.plot = chart.views[-1].plot
        self.scale = width / self.plot.width
        self.width, self.height = width, self.plot.height * self.scale

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        pen = self.canv
        pen.saveState()
        pen.scale(self.scale, self.scale)
        if isinstance(self.plot, Lines):
            self._lines(self.plot)
        elif isinstance(self.plot, Bars):
            self._bars(self.plot)
        pen.restoreState()

    def _y(self, y: float) -> float:
        """The pages count downwards."""
        return float(self.plot.height - y)

    def _rule(self, x1: float, y1: float, x2: float, y2: float, colour: Any = GRID, width: float = 0.8) -> None:
        self.canv.setStrokeColor(colour)
        self.canv.setLineWidth(width)
        self.canv.line(x1, self._y(y1), x2, self._y(y2))

    def _text(
        self, x: float, y: float, text: str, *, anchor: str = "start", font: str = BODY, colour: Any = QUIET
    ) -> None:
        self.canv.setFillColor(colour)
        self.canv.setFont(font, SIZE)
        draw = {"start": self.canv.drawString, "end": self.canv.drawRightString, "middle": self.canv.drawCentredString}
        draw[anchor](x, self._y(y), text)

    def _bars(self, plot: Bars) -> None:
        for tick in plot.x_ticks:
            self._rule(tick.at, plot.top, tick.at, plot.bottom)
            self._text(tick.at, plot.ticks_y, tick.label, anchor="middle")
        for row in plot.rows:
            self._text(plot.label_x, row.text_y, row.label, anchor="end")
            if self.chart.kind == "ranges":
                self._range(plot, row)
            else:
                self._bar(plot, row)
            if row.goal_x is not None:
                self._rule(row.goal_x, row.goal_top, row.goal_x, row.goal_top + 14, INK, 2)

    def _bar(self, plot: Bars, row: Any) -> None:
        self.canv.setFillColor(COLOURS.get(row.css, COLOURS["s5"]))
        self.canv.rect(plot.left, self._y(row.top + 12), row.width, 12, stroke=0, fill=1)
        self._text(row.words_x, row.text_y, row.words, font=BOLD, colour=INK)
        if row.note:
            self._text(plot.note_x, row.text_y, row.note, anchor="end")

    def _range(self, plot: Bars, row: Any) -> None:
        pen = self.canv
        pen.setFillColor(HexColor("#c8d2f2"))
        pen.rect(row.low_x, self._y(row.top + 10), row.width, 10, stroke=0, fill=1)
        pen.setStrokeColor(COLOURS["s1"])
        pen.setLineWidth(1.8)
        pen.setFillColor(COLOURS["s1"])
        pen.circle(row.low_x, self._y(row.y), 3.4, stroke=1, fill=1)
        pen.setFillColor(HexColor("#ffffff"))
        pen.circle(row.high_x, self._y(row.y), 3.4, stroke=1, fill=1)
        self._text(plot.note_x, row.text_y, row.words, anchor="end", font=BOLD, colour=INK)

    def _lines(self, plot: Lines) -> None:
        for tick in plot.y_ticks:
            self._rule(plot.left, tick.at, plot.right, tick.at)
            self._text(plot.y_label_x, tick.at + 4, tick.label, anchor="end")
        for tick in plot.x_ticks:
            self._rule(tick.at, plot.top, tick.at, plot.bottom)
            self._text(
                tick.at, plot.ticks_y, tick.label, anchor="middle", font=BOLD if tick.is_strong else BODY,
            )  # fmt: skip
        self._rule(plot.left, plot.bottom, plot.right, plot.bottom, LINE)
        for line in plot.lines:
            self._line(line)

    def _line(self, line: Any) -> None:
        pen, colour = self.canv, COLOURS[line.css]
        pen.setStrokeColor(colour)
        pen.setLineWidth(1.8)
        path = pen.beginPath()
        path.moveTo(line.points[0].x, self._y(line.points[0].y))
        for point in line.points[1:]:
            path.lineTo(point.x, self._y(point.y))
        pen.drawPath(path)
        pen.setFillColor(HexColor("#ffffff"))
        for point in line.points:
            self._mark(line.css, point.x, self._y(point.y))
        self._text(line.label_x, line.label_y, line.label, font=BOLD, colour=colour)

    def _mark(self, css: str, x: float, y: float) -> None:
        corners = CORNERS.get(css, 0)
        if not corners:
            self.canv.circle(x, y, 3.2, stroke=1, fill=1)
            return
        path = self.canv.beginPath()
        for number in range(corners):
            angle = pi / 2 + TURNED.get(css, 0) + 2 * pi * number / corners
            (path.lineTo if number else path.moveTo)(x + 4 * cos(angle), y + 4 * sin(angle))
        path.close()
        self.canv.drawPath(path, stroke=1, fill=1)
