"""The portfolio, its figures, its export and the inbox at two sizes, beside the raw SQL that they cannot beat.

    .venv/bin/python -m tests.benchmarks.portfolio SMALL LARGE [--rounds 7]

SMALL and LARGE are names of PostgreSQL databases beside the one of DATABASE_URL, migrated and seeded (`make bench`
makes them). Everything is called in turns in this process, without a socket; a figure is the median of its rounds.
`growth` is the time at the large size over the time at the small one.
"""

import argparse
import gzip
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatekeeper.settings")
os.environ["LOG_LEVEL"] = "ERROR"
django.setup()

from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from gatekeeper.accounts.models import User  # noqa: E402
from gatekeeper.common.calendars import day_of  # noqa: E402
from gatekeeper.common.once import remembering  # noqa: E402
from gatekeeper.dashboard.queries import portfolio  # noqa: E402
from gatekeeper.dashboard.queries.filters import CURRENT, Filters  # noqa: E402
from gatekeeper.seed import PREFIX  # noqa: E402
from releases.models import Release  # noqa: E402

BACKEND = "gatekeeper.accounts.backends.EmailOrUsernameBackend"
# The whole portfolio by health on the denormalised columns: what the figures cannot be quicker than.
RAW_FIGURES = """
    SELECT CASE WHEN state <> 'active' THEN state WHEN open_slips > 0 OR slip_days > 0 THEN 'slipped'
        WHEN (next_due_on <= %s AND current_state <> 'in_review') OR (next_due_on <= %s AND current_state = 'in_review')
            OR p50_on > target_on OR is_quorum_unreachable THEN 'at_risk' ELSE 'on_track' END AS health,
        count(*), sum(slip_days) FILTER (WHERE slip_days > 0)
    FROM releases_release WHERE kind = 'gates' AND state = ANY(%s) GROUP BY 1"""
# What each chart would be as a statement of its own: gates, rounds and slips grouped once.
RAW_CHARTS = (
    """SELECT g.key, g.decided_on - g.opened_at::date, count(*) FROM releases_gate g JOIN releases_release r
        ON r.id = g.release_id WHERE r.kind = 'gates' AND g.state IN ('approved', 'waived') AND g.decided_on >= %s
        GROUP BY 1, 2""",
    """SELECT g.key, s.state, count(*) FROM approvals_submission s JOIN releases_gate g ON g.id = s.gate_id
        JOIN releases_release r ON r.id = g.release_id WHERE r.kind = 'gates' AND s.state IN ('approved', 'declined')
        AND s.ended_at >= %s GROUP BY 1, 2""",
    """SELECT p.line_id, date_trunc('month', s.due_on), s.cause, sum(s.days) FROM releases_slip s
        JOIN releases_release r ON r.id = s.release_id JOIN releases_product p ON p.id = r.product_id
        WHERE s.due_on >= %s GROUP BY 1, 2, 3""",
)


@dataclass
class World:
    """One database, and who looks."""

    name: str
    client: Client
    approver: Client
    user: User
    size: int


def enter(name: str) -> None:
    """From now on everything asks this database."""
    connection.close()
    connection.settings_dict["NAME"] = name
    ContentType.objects.clear_cache()


def open_world(name: str) -> World:
    enter(name)
    client, approver = Client(), Client()
    user = User.objects.get(username=f"{PREFIX}-helen")
    client.force_login(user, BACKEND)
    approver.force_login(User.objects.get(username=f"{PREFIX}-daniel"), BACKEND)
    return World(name, client, approver, user, Release.objects.count())


def board_of(world: World) -> portfolio.Portfolio:
    now = timezone.now()
    return portfolio.Portfolio(world.user, Filters(), now, day_of(now))


def table(world: World) -> None:
    """The rows of a page with their heads, groups and filter menus."""
    with remembering():
        board = board_of(world)
        _all = (board.figures, board.groups, board.menus)


def figures(world: World) -> None:
    with remembering():
        _found = board_of(world).figures


def charts(world: World) -> None:
    with remembering():
        board = board_of(world)
        _found = (board.gates, board.rounds, board.slip_months)


