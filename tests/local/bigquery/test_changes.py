"""DDL and DML on a warehouse of this process."""

import threading
from pathlib import Path

import pytest

from local.bigquery.sql_answers import Sql
from tweetlog_local.bigquery.errors import ApiError, InvalidQuery, NotFound, Unsupported
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.warehouse import Warehouse


def test_inserted_structs_and_arrays_take_their_columns_names(sql: Sql) -> None:
    sql.run(
        "INSERT INTO d.t (id, st, tags) VALUES (7, STRUCT(5, 'q'), [STRUCT('t', 1)]), "
        "(8, STRUCT(6 AS x, 'r' AS y), NULL)"
    )
    sql.run("INSERT INTO d.t (id, st) SELECT 9, STRUCT(7, 's')")

    assert sql.rows("SELECT id, st, tags FROM d.t WHERE id > 6 ORDER BY id") == [
        [7, {"x": 5, "y": "q"}, [{"tag": "t", "n": 1}]],
        [8, {"x": 6, "y": "r"}, []],
        [9, {"x": 7, "y": "s"}, []],
    ]


def test_columns_that_are_left_out_get_their_defaults(sql: Sql) -> None:
    sql.run("CREATE TABLE d.c (a INT64 NOT NULL, b STRING DEFAULT 'x', c ARRAY<INT64>)")
    sql.run("INSERT d.c (a) VALUES (1); INSERT d.c VALUES (2, DEFAULT, [5]), (3, NULL, NULL)")

    assert sql.rows("SELECT * FROM d.c ORDER BY a") == [[1, "x", []], [2, "x", [5]], [3, None, []]]


def test_a_required_column_is_required(sql: Sql) -> None:
    sql.run("CREATE TABLE d.c (a INT64 NOT NULL, b STRING)")

    with pytest.raises(InvalidQuery, match="Required field a cannot be null"):
        sql.run("INSERT d.c (b) VALUES ('x')")


def test_parts_of_structs_are_updated(sql: Sql) -> None:
    outcome = sql.run(
        "UPDATE d.t SET st.y = UPPER(st.y), s = CONCAT(s, '!'), tags = NULL WHERE id = 1"
    )

    assert outcome.affected == 1
    assert sql.rows("SELECT s, st, tags FROM d.t WHERE id = 1") == [["Ab!", {"x": 1, "y": "Z"}, []]]


def test_rows_are_updated_from_another_table(sql: Sql) -> None:
    sql.run("UPDATE d.t AS t SET t.s = u.v FROM (SELECT 2 AS k, 'new' AS v) AS u WHERE u.k = t.id")

    assert sql.rows("SELECT s FROM d.t ORDER BY id") == [["Ab"], ["new"], [None]]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE d.t SET s = v FROM (SELECT 1 AS k, 'a' AS v UNION ALL SELECT 1, 'b') WHERE k = id",
        (
            "MERGE d.t USING (SELECT 1 AS k UNION ALL SELECT 1) AS u ON u.k = t.id "
            "WHEN MATCHED THEN DELETE"
        ),
    ],
)
def test_a_row_is_not_changed_twice_by_one_statement(sql: Sql, statement: str) -> None:
    with pytest.raises(InvalidQuery, match="at most one source row"):
        sql.run(statement)

    assert sql.rows("SELECT s FROM d.t WHERE id = 1") == [["Ab"]]


def test_rows_are_deleted_by_a_subquery(sql: Sql) -> None:
    assert sql.run("DELETE d.t WHERE id IN (SELECT id FROM d.t WHERE id > 1)").affected == 2
    assert sql.rows("SELECT id FROM d.t") == [[1]]


