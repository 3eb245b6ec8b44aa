"""Tables as files: CSV and XLSX, row by row, and no cell that a spreadsheet would run.

Rows are any iterable of sequences; the first of them is the head. Nothing is held in memory but one row, except that an
XLSX is packed in a temporary file before its first byte leaves.
"""

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.http import StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

# how formulas begin, also in the full-width forms that some spreadsheets read the same
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = ("csv", "xlsx")
# an XLSX cell holds no more, and a sheet's name neither these characters nor more than 31
LONGEST_CELL = 32_767
BLOCK = 64 * 1024
WIDEST_COLUMN = 40
# XML 1.0 has no place for these
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Row = Sequence[Any]


def safe_text(text: str) -> str:
    """A text that begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def safe_cell(value: Any) -> Any:
    """What a CSV shows: harmless text, dates in ISO form, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    return safe_text(value) if isinstance(value, str) else value


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Rows as CSV text, one at a time."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])


def _xlsx_value(value: Any) -> Any:
    """What an XLSX holds: days as days, numbers as numbers, harmless text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)  # a cell knows no zone
    if isinstance(value, date):
        return value
    return safe_text(UNWRITABLE.sub("", str(value)))[:LONGEST_CELL]


def xlsx_blocks(rows: Iterable[Row], *, sheet: str = "Table") -> Iterator[bytes]:
    """Rows as the bytes of a workbook with one sheet: bold head that stays in view, days as real dates.

    No cell is ever written as a formula: whatever a text begins with, its cell is marked as text.
    """
    book = Workbook(write_only=True)
    page = book.create_sheet(re.sub(r"[\[\]:*?/\\']", " ", sheet)[:31])
    page.freeze_panes = "A2"
    bold = Font(bold=True)
    for number, row in enumerate(rows):
        cells = []
        if number == 0:
            # columns have to be told before the first row of a sheet that is written as it comes
            for index, name in enumerate(row, start=1):
                page.column_dimensions[get_column_letter(index)].width = min(max(len(str(name)) + 3, 12), WIDEST_COLUMN)
        for value in row:
            cell = WriteOnlyCell(page, _xlsx_value(value))
            if isinstance(cell.value, str):
                cell.data_type = "s"
            if number == 0:
                cell.font = bold
            cells.append(cell)
        page.append(cells)
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def table_response(rows: Iterable[Row], *, name: str, form: str = "csv", sheet: str = "Table") -> StreamingHttpResponse:
    """The rows as a file to keep, `name` without its ending; `form` is one of FORMATS, anything else gives CSV."""
    if form == "xlsx":
        response = StreamingHttpResponse(xlsx_blocks(rows, sheet=sheet), content_type=XLSX_TYPE)
    else:
        form = "csv"
        response = StreamingHttpResponse(csv_lines(rows), content_type=CSV_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response
