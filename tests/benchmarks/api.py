"""The API's list of 100 releases with their gates: requests per second beside three other ways of writing it.

    DATABASE_URL=… .venv/bin/python manage.py migrate && … manage.py seed --releases 2000
    DATABASE_URL=… .venv/bin/python -m tests.benchmarks.api [--rounds 7] [--calls 20]

Every way answers through the same middleware, token and permission to see, in this process and without a socket, and is
called in turns; a figure is the median of its rounds. The yardsticks give the stored columns of releases and gates and
nothing more; ours adds health, forecasts, permissions and the tag.

json_agg   the database writes the JSON: the limit
nested     REST framework's nested serializers with select_related and prefetch_related
naive      the same without them
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatekeeper.settings")
os.environ |= {"API_CALLS_PER_TOKEN": "100000000", "API_CALLS_PER_ADDRESS": "100000000", "LOG_LEVEL": "ERROR"}
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from approvals.actions.tokens import create_token  # noqa: E402
from gatekeeper.accounts.models import User  # noqa: E402
from gatekeeper.seed import PREFIX  # noqa: E402
from releases.models import Gate, Release  # noqa: E402

SIZE = 100
GATE_FIELDS = ("key", "name", "position", "state", "due_on", "baseline_due_on", "decided_on")
RELEASE_FIELDS = (
    "version", "name", "state", "target_on", "baseline_on", "p50_on", "p85_on", "released_on", "slip_days",
    "current_gate",
)  # fmt: skip


class GateSerializer(serializers.ModelSerializer[Gate]):
    class Meta:
        model = Gate
        fields = GATE_FIELDS


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    product = serializers.CharField(source="product.slug")
    owner = serializers.CharField(source="owner.username", default=None)
    playbook = serializers.CharField(source="playbook.slug")
    gates = GateSerializer(many=True)

    class Meta:
        model = Release
        fields = ("product", "owner", "playbook", "gates", *RELEASE_FIELDS)


class NestedView(APIView):
    def get(self, request: Request) -> Response:
        found = Release.objects.visible_to(request.user).order_by("target_on", "pk")
        found = found.select_related("product", "owner", "playbook").defer("playbook__definition")
        rows = found.prefetch_related("gates")[:SIZE]
        return Response({"count": found.count(), "results": ReleaseSerializer(rows, many=True).data})


class NaiveView(APIView):
    def get(self, request: Request) -> Response:
        found = Release.objects.visible_to(request.user).order_by("target_on", "pk")
        return Response({"count": found.count(), "results": ReleaseSerializer(found[:SIZE], many=True).data})


def _columns(table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}', {table}.{name}" for name in names)


AGGREGATED = f"""
    SELECT json_build_object('count', (SELECT count(*) FROM releases_release WHERE id IN (SELECT id FROM seen)),
        'results', json_agg(one ORDER BY target_on, id))::text
    FROM (
        SELECT r.target_on, r.id, json_build_object('product', p.slug, 'owner', o.username, 'playbook', b.slug,
            {_columns("r", RELEASE_FIELDS)},
            'gates', (SELECT json_agg(json_build_object({_columns("g", GATE_FIELDS)}) ORDER BY g.position)
                      FROM releases_gate g WHERE g.release_id = r.id)) AS one
        FROM releases_release r JOIN releases_product p ON p.id = r.product_id
            JOIN releases_playbook b ON b.id = r.playbook_id LEFT JOIN accounts_user o ON o.id = r.owner_id
        WHERE r.id IN (SELECT id FROM seen) ORDER BY r.target_on, r.id LIMIT {SIZE}
    ) AS shown"""


class AggregatedView(APIView):
    def get(self, request: Request) -> HttpResponse:
        seen, words = Release.objects.visible_to(request.user).order_by().values("id").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"WITH seen AS ({seen}) {AGGREGATED}", words)
            found = cursor.fetchone()[0]
        return HttpResponse(found.encode(), content_type="application/json")


urlpatterns = [
    path("api/v1/", include("gatekeeper.urls_api")),
    path("nested/", NestedView.as_view()),
    path("naive/", NaiveView.as_view()),
    path("aggregated/", AggregatedView.as_view()),
]

GOALS: tuple[tuple[str, str, str, float], ...] = (
    ("list of 100 releases", "full", "nested", 4.0),
    ("list of 100 releases", "full", "naive", 10.0),
    ("list of 100 releases", "full", "json_agg", 0.45),
    ("the same, unchanged (304)", "304", "full", 3.0),
)


def measure(rounds: int, calls: int) -> dict[str, list[float]]:
    """By way, the requests per second of each round. Prints queries and bytes of one request."""
    person = User.objects.get(username=f"{PREFIX}-helen")
    token = create_token(owner=person, actor=None, name="benchmark", scopes=["read"], days=1).text
    client = Client(headers={"authorization": f"Bearer {token}"})
    ours = f"/api/v1/releases/?page_size={SIZE}&ordering=target_on"
    tag = client.get(ours).headers["ETag"]
    ways: dict[str, Callable[[], Any]] = {
        "full": lambda: client.get(ours),
        "304": lambda: client.get(ours, headers={"if-none-match": tag}),
        "json_agg": lambda: client.get("/aggregated/"),
        "nested": lambda: client.get("/nested/"),
        "naive": lambda: client.get("/naive/"),
    }
    for name, call in ways.items():
        call()
        with CaptureQueriesContext(connection) as asked:
            found = call()
        assert found.status_code == (304 if name == "304" else 200), found.content
        print(f"{name}: {len(asked)} queries, {len(found.content):,} bytes")
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            count = max(1, calls // 10) if name == "naive" else calls
            begin = time.perf_counter()
            for _ in range(count):
                call()
            rates[name].append(count / (time.perf_counter() - begin))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20)
    words = parser.parse_args()
    if connection.vendor != "postgresql":
        raise SystemExit("json_agg is PostgreSQL's: set DATABASE_URL.")
    with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"], DEBUG=False):
        rates = {name: statistics.median(found) for name, found in measure(words.rounds, words.calls).items()}
    print(f"{Release.objects.count():,} releases, {settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}")
    print("| path | ours, req/s | yardstick, req/s | ratio | goal | |\n|---|---|---|---|---|---|")
    for what, ours, other, goal in GOALS:
        ratio = rates[ours] / rates[other]
        verdict = "holds" if ratio >= goal else "missed"
        print(
            f"| {what} | {ours} {rates[ours]:.0f} | {other} {rates[other]:.0f} | {ratio:.2f} | ≥ {goal:g} | {verdict} |"
        )


if __name__ == "__main__":
    main()