def test_merge_inserts_updates_and_deletes(sql: Sql) -> None:
    outcome = sql.run(
        "MERGE d.t AS t USING (SELECT 1 AS k, 'm' AS v UNION ALL SELECT 7, 'n') AS u ON t.id = u.k "
        "WHEN MATCHED AND u.v = 'm' THEN UPDATE SET s = u.v, names = ['z'] "
        "WHEN NOT MATCHED THEN INSERT (id, s) VALUES (u.k, UPPER(u.v)) "
        "WHEN NOT MATCHED BY SOURCE AND t.id = 3 THEN DELETE"
    )

    assert outcome.affected == 3
    assert sql.rows("SELECT id, s, names FROM d.t ORDER BY id") == [
        [1, "m", ["z"]],
        [2, "cD", []],
        [7, "N", []],
    ]


def test_a_table_is_made_from_a_query(sql: Sql) -> None:
    sql.run("CREATE TABLE d.c PARTITION BY day CLUSTER BY id AS SELECT id, day, names FROM d.t")

    assert sql.rows("SELECT * FROM d.c WHERE id = 1") == [[1, "2020-01-05", ["p", "q"]]]
    assert sql.session.warehouse.catalog.relation(TableName("p", "d", "c")).partition == "day"


def test_replacing_a_table_by_a_query_over_itself_works(sql: Sql) -> None:
    sql.run("CREATE OR REPLACE TABLE d.t AS SELECT id + 1 AS id FROM d.t WHERE id < 3")

    assert sql.rows("SELECT id FROM d.t ORDER BY id") == [[2], [3]]


def test_replacing_a_table_by_a_failing_query_leaves_it(sql: Sql) -> None:
    with pytest.raises(InvalidQuery, match="Bad int64 value"):
        sql.run("CREATE OR REPLACE TABLE d.t AS SELECT CAST(s AS INT64) AS n FROM d.t")

    assert sql.rows("SELECT COUNT(*) FROM d.t") == [[3]]


def test_a_view_names_its_columns(sql: Sql) -> None:
    sql.run("CREATE VIEW d.v (a, b) AS SELECT id, s FROM d.t UNION ALL SELECT 9, 'x'")

    assert sql.rows("SELECT b FROM d.v WHERE a = 9") == [["x"]]


def test_the_columns_of_a_view_may_be_described(sql: Sql) -> None:
    sql.run("CREATE VIEW d.v (a OPTIONS (description = 'the id'), b) AS SELECT id, s FROM d.t")

    assert sql.rows("SELECT a FROM d.v WHERE b = 'cD'") == [[2]]
    assert sql.rows(
        "SELECT column_name, description FROM d.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS "
        "WHERE table_name = 'v' ORDER BY column_name"
    ) == [["a", "the id"], ["b", None]]


def test_another_option_of_a_view_column_is_refused(sql: Sql) -> None:
    with pytest.raises(Unsupported, match="only descriptions are"):
        sql.run("CREATE VIEW d.v (a OPTIONS (rounding_mode = 'x')) AS SELECT id FROM d.t")


def test_a_view_sees_columns_as_they_are_now(sql: Sql) -> None:
    sql.run("CREATE VIEW d.v AS SELECT id FROM d.t; CREATE VIEW d.w AS SELECT id * 2 AS n FROM d.v")
    sql.run("ALTER TABLE d.t ADD COLUMN more INT64; INSERT d.t (id) VALUES (50)")

    assert sql.rows("SELECT MAX(n) FROM d.w") == [[100]]


