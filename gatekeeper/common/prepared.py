"""Queries that every page asks about its reader: put together once, then only run.

Django needs several times as long to put such a query together as the database needs to answer it.
"""

from collections.abc import Callable, Hashable
from typing import Any

from django.db import connection
from django.db.models import QuerySet

# An id that nobody has; it stands where the reader's id goes.
SOMEBODY = -8_675_309_775_807
_MOST_SHAPES = 64


class Prepared:
    """A query about one person, built from a function that takes the person's id and what else shapes the query.

    The function returns a queryset of `values_list`; it may use the id as a parameter only, never to decide what the
    query looks like: that goes into the shape.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, tuple[Any, ...]]]) -> None:
        self._build = build
        self._built: dict[tuple[Hashable, ...], tuple[str, tuple[Any, ...]]] = {}

    def rows(self, person: int, *shape: Hashable) -> list[tuple[Any, ...]]:
        """The rows for one person. One query."""
        key = (connection.vendor, *shape)
        found = self._built.get(key)
        if found is None:
            if len(self._built) >= _MOST_SHAPES:
                self._built.clear()
            found = self._built[key] = self._build(SOMEBODY, *shape).query.sql_with_params()
        sql, params = found
        with connection.cursor() as cursor:
            cursor.execute(sql, [person if param == SOMEBODY else param for param in params])
            return list(cursor.fetchall())
