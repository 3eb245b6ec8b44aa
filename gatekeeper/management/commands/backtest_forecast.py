"""How right the forecast would have been on recorded releases, using only what was known on each day."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import database_clock
from measures.backtest import Score, Trial, backtest, keep, last_load, score
from releases.kinds import PlaybookKind
from releases.models import Product

HEADS = ("product", "n", "P50", "P85", "width", "loss 50", "plan 50", "loss 85", "plan 85")


class Command(BaseCommand):
    help = (
        "Forecasts every recorded release at each of its milestones with what was known that day and compares with what"
        " happened: the share of milestones that came by their P50 and P85, the median days from P50 to P85, and the"
        " pinball loss in days beside that of the plan as it stood."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product", default="", help="only this product, by its name or short name")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = Product.objects.filter(releases__kind=PlaybookKind.HISTORY).distinct().order_by("name")
        if options["product"]:
            wanted = wanted.filter(Q(name__iexact=options["product"]) | Q(slug=options["product"]))
        products = list(wanted)
        if options["product"] and not products:
            raise CommandError(f"No recorded release of a product called {options['product']}.")
        trials: list[Trial] = []
        day, loaded = day_of(database_clock()), last_load()
        scores: dict[str, Score] = {}
        for product in products:
            self._name = product.name
            found = backtest(product, self._progress)
            trials += found
            one = score(found)
            keep(product, one, day, loaded)
            if one is not None:
                scores[product.name] = one
        everything = score(trials)
        if options["format"] == "json":
            data = as_data(everything) | {"by_product": {name: as_data(one) for name, one in scores.items()}}
            self.stdout.write(json.dumps(data, indent=1, ensure_ascii=False))
        elif everything is None:
            self.stdout.write("No recorded releases.")
        else:
            self._table([*scores.items(), ("All", everything)])

    def _progress(self, line: str) -> None:
        self.stderr.write(f"{self._name} {line}")

    def _table(self, scores: list[tuple[str, Score]]) -> None:
        rows = [HEADS]
        for name, one in scores:
            rows.append(
                (
                    name, str(one.n), f"{one.coverage_50:.1%}", f"{one.coverage_85:.1%}", f"{one.width:g} d",
                    f"{one.loss_50:.3f}", f"{one.plan_loss_50:.3f}", f"{one.loss_85:.3f}", f"{one.plan_loss_85:.3f}",
                )
            )  # fmt: skip
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            self.stdout.write("  ".join(cells))


def as_data(one: Score | None) -> dict[str, Any]:
    """One score as the contract names it, with width and losses beside it; without forecasts all counts are 0."""
    if one is None:
        return {"p50": {"n": 0, "coverage": None}, "p85": {"n": 0, "coverage": None}}
    return {
        "p50": {"n": one.n, "coverage": round(one.coverage_50, 4), "loss": round(one.loss_50, 4),
                "plan_loss": round(one.plan_loss_50, 4)},
        "p85": {"n": one.n, "coverage": round(one.coverage_85, 4), "loss": round(one.loss_85, 4),
                "plan_loss": round(one.plan_loss_85, 4)},
        "median_width_days": one.width,
    }  # fmt: skip