def test_a_view_over_a_dropped_table_says_so(sql: Sql) -> None:
    sql.run("CREATE VIEW d.v AS SELECT id FROM d.t; DROP TABLE d.t")

    with pytest.raises(NotFound, match=r"Not found: Table p:d\.t"):
        sql.run("SELECT * FROM d.v")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE d.t (a INT64)",
        "CREATE VIEW d.T AS SELECT 1 AS a",
        "CREATE SCHEMA D",
        "DROP TABLE d.nowhere",
        "DROP VIEW d.t",
        "DROP SCHEMA d",
        "ALTER TABLE d.t ADD COLUMN ID INT64",
        "ALTER TABLE d.t ADD COLUMN x INT64 NOT NULL",
        "ALTER TABLE d.t ALTER COLUMN nowhere DROP NOT NULL",
        "CREATE TABLE d.x (a INT64, A STRING)",
        "CREATE TABLE d.x (a INT64, PRIMARY KEY (b) NOT ENFORCED)",
        "CREATE TABLE nowhere.x (a INT64)",
        "TRUNCATE TABLE d.nowhere",
    ],
)
def test_a_definition_that_cannot_be_is_refused_and_changes_nothing(
    sql: Sql, statement: str
) -> None:
    before = sql.session.warehouse.catalog
    with pytest.raises(ApiError):
        sql.run(statement)

    assert sql.session.warehouse.catalog == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE IF NOT EXISTS d.t (other INT64)",
        "CREATE SCHEMA IF NOT EXISTS d",
        "DROP TABLE IF EXISTS d.nowhere",
        "DROP VIEW IF EXISTS d.nowhere",
        "DROP SCHEMA IF EXISTS nowhere",
        "ALTER TABLE IF EXISTS d.nowhere SET OPTIONS (description = 'x')",
        "ALTER TABLE d.t ADD COLUMN IF NOT EXISTS id INT64",
    ],
)
def test_what_is_said_with_if_does_nothing_where_it_need_not(sql: Sql, statement: str) -> None:
    before = sql.session.warehouse.catalog
    sql.run(statement)

    assert sql.session.warehouse.catalog == before


def test_everything_is_there_after_opening_again(sql: Sql, tmp_path: Path) -> None:
    found = sql.session.warehouse.catalog
    sql.session.warehouse.close()
    again = Warehouse.open(tmp_path, project="p", location="US")

    assert again.catalog == found
    again.close()


def test_others_see_a_change_when_it_is_committed_and_not_before(
    sql: Sql, warehouse: Warehouse
) -> None:
    name, seen = TableName("p", "d", "new"), []

    def look() -> None:
        seen.append(warehouse.catalog.find(name))

    with warehouse.transaction():
        sql.run("CREATE TABLE d.new (a INT64)")
        reader = threading.Thread(target=look)
        reader.start()
        reader.join()

        assert warehouse.catalog.find(name) is not None
    assert seen == [None]
    assert warehouse.catalog.find(name) is not None


def test_forgotten_deletes_are_dropped(sql: Sql) -> None:
    warehouse = sql.session.warehouse
    changes = warehouse.catalog.relation(TableName("p", "d", "keyed")).changes
    with warehouse.transaction() as connection:
        connection.execute(
            f"INSERT INTO {changes} VALUES (1, '1', now() - INTERVAL 1 HOUR), "
            "(2, '1', now()), (3, '1', NULL)"
        )
    warehouse.forget_deletes(60)

    assert warehouse.cursor().execute(f"SELECT id FROM {changes} ORDER BY id").fetchall() == [
        (2,),
        (3,),
    ]


def test_a_primary_key_is_declared_later(sql: Sql) -> None:
    sql.run("CREATE TABLE d.late (a INT64 NOT NULL)")
    sql.run("ALTER TABLE d.late ADD PRIMARY KEY (a) NOT ENFORCED")
    relation = sql.session.warehouse.catalog.relation(TableName("p", "d", "late"))

    assert relation.key == ("a",)
    assert not sql.session.warehouse.captures_changes(relation)


def test_options_and_requirements_are_altered(sql: Sql) -> None:
    sql.run("CREATE TABLE d.c (a INT64 NOT NULL) OPTIONS (description = 'old')")
    sql.run(
        "ALTER TABLE d.c SET OPTIONS (description = 'new', max_staleness = INTERVAL 15 MINUTE); "
        "ALTER TABLE d.c ALTER COLUMN a DROP NOT NULL; INSERT d.c (a) VALUES (NULL)"
    )
    resource = sql.session.warehouse.catalog.relation(TableName("p", "d", "c")).resource

    assert (resource["description"], resource["maxStaleness"]) == ("new", "0-0 0 0:15:0")
    assert sql.rows("SELECT * FROM d.c") == [[None]]
