"""How late the milestones of recorded releases were."""

import csv
import json
from argparse import ArgumentParser
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases.reports import FIGURES, SlipFigures, as_row, slip_figures


class Command(BaseCommand):
    help = (
        "Per recorded release: milestones; comparable, slipped and slip_days against the baseline; missed and"
        " missed_days against the date in force on the eve of the actual day."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product", default="", help="only this product, by its name or short name")
        parser.add_argument("--format", choices=("table", "csv", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        figures = slip_figures(options["product"])
        if options["product"] and not figures:
            raise CommandError(f"No recorded release of a product called {options['product']}.")
        if options["format"] == "json":
            self.stdout.write(json.dumps([as_row(row) for row in figures], indent=1, ensure_ascii=False))
        elif options["format"] == "csv":
            writer = csv.DictWriter(self.stdout, FIGURES, lineterminator="\n")
            writer.writeheader()
            writer.writerows(as_row(row) for row in figures)
        elif figures:
            self._table(figures)
        else:
            self.stdout.write("No recorded releases.")

    def _table(self, figures: list[SlipFigures]) -> None:
        rows = [tuple(name.replace("_", " ") for name in FIGURES)]
        everything = SlipFigures("All", "")
        for product, group in groupby(figures, lambda row: row.product):
            total = SlipFigures(product, "all")
            for one in group:
                rows.append(tuple(str(value) for value in as_row(one).values()))
                total.add(one)
            rows.append(tuple(str(value) for value in as_row(total).values()))
            everything.add(total)
        rows.append(tuple(str(value) for value in as_row(everything).values()))
        widths = [max(len(row[i]) for row in rows) for i in range(len(FIGURES))]
        for row in rows:
            names = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
            counts = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
            self.stdout.write("  ".join([*names, *counts]))
