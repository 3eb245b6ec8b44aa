"""Bad files: every mistake is named by its line, and nothing is imported."""

import io
import tracemalloc
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from releases.importing import CHANGE_COLUMNS, RELEASE_COLUMNS, read_releases
from tests.cast import nothing_changes
from tests.releases.history_files import change, csv_bytes, load, milestone

pytestmark = pytest.mark.django_db

HEADER = ",".join(RELEASE_COLUMNS) + "\n"
GOOD = "Kernel,1.0,1,alpha,2020-01-01,2020-01-01,2020-01-02,notes\n"
BAD_CELL = "Kernel,1.0,2,{milestone},{baseline},2020-02-01,2020-02-01,notes\n"


def second(milestone: str = "beta", baseline: str = "2020-02-01") -> bytes:
    return (HEADER + GOOD + BAD_CELL.format(milestone=milestone, baseline=baseline)).encode()


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        pytest.param(b"", 1, "the file is empty", id="empty"),
        pytest.param(b"\n\n", 1, "the file is empty", id="blank lines"),
        pytest.param(HEADER.encode(), 2, "no rows", id="header alone"),
        pytest.param(
            HEADER.replace("actual_date,", "").encode() + b"x\n", 1, "the column actual_date is missing", id="column"
        ),
        pytest.param(HEADER.replace(",", ";").encode(), 1, "separated by commas", id="semicolons"),
        pytest.param(HEADER.replace("source", "source,theme").encode(), 1, "'theme'", id="unknown column"),
        pytest.param(HEADER.replace("source", "source,source").encode(), 1, "source stands twice", id="column twice"),
        pytest.param(second(baseline="31.12.2020"), 3, "planned_date_baseline: '31.12.2020'", id="date"),
        pytest.param(second(baseline="2020-02-30"), 3, "'2020-02-30' is not a date", id="no such day"),
        pytest.param(second(baseline="20200201"), 3, "expected YYYY-MM-DD", id="date without hyphens"),
        pytest.param(second(baseline="２０２０-02-01"), 3, "is not a date", id="other digits"),
        pytest.param(second(baseline="1989-12-31"), 3, "1989-12-31 does not lie between 1990-01-01", id="before 1990"),
        pytest.param(second(baseline="2100-01-01"), 3, "2100-01-01 does not lie", id="far ahead"),
        pytest.param(second(milestone="alpha"), 3, "the same as line 2", id="duplicate"),
        pytest.param(second(milestone=" alpha "), 3, "the same as line 2", id="duplicate with spaces"),
        pytest.param(second(milestone=""), 3, "milestone: is empty", id="no name"),
        pytest.param(second(milestone="m" * 121), 3, "longer than 120 characters", id="long name"),
        pytest.param(second(milestone='"two\nlines"'), 3, "control character", id="line break in a name"),
        pytest.param(b"\xef\xbb\xbf" + second(), 1, "byte-order mark", id="byte-order mark"),
        pytest.param(second().replace(b"beta", "\ufeffbeta".encode()), 3, "byte-order mark", id="mark inside"),
        pytest.param(second("bêta").decode().encode("latin-1"), 3, "byte 15 (0xea) is not UTF-8", id="latin-1"),
        pytest.param(second().decode().encode("utf-16"), 1, "begins like UTF-16", id="utf-16"),
        pytest.param(second().decode().encode("utf-32"), 1, "begins like UTF-32", id="utf-32"),
        pytest.param(second(milestone="be\0ta"), 3, "NUL", id="nul"),
        pytest.param(second() + b",".join([b"x"] * 1000) + b"\n", 4, "has 1000 cells, expected 8", id="wide row"),
        pytest.param(second() + b"Kernel,1.0\n", 4, "has 2 cells", id="short row"),
        pytest.param(second() + b"Kernel,1.0,3,\"rc\n", 4, "cannot be read as CSV", id="open quote"),
        pytest.param(second() + b"x" * (1 << 20) + b"y", 4, "longer than 1048576 bytes", id="endless line"),
        pytest.param(second().replace(b",2,", b",1,"), 3, "milestone_position: 1 stands twice", id="position twice"),
        pytest.param(second().replace(b",2,", b",two,"), 3, "milestone_position: 'two'", id="position"),
        pytest.param(second().replace(b",2,", b",0,"), 3, "milestone_position: '0'", id="position 0"),
        pytest.param(second().replace(b"1.0,2", b"1 0,2"), 3, "release: '1 0' is not a version", id="version"),
        pytest.param(second().replace(b"1.0,2", b"1" * 65 + b",2"), 3, "longer than 64", id="long version"),
        pytest.param(second().replace(b"Kernel,1.0,2", b"K" * 121 + b",1.0,2"), 3, "product: is longer", id="product"),
        pytest.param(second() + b"Kernel,1.0,3,Beta,,,,\n", 4, "cannot be told apart", id="key clash"),
    ],
)  # fmt: skip
def test_a_bad_releases_file_is_refused_by_line(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    load(milestone(1, "first", "2020-01-01", product="Other"))
    path = tmp_path / "releases.csv"
    path.write_bytes(content)
    with nothing_changes(), pytest.raises(CommandError) as refused:
        call_command("import_releases", str(path))
    named = [text for text in str(refused.value).splitlines() if text.startswith(f"line {line}: ")]
    assert any(words in text for text in named), str(refused.value)
    assert "Nothing was imported" in str(refused.value)


CHANGE_HEADER = ",".join(CHANGE_COLUMNS) + "\n"
GOOD_CHANGE = "Kernel,1.0,alpha,2019-12-01,2019-12-20,2020-01-01,later,notes\n"


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        pytest.param("", 2, "no rows", id="header alone"),
        pytest.param(GOOD_CHANGE + GOOD_CHANGE, 3, "the same as line 2", id="duplicate"),
        pytest.param("Kernel,1.0,alpha,,2020-01-01,2020-01-02,,\n", 2, "changed_on: is empty", id="no day"),
        pytest.param("Kernel,1.0,alpha,2019-12-01,2020-01-01,2020-01-01,,\n", 2, "same as old_date", id="no change"),
        pytest.param("Kernel,1.0,alpha,1980-12-01,2020-01-01,2020-01-02,,\n", 2, "1980-12-01", id="before 1990"),
        pytest.param(
            GOOD_CHANGE + "Kernel,2.0,alpha,2019-12-01,2020-01-01,2020-01-02,,\n", 3, "Kernel 2.0 is not recorded",
            id="release",
        ),
        pytest.param(
            GOOD_CHANGE + "Kernel,1.0,alfa,2019-12-01,2020-01-01,2020-01-02,,\n", 3, "did you mean alpha?",
            id="milestone",
        ),
    ],
)  # fmt: skip
def test_a_bad_changes_file_is_refused_by_line(tmp_path: Path, rows: str, line: int, words: str) -> None:
    load(milestone(1, "alpha", "2019-12-20", "2020-01-01", "2020-01-02"))
    path = tmp_path / "changes.csv"
    path.write_text(CHANGE_HEADER + rows)
    with nothing_changes(), pytest.raises(CommandError) as refused:
        call_command("import_schedule_changes", str(path))
    assert any(text.startswith(f"line {line}: ") and words in text for text in str(refused.value).splitlines()), str(
        refused.value
    )


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "releases.csv"
    path.write_bytes(
        csv_bytes(
            RELEASE_COLUMNS,
            [milestone(1, "alpha", "never"), milestone(2, "beta", actual="soon"), milestone(3, "", "2020-13-01")],
        )
    )
    with pytest.raises(CommandError) as refused:
        call_command("import_releases", str(path))
    *named, last = str(refused.value).splitlines()
    assert [text.split(":")[0] for text in named] == ["line 2", "line 3", "line 4", "line 4"]
    assert last == "Nothing was imported: the file has 4 mistakes."


