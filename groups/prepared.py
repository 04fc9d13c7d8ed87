"""Statements that are asked all the time, written out once: that takes Django longer than to run them."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

type _Compiled[M: Model] = tuple[Any, str, tuple[Any, ...], ModelIterable[M]]


class Prepared[M: Model]:
    """A query as a function from some values to a queryset, compiled with stand-ins for these values.

    Once for each thread that asks at the same moment: what is compiled is used by one at a time. A stand-in
    must be none of the query's other values.
    """

    def __init__(self, make: Callable[..., QuerySet[M]], *stand_ins: Any) -> None:
        self._make = make
        self._stand_ins = stand_ins
        self._free: list[_Compiled[M]] = []

    def all(self, *values: Any) -> list[M]:
        """Return the rows for these values."""
        try:
            compiled = self._free.pop()
        except IndexError:
            compiled = self._compiled()
        compiler, sql, compiled_with, rows = compiled
        real = dict(zip(self._stand_ins, values, strict=True))
        filled_in = tuple(real.get(each, each) for each in compiled_with)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        compiler.as_sql = lambda *_args, **_options: (sql, filled_in)
        found = list(rows)
        self._free.append(compiled)
        return found

    def first(self, *values: Any) -> M | None:
        """Return the first row for these values, or None."""
        return next(iter(self.all(*values)), None)

    def _compiled(self) -> _Compiled[M]:
        queryset = self._make(*self._stand_ins).using(DEFAULT_DB_ALIAS)
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, values = compiler.as_sql()
        columns = [column for column, _sql, _alias in compiler.select]
        converters = compiler.get_converters(columns)
        compiler.get_converters = lambda _columns: converters
        queryset.query.get_compiler = lambda *_args, **_options: compiler  # type: ignore[method-assign]  # that is the point
        return compiler, sql, values, ModelIterable(queryset)


def insert(row: Model) -> None:
    """Do what `save(force_insert=True)` does with a row that brings its own key."""
    connection = connections[DEFAULT_DB_ALIAS]
    sql, fields = _insertion(type(row))
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def update(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Do what `filter(**where).update(**values)` does with plain values; return how many rows it found."""
    connection = connections[DEFAULT_DB_ALIAS]
    sql, fields = _updating(model, (*values,), tuple((name, value is None) for name, value in where.items()))
    given = (*values.values(), *(value for value in where.values() if value is not None))
    written = [field.get_db_prep_save(value, connection) for field, value in zip(fields, given, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(sql, written)
        return int(cursor.rowcount)


@lru_cache
def _insertion(model: type[Model]) -> tuple[str, tuple[Any, ...]]:
    fields = model._meta.concrete_fields
    columns, places = ", ".join(map(_column, fields)), ", ".join("%s" for _ in fields)
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places})", fields  # noqa: S608 - our own names


@lru_cache
def _updating(
    model: type[Model], values: tuple[str, ...], where: tuple[tuple[str, bool], ...]
) -> tuple[str, tuple[Any, ...]]:
    meta = model._meta
    put = ", ".join(f"{_column(meta.get_field(name))} = %s" for name in values)
    which = " AND ".join(
        f"{_column(meta.get_field(name))} {'IS NULL' if is_null else '= %s'}" for name, is_null in where
    )
    names = (*values, *(name for name, is_null in where if not is_null))
    return f"UPDATE {meta.db_table} SET {put} WHERE {which}", tuple(map(meta.get_field, names))  # noqa: S608 - our own names


def _column(field: Any) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(field.column)