def raw_figures(_world: World) -> None:
    today = day_of(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(RAW_FIGURES, [today, today, [str(state) for state in CURRENT]])
        cursor.fetchall()


def raw_charts(_world: World) -> None:
    today = day_of(timezone.now())
    begin = today.replace(year=today.year - 1)
    with connection.cursor() as cursor:
        for statement in RAW_CHARTS:
            cursor.execute(statement, [begin])
            cursor.fetchall()


def page(world: World) -> Any:
    return world.client.get("/portfolio/")


def inbox(world: World) -> Any:
    return world.approver.get("/inbox/")


def export(world: World) -> int:
    return sum(len(block) for block in world.client.get("/portfolio/export.csv?state=all"))


WAYS: dict[str, Callable[[World], Any]] = {
    "table": table, "figures": figures, "raw figures": raw_figures, "charts": charts, "raw charts": raw_charts,
    "page": page, "inbox": inbox, "export": export,
}  # fmt: skip


def measured(worlds: list[World], rounds: int) -> dict[tuple[str, str], float]:
    """Median milliseconds by way and database."""
    spent: dict[tuple[str, str], list[float]] = {(way, world.name): [] for way in WAYS for world in worlds}
    for turn in range(rounds + 1):
        for world in worlds:
            enter(world.name)
            connection.ensure_connection()
            for way, call in WAYS.items():
                begin = time.perf_counter()
                call(world)
                if turn:  # the first one warms up
                    spent[way, world.name].append(1000 * (time.perf_counter() - begin))
    return {key: statistics.median(found) for key, found in spent.items()}


def asked(world: World, way: str) -> int:
    enter(world.name)
    with CaptureQueriesContext(connection) as found:
        WAYS[way](world)
    return len(found)


def bytes_of(world: World) -> tuple[int, int]:
    """Bytes of the page of 50 rows and of one of 100, packed."""
    enter(world.name)
    few = len(gzip.compress(page(world).content, 6))
    portfolio.PER_PAGE, kept = 100, portfolio.PER_PAGE
    many = len(gzip.compress(page(world).content, 6))
    portfolio.PER_PAGE = kept
    return few, many


def grown(world: World) -> float:
    """MiB that the export of every row takes at most, beyond what was there before."""
    enter(world.name)
    tracemalloc.start()
    export(world)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("small")
    parser.add_argument("large")
    parser.add_argument("--rounds", type=int, default=7)
    words = parser.parse_args()
    if connection.vendor != "postgresql":
        raise SystemExit("The sizes are databases of PostgreSQL: set DATABASE_URL.")
    with override_settings(ALLOWED_HOSTS=["testserver"], DEBUG=False):
        small, large = (open_world(name) for name in (words.small, words.large))
        spent = measured([small, large], words.rounds)
        counts = {way: asked(large, way) for way in WAYS}
        few, many = bytes_of(large)
        peak = grown(large)

    def ms(way: str, world: World = large) -> float:
        return spent[way, world.name]

    def growth(way: str) -> float:
        return ms(way) / ms(way, small)

    def verdict(holds: bool) -> str:
        return "holds" if holds else "missed"

    def at(way: str) -> str:
        return f"at {small.size:,}: {ms(way, small):.0f} ms"

    size = f"{large.size:,}"
    rows = [
        (f"portfolio table, 50 of {size}", f"{ms('table'):.0f} ms", at("table"), "",
         counts["table"], f"{growth('table'):.2f}", "growth ≤ 1.5", verdict(growth("table") <= 1.5)),
        (f"portfolio figures over {size}", f"{ms('figures'):.1f} ms", f"raw SQL {ms('raw figures'):.1f} ms",
         f"{ms('figures') / ms('raw figures'):.2f}", counts["figures"], f"{growth('figures'):.2f}", "≤ 2",
         verdict(ms("figures") <= 2 * ms("raw figures"))),
        (f"portfolio charts over {size}", f"{ms('charts'):.0f} ms", f"raw SQL {ms('raw charts'):.0f} ms",
         f"{ms('charts') / ms('raw charts'):.2f}", counts["charts"], f"{growth('charts'):.2f}", "≤ 2",
         verdict(ms("charts") <= 2 * ms("raw charts"))),
        (f"portfolio page with tiles and charts, {small.size:,}", f"{ms('page', small):.0f} ms",
         f"at {size}: {ms('page'):.0f} ms", "", counts["page"], f"{growth('page'):.2f}", "600 ms",
         verdict(ms("page", small) <= 600)),
        ("its HTML, gzip", f"{few / 1000:.1f} KB", "100 rows", f"{many / 1000:.1f} KB", "", "", "≤ 25 KB",
         verdict(many <= 25_000)),
        (f"portfolio as CSV, {size} rows", f"{ms('export') / 1000:.1f} s", "peak memory", f"{peak:.1f} MiB",
         counts["export"], f"{growth('export'):.1f}", "≤ 10 MiB", verdict(peak <= 10)),
        ("inbox of one approver", f"{ms('inbox'):.0f} ms", at("inbox"), "",
         counts["inbox"], f"{growth('inbox'):.2f}", "growth ≤ 1.2", verdict(growth("inbox") <= 1.2)),
    ]  # fmt: skip
    print("| path | ours | yardstick | ratio | queries | growth | goal | verdict |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


if __name__ == "__main__":
    main()