def test_a_hundred_mistakes_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "releases.csv"
    path.write_bytes(csv_bytes(RELEASE_COLUMNS, [milestone(n, f"m{n}", "never") for n in range(1, 251)]))
    with pytest.raises(CommandError) as refused:
        call_command("import_releases", str(path))
    *named, last = str(refused.value).splitlines()
    assert len(named) == 100
    assert last == "Nothing was imported: the file has 250 mistakes; the first 100 are listed."


def test_lines_are_counted_through_cells_that_span_them(tmp_path: Path) -> None:
    path = tmp_path / "releases.csv"
    path.write_bytes(
        csv_bytes(
            RELEASE_COLUMNS,
            [milestone(1, "alpha", source="one\ntwo\nthree"), milestone(2, "beta", "never")],
        )
    )
    with pytest.raises(CommandError, match=r"^line 5: planned_date_baseline"):
        call_command("import_releases", str(path))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.csv cannot be read: No such file"):
        call_command("import_releases", str(tmp_path / "missing.csv"))
    with pytest.raises(CommandError, match="Is a directory"):
        call_command("import_schedule_changes", str(tmp_path))


def test_every_row_of_an_unknown_release_is_named(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    rows = [change("alpha", "2020-01-01", None, "2020-02-01"), change("beta", "2020-01-01", None, "2020-02-01")]
    path.write_bytes(csv_bytes(CHANGE_COLUMNS, rows))
    with pytest.raises(CommandError, match="import its release first") as refused:
        call_command("import_schedule_changes", str(path))
    assert [text.split(":")[0] for text in str(refused.value).splitlines()[:2]] == ["line 2", "line 3"]


def test_columns_may_stand_in_any_order_and_line_ends_may_be_those_of_windows() -> None:
    names = list(reversed(RELEASE_COLUMNS))
    row = dict(zip(RELEASE_COLUMNS, milestone(1, "alpha", "2020-01-01"), strict=True))
    content = csv_bytes(names, [[row[name] for name in names]])
    assert b"\r\n" in content
    table = read_releases(io.BytesIO(content))
    assert [(r.milestone, str(r.baseline_on), r.actual_on) for r in next(table.releases())] == [
        ("alpha", "2020-01-01", None)
    ]


def test_memory_stays_flat_in_rows() -> None:
    def peak(count: int) -> int:
        rows = (milestone(n % 50 + 1, f"m{n % 50}", "2020-01-01", release=f"1.{n // 50}", source="s" * 200)
                for n in range(count))  # fmt: skip
        file = io.BytesIO(csv_bytes(RELEASE_COLUMNS, rows))
        tracemalloc.start()
        table = read_releases(file)
        assert sum(len(group) for group in table.releases()) == count
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)
    assert peak(5000) < peak(500) + 200_000
