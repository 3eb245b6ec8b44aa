"""Queries that are put together once and then only run: what pages ask about their reader, and verbs of their release.

Django needs several times as long to put a query together as the database needs to answer it.
"""

import threading
from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import date
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet, prefetch_related_objects
from django.db.models.query import ModelIterable, get_related_populators

Row = TypeVar("Row")
# An id, a day, or some ids.
Given: TypeAlias = int | date | Collection[int]

_MOST_SHAPES = 64
_MOST_IDS = 64
# Ids that nobody has: -8675309NNNMMM stands where the Mth id of the Nth value goes.
_NOBODY = -8_675_309_000_000


class Prepared(Generic[Row]):
    """A query, built from a function that takes ids, days and lists of ids, and besides what else shapes the query.

    The function returns a queryset of instances (with `select_related`, prefetching and annotations) or of
    `values_list`. What it is given may only stand in the query as a parameter and never decide what the query looks
    like: that goes into the shape, by name.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]) -> None:
        self.build = build
        # A plan holds its connection, and each thread has its own.
        self._local = threading.local()

    def rows(self, *given: Given, **shape: Hashable) -> list[Row]:
        """What the function's queryset would give. One query, and those of what it prefetches."""
        sizes = [len(value) for value in given if isinstance(value, Collection)]
        if any(not 0 < size <= _MOST_IDS for size in sizes):
            return list(self.build(*given, **shape))
        values = [_padded(value) if isinstance(value, Collection) else value for value in given]
        return self._plan(values, shape).run(values)

    def first(self, *given: Given, **shape: Hashable) -> Row | None:
        """The first row, if there is one."""
        return next(iter(self.rows(*given, **shape)), None)

    def _plan(self, values: Sequence[Given], shape: dict[str, Hashable]) -> "_Plan[Row]":
        connection = connections[DEFAULT_DB_ALIAS]
        if getattr(self._local, "connection", None) is not connection:
            self._local.connection, self._local.plans = connection, {}
        plans: dict[Hashable, _Plan[Row]] = self._local.plans
        key = (*(len(value) if isinstance(value, list) else 0 for value in values), *shape.items())
        found = plans.get(key)
        if found is None:
            if len(plans) >= _MOST_SHAPES:
                plans.clear()
            nobody = [_nobody(number, value) for number, value in enumerate(values)]
            found = plans[key] = _Plan(self.build(*nobody, **shape), nobody, connection)
        return found


def _padded(ids: Collection[int]) -> list[int]:
    """As many ids as the next power of two, so that few shapes are enough for lists of any length."""
    found = list(ids)
    return found + found[-1:] * ((1 << (len(found) - 1).bit_length()) - len(found))


def _nobody(number: int, value: Given) -> Given:
    """What stands for the value of this number while the query is built."""
    if isinstance(value, date):
        return date(1 + number, 1, 1)
    first = _NOBODY - 1000 * number
    return [first - n for n in range(len(value))] if isinstance(value, list) else first


class _Plan(Generic[Row]):
    """A query as one connection runs it: its text, where the values go, and how its rows are read.

    It does what Django's ModelIterable does for each run of a query, and keeps what does not change.
    """

    def __init__(self, queryset: QuerySet[Any, Row], nobody: Sequence[Given], connection: BaseDatabaseWrapper) -> None:
        self._adapt = connection.ops.adapt_datefield_value
        places: dict[Any, tuple[int, int | None]] = {}
        for number, value in enumerate(nobody):
            if isinstance(value, list):
                places |= {one: (number, place) for place, one in enumerate(value)}
            else:
                places[self._adapt(value) if isinstance(value, date) else value] = (number, None)
        compiler = self._compiler = queryset.query.get_compiler(connection=connection)
        self._sql, params = compiler.as_sql()
        self._params = list(params)
        self._slots = [
            (position, *places[param])
            for position, param in enumerate(params)
            if isinstance(param, Hashable) and param in places
        ]
        if {slot[1:] for slot in self._slots} != set(places.values()):
            raise TypeError("A prepared query uses every value that it is given as a parameter.")
        select = [column[0] for column in compiler.select]
        self._prefetched = queryset._prefetch_related_lookups  # type: ignore[attr-defined]
        self._converters = compiler.get_converters(select)
        self._make: Callable[[Any], Any] = tuple
        if queryset._iterable_class is ModelIterable:
            self._make = self._instance
            fields = compiler.klass_info["select_fields"]
            self._model, self._fields = compiler.klass_info["model"], slice(fields[0], fields[-1] + 1)
            self._names = [column.target.attname for column in select[self._fields]]
            info, alias = compiler.klass_info, connection.alias
            self._related = get_related_populators(info, compiler.select, alias)  # type: ignore[call-arg]  # of 6.0
            self._annotations = list(compiler.annotation_col_map.items())

    def run(self, values: Sequence[Given]) -> list[Row]:
        params = self._params.copy()
        for position, number, place in self._slots:
            value: Any = values[number]
            if place is not None:
                value = value[place]
            params[position] = self._adapt(value) if isinstance(value, date) else value
        with self._compiler.connection.cursor() as cursor:
            cursor.execute(self._sql, params)
            rows: Any = cursor.fetchall()
        if self._converters:
            rows = self._compiler.apply_converters(rows, self._converters)
        found = [self._make(row) for row in rows]
        if self._prefetched and found:
            prefetch_related_objects(found, *self._prefetched)
        return found

    def _instance(self, row: Sequence[Any]) -> Any:
        found = self._model.from_db(self._compiler.connection.alias, self._names, row[self._fields])
        for populator in self._related:
            populator.populate(row, found)
        for name, position in self._annotations:
            setattr(found, name, row[position])
        return found
