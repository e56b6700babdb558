"""What a script does: each statement in turn."""

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from tweetlog_local.bigquery import ddl, dialect, dml
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.session import Outcome, Session, select

Runner = Callable[[exp.Expr, Session], Outcome]
RUNNERS: Mapping[type[exp.Expr], Runner] = {
    exp.Create: ddl.create,
    exp.Drop: ddl.drop,
    exp.Alter: ddl.alter,
    exp.Insert: dml.insert,
    exp.Update: dml.update,
    exp.Delete: dml.delete,
    exp.Merge: dml.merge,
    exp.TruncateTable: dml.truncate,
}
SCRIPTING = (
    exp.Declare,
    exp.Set,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.Block,
    exp.ForIn,
)
KINDS: Mapping[type[exp.Expr], str] = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
    exp.TruncateTable: "TRUNCATE_TABLE",
}


def script(sql: str) -> Sequence[exp.Expr]:
    """Return the statements of a script, in order; refuse what controls their flow."""
    statements = dialect.parse(sql)
    if not statements:
        raise InvalidQuery("Syntax error: Unexpected end of script")
    for statement in statements:
        _check(statement)
    return statements


def _check(statement: exp.Expr) -> None:
    if isinstance(statement, SCRIPTING):
        raise Unsupported(
            f"{statement.sql('bigquery')[:40]}",
            "scripts are plain sequences here, without variables, blocks or transactions",
        )
    if not isinstance(statement, (exp.Query, *RUNNERS)):
        raise Unsupported(f"{statement.sql('bigquery')[:60]}", "only queries, DDL and DML are")


def run(statement: exp.Expr, session: Session, *, dry: bool = False) -> Outcome:
    """Run one statement, or find out what it would return."""
    if isinstance(statement, exp.Query):
        return select(statement, session, dry=dry)
    if dry:
        return Outcome(KINDS.get(type(statement), "DDL"))
    return RUNNERS[type(statement)](statement, session)
