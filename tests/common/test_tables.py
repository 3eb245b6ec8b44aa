"""Tables as files: CSV and XLSX with the same cells, none of which a spreadsheet runs."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from gatekeeper.common.tables import FORMULA_STARTS, csv_lines, safe_cell, table_response, xlsx_blocks

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＋1", "－1", "＠x"]


def sheet_of(data: bytes) -> list[list[Any]]:
    page = load_workbook(io.BytesIO(data)).active
    assert page is not None
    return [[cell.value for cell in row] for row in page.iter_rows()]


def content(response: StreamingHttpResponse) -> bytes:
    return b"".join(response)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_of_text_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_numbers_dates_and_plain_words_stay_as_they_are() -> None:
    assert [safe_cell(value) for value in (-3, 0, None, date(2026, 11, 20), "Router 1.0", "a=b", "")] == [
        -3, 0, "", "2026-11-20", "Router 1.0", "a=b", "",
    ]  # fmt: skip


@given(st.text(max_size=20))
def test_a_csv_gives_back_every_text_or_the_text_behind_an_apostrophe(text: str) -> None:
    ((back,),) = list(csv.reader(io.StringIO("".join(csv_lines([["x" + text]])), newline="")))
    assert back == "x" + text
    assert not str(safe_cell(text)).startswith(FORMULA_STARTS)


def test_a_workbook_has_bold_heads_real_days_and_numbers_and_no_formula() -> None:
    rows = [
        ["gate", "due", "days", "at"],
        *([text, date(2028, 2, 29), -3, datetime(2028, 2, 29, 9, 30, tzinfo=UTC)] for text in DANGEROUS),
        ["bad \x00 and \x0b letters", None, 1.5, True],
    ]
    data = b"".join(xlsx_blocks(rows, sheet="Slips: all [of] them/that count and more"))
    book = load_workbook(io.BytesIO(data))
    page = book.active
    assert page is not None
    assert page.title == "Slips  all  of  them that count"
    assert page.freeze_panes == "A2"
    assert page["A1"].font.b
    assert not page["A2"].font.b
    assert page["B2"].value == datetime(2028, 2, 29)  # noqa: DTZ001 - a cell knows no zone
    assert page["C2"].value == -3
    assert page["D2"].value == datetime(2028, 2, 29, 9, 30)  # noqa: DTZ001
    assert [cell.value for cell in page[len(rows)]] == ["bad  and  letters", None, 1.5, True]
    # the file itself holds no formula, whatever a reader of it would make of the texts
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    assert all(str(page.cell(row, 1).value).startswith("'") for row in range(2, 2 + len(DANGEROUS)))


def test_both_forms_are_files_with_the_same_rows() -> None:
    rows = [["gate", "days"], ["Release Readiness", 4]]
    as_csv, as_xlsx, other = (table_response(rows, name="slips", form=form) for form in ("csv", "xlsx", "exe"))
    assert content(as_csv).decode() == "gate,days\r\nRelease Readiness,4\r\n"
    assert sheet_of(content(as_xlsx)) == rows
    assert as_csv["Content-Disposition"] == other["Content-Disposition"] == 'attachment; filename="slips.csv"'
    assert as_xlsx["Content-Disposition"] == 'attachment; filename="slips.xlsx"'
    assert as_xlsx["Content-Type"].endswith("spreadsheetml.sheet")
