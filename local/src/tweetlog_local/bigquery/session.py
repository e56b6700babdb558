"""What a statement runs with, and how a query is run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
from sqlglot import exp

from tweetlog_local.bigquery import dialect, information_schema
from tweetlog_local.bigquery.catalog import DATABASE, Relation
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.messages import refusal
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import Field, from_duckdb_type
from tweetlog_local.bigquery.translate import Parameters, duckdb_sql, translate
from tweetlog_local.bigquery.warehouse import Warehouse

MAX_VIEW_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement did."""

    kind: str
    fields: tuple[Field, ...] = ()
    rows: pa.Table = field(default_factory=lambda: pa.table({}))
    affected: int | None = None
    target: TableName | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a statement runs with; `depth` is how many views it is inside of."""

    warehouse: Warehouse
    dataset: str | None = None
    project: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    depth: int = 0

    def name(self, table: exp.Table) -> TableName:
        """Return the full name of a table."""
        if not isinstance(table.this, exp.Identifier):
            raise Unsupported(f"The table function {table.this.sql()[:40]}", "there are none here")
        if table.name.endswith("*"):
            raise Unsupported(f"The wildcard table {table.name}", "name each table")
        project = table.catalog or (self.project if not table.db else None)
        dataset = table.db or self.dataset
        if not dataset and table.name.upper() != f"{information_schema.PREFIX}SCHEMATA":
            raise InvalidQuery(
                f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).'
            )
        return TableName(project or self.warehouse.project, dataset or "", table.name)

    def source(self, name: TableName) -> exp.Query | exp.Table:
        """Return DuckDB's table, or the translated query of a view."""
        if name.table.upper().startswith(information_schema.PREFIX):
            return information_schema.query(
                self.warehouse.catalog, name.dataset, name.table.upper()
            )
        relation = self.warehouse.catalog.relation(name)
        return duckdb_table(relation) if relation.view is None else self._view(relation)

    def _view(self, relation: Relation) -> exp.Query:
        if self.depth >= MAX_VIEW_DEPTH:
            raise InvalidQuery(f"Too many nested views, at {relation.name}")
        inner = Session(self.warehouse, depth=self.depth + 1)
        translated = translate(dialect.parse(str(relation.view))[0], inner, Parameters())
        if not isinstance(translated, exp.Query):
            raise InvalidQuery(f"View {relation.name} is not a query")
        return translated

    def fields(self, name: TableName) -> Sequence[Field]:
        """Return the columns of a table or a view."""
        if name.table.upper().startswith(information_schema.PREFIX):
            return information_schema.described(name.table.upper())
        return self.warehouse.catalog.relation(name).fields


def duckdb_table(relation: Relation) -> exp.Table:
    """Return the table as DuckDB names it."""
    return exp.table_(
        exp.to_identifier(relation.name.table, quoted=True),
        db=exp.to_identifier(relation.name.dataset, quoted=True),
        catalog=exp.to_identifier(DATABASE),
    )


def select(statement: exp.Expr, session: Session, *, dry: bool = False) -> Outcome:
    """Run a query, or only find out what it would return."""
    sql = duckdb_sql(translate(statement, session, session.parameters))
    connection = session.warehouse.cursor()
    try:
        found = connection.sql(sql)
        _check_names(found.columns)
        fields = tuple(map(from_duckdb_type, found.columns, found.types))
        rows = pa.table({}) if dry else found.to_arrow_table()
    except duckdb.Error as error:
        raise refusal(error) from None
    finally:
        connection.close()
    return Outcome("SELECT", fields, rows)


def _check_names(columns: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in columns:
        if name.lower() in seen:
            raise InvalidQuery(
                "Duplicate column names in the result are not supported. "
                f"Found duplicate(s): {name}"
            )
        seen.add(name.lower())
