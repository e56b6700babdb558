"""Expressions and queries of BigQuery's SQL with the answers that BigQuery gives.

The answers come from BigQuery's reference documentation or follow from it; none was taken from
what the embedded BigQuery said.
"""

from typing import Any

EXPRESSIONS: dict[str, list[tuple[str, Any]]] = {
    "parts of dates": [
        ("EXTRACT(DAYOFWEEK FROM DATE '2020-01-05')", 1),
        ("EXTRACT(DAYOFWEEK FROM DATE '2020-01-04')", 7),
        ("EXTRACT(WEEK FROM DATE '2020-01-04')", 0),
        ("EXTRACT(WEEK FROM DATE '2020-01-05')", 1),
        ("EXTRACT(WEEK(MONDAY) FROM DATE '2020-01-05')", 0),
        ("EXTRACT(WEEK(MONDAY) FROM DATE '2020-01-06')", 1),
        ("EXTRACT(WEEK(THURSDAY) FROM DATE '2017-11-05')", 44),
        ("EXTRACT(ISOWEEK FROM DATE '2015-12-31')", 53),
        ("EXTRACT(ISOYEAR FROM DATE '2016-01-01')", 2015),
        ("EXTRACT(DAYOFYEAR FROM DATE '2020-12-31')", 366),
        ("EXTRACT(QUARTER FROM DATE '2020-05-01')", 2),
        ("EXTRACT(MICROSECOND FROM TIMESTAMP '2020-01-01 00:00:07.123456')", 123456),
        ("EXTRACT(MILLISECOND FROM TIMESTAMP '2020-01-01 00:00:07.123456')", 123),
        ("EXTRACT(SECOND FROM TIMESTAMP '2020-01-01 00:00:07.9')", 7),
        ("EXTRACT(HOUR FROM TIMESTAMP '2020-01-05 10:00:00' AT TIME ZONE 'America/New_York')", 5),
        ("EXTRACT(DATE FROM TIMESTAMP '2020-01-05 23:00:00')", "2020-01-05"),
        ("EXTRACT(TIME FROM TIMESTAMP '2020-01-05 23:00:01')", "23:00:01"),
    ],
    "differences": [
        (
            "TIMESTAMP_DIFF(TIMESTAMP '2020-01-07 03:30:00', TIMESTAMP '2020-01-01', HOUR)",
            147,
        ),
        ("TIMESTAMP_DIFF('2001-02-01 01:00:00', '2001-02-01 00:00:01', HOUR)", 0),
        ("TIMESTAMP_DIFF(TIMESTAMP '2018-08-14', TIMESTAMP '2018-10-14', DAY)", -61),
        ("TIMESTAMP_DIFF(TIMESTAMP '2020-01-01 00:00:00.9', TIMESTAMP '2020-01-01', SECOND)", 0),
        ("TIMESTAMP_DIFF(TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-01 00:00:00.9', SECOND)", 0),
        ("DATE_DIFF(DATE '2017-10-15', DATE '2017-10-14', DAY)", 1),
        ("DATE_DIFF(DATE '2017-10-15', DATE '2017-10-14', WEEK)", 1),
        ("DATE_DIFF(DATE '2017-12-18', DATE '2017-12-17', WEEK)", 0),
        ("DATE_DIFF(DATE '2017-12-18', DATE '2017-12-17', WEEK(MONDAY))", 1),
        ("DATE_DIFF(DATE '2017-12-18', DATE '2017-12-17', ISOWEEK)", 1),
        ("DATE_DIFF(DATE '2017-12-30', DATE '2014-12-30', YEAR)", 3),
        ("DATE_DIFF(DATE '2017-12-30', DATE '2014-12-30', ISOYEAR)", 2),
        ("DATE_DIFF(DATE '2020-02-01', DATE '2020-01-31', MONTH)", 1),
        ("DATETIME_DIFF(DATETIME '2017-10-15 00:00:00', DATETIME '2017-10-14 23:00:00', DAY)", 1),
        ("DATETIME_DIFF(DATETIME '2018-01-01 01:01:00', DATETIME '2018-01-01 00:59:00', HOUR)", 1),
    ],
    "truncation": [
        ("DATE_TRUNC(DATE '2008-12-25', MONTH)", "2008-12-01"),
        ("DATE_TRUNC(DATE '2017-11-05', WEEK(MONDAY))", "2017-10-30"),
        ("DATE_TRUNC(DATE '2017-11-05', WEEK)", "2017-11-05"),
        ("DATE_TRUNC(DATE '2017-11-04', WEEK)", "2017-10-29"),
        ("DATE_TRUNC(DATE '2015-06-15', ISOYEAR)", "2014-12-29"),
        ("DATE_TRUNC(DATE '2020-05-17', QUARTER)", "2020-04-01"),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2008-12-25 15:30:00', DAY)", "2008-12-25 00:00:00"),
        (
            "TIMESTAMP_TRUNC(TIMESTAMP '2008-12-25 15:30:00', DAY, 'America/Los_Angeles')",
            "2008-12-25 08:00:00",
        ),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2020-01-15 23:30:59', HOUR)", "2020-01-15 23:00:00"),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2020-01-15 23:30:00', WEEK)", "2020-01-12 00:00:00"),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2020-01-15', WEEK(MONDAY))", "2020-01-13 00:00:00"),
        ("DATETIME_TRUNC(DATETIME '2008-12-25 15:30:00', DAY)", "2008-12-25 00:00:00"),
        ("LAST_DAY(DATE '2008-11-25')", "2008-11-30"),
        ("LAST_DAY(DATE '2008-11-25', YEAR)", "2008-12-31"),
    ],
    "arithmetic of dates": [
        ("DATE_ADD(DATE '2008-12-25', INTERVAL 5 DAY)", "2008-12-30"),
        ("DATE_ADD(DATE '2020-01-31', INTERVAL 1 MONTH)", "2020-02-29"),
        ("DATE_SUB(DATE '2008-12-25', INTERVAL 5 DAY)", "2008-12-20"),
        ("DATE_SUB(DATE '2020-03-31', INTERVAL 1 MONTH)", "2020-02-29"),
        (
            "TIMESTAMP_ADD(TIMESTAMP '2008-12-25 15:30:00', INTERVAL 10 MINUTE)",
            "2008-12-25 15:40:00",
        ),
        ("TIMESTAMP_SUB(TIMESTAMP '2008-12-25 15:30:00', INTERVAL 2 DAY)", "2008-12-23 15:30:00"),
        ("TIMESTAMP_SUB(TIMESTAMP '2008-12-25', INTERVAL 1 + 1 HOUR)", "2008-12-24 22:00:00"),
        ("DATETIME_ADD(DATETIME '2008-12-25 15:30:00', INTERVAL 1 MONTH)", "2009-01-25 15:30:00"),
        ("TIMESTAMP '2020-01-01' + INTERVAL 1 DAY", "2020-01-02 00:00:00"),
        ("TIME_ADD(TIME '15:30:00', INTERVAL 10 MINUTE)", "15:40:00"),
    ],
    "construction of dates": [
        ("DATE(2016, 12, 25)", "2016-12-25"),
        ("DATE(TIMESTAMP '2016-12-25 05:30:00+07', 'America/Los_Angeles')", "2016-12-24"),
        ("DATE(DATETIME '2016-12-25 23:59:59')", "2016-12-25"),
        ("DATE('2016-12-25')", "2016-12-25"),
        ("DATETIME(2008, 12, 25, 5, 30, 0)", "2008-12-25 05:30:00"),
        (
            "DATETIME(TIMESTAMP '2008-12-25 05:30:00+00', 'America/Los_Angeles')",
            "2008-12-24 21:30:00",
        ),
        ("TIMESTAMP('2008-12-25 15:30:00', 'America/Los_Angeles')", "2008-12-25 23:30:00"),
        ("TIMESTAMP(DATE '2008-12-25')", "2008-12-25 00:00:00"),
        ("TIMESTAMP(DATETIME '2008-12-25 15:30:00')", "2008-12-25 15:30:00"),
        ("TIMESTAMP_MICROS(1230219000000000)", "2008-12-25 15:30:00"),
        ("TIMESTAMP_MILLIS(1230219000123)", "2008-12-25 15:30:00.123"),
        ("TIMESTAMP_SECONDS(-1)", "1969-12-31 23:59:59"),
        ("UNIX_SECONDS(TIMESTAMP '1970-01-01 00:00:01.8')", 1),
        ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5')", -1),
        ("UNIX_MILLIS(TIMESTAMP '1970-01-01 00:00:00.0018')", 1),
        ("UNIX_MICROS(TIMESTAMP '1970-01-01 00:00:00.0018')", 1800),
        ("UNIX_DATE(DATE '2008-12-25')", 14238),
        ("DATE_FROM_UNIX_DATE(14238)", "2008-12-25"),
        ("CURRENT_DATE() = DATE(CURRENT_TIMESTAMP())", True),
    ],
    "formats": [
        (
            "FORMAT_TIMESTAMP('%c', TIMESTAMP '2050-12-25 15:30:55+00', 'UTC')",
            "Sun Dec 25 15:30:55 2050",
        ),
        ("FORMAT_TIMESTAMP('%b-%d-%Y', TIMESTAMP '2050-12-25 15:30:55+00')", "Dec-25-2050"),
        ("FORMAT_TIMESTAMP('%H:%M', TIMESTAMP '2020-01-01 00:00:00', 'Europe/Berlin')", "01:00"),
        (
            "FORMAT_TIMESTAMP('%E3S|%E*S|%E4Y', TIMESTAMP '2020-01-01 00:00:01.5')",
            "01.500|01.5|2020",
        ),
        (
            "FORMAT_TIMESTAMP('%F %T %Ez %Z', TIMESTAMP '2020-01-01 10:00:00')",
            "2020-01-01 10:00:00 +00:00 UTC",
        ),
        ("FORMAT_TIMESTAMP('%G-W%V-%u', TIMESTAMP '2021-01-03')", "2020-W53-7"),
        ("FORMAT_TIMESTAMP('%e|%j|%p|%I|%%', TIMESTAMP '2020-01-05 15:00:00')", " 5|005|PM|03|%"),
        ("FORMAT_DATE('%x', DATE '2008-12-25')", "12/25/08"),
        ("FORMAT_DATE('%b %Y', DATE '2008-12-25')", "Dec 2008"),
        ("FORMAT_DATE('%A %B', DATE '2008-12-25')", "Thursday December"),
        ("FORMAT_DATE('%Q', DATE '2008-12-25')", "4"),
        ("FORMAT_DATE('%U %W', DATE '2020-01-05')", "01 00"),
        ("FORMAT_DATETIME('%Y%m%d%H%M%S', DATETIME '2008-12-25 15:30:00')", "20081225153000"),
        ("PARSE_DATE('%Y%m%d', '20081225')", "2008-12-25"),
        ("PARSE_DATE('%F', '2000-12-30')", "2000-12-30"),
        (
            "PARSE_TIMESTAMP('%Y-%m-%d %H:%M:%S', '2020-01-01 10:00:00', 'Europe/Berlin')",
            "2020-01-01 09:00:00",
        ),
        (
            "PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S%Ez', '2020-01-01T10:00:00.5+02:00')",
            "2020-01-01 08:00:00.5",
        ),
        ("PARSE_DATETIME('%Y-%m-%d %H:%M:%S', '1998-10-18 13:45:55')", "1998-10-18 13:45:55"),
        ("FORMAT('%d-%s-%05d-%%', 1, 'x', 42)", "1-x-00042-%"),
        ("FORMAT('%t|%.2f|%x', DATE '2020-01-01', 1.5, 255)", "2020-01-01|1.50|ff"),
        ('FORMAT("%\'d", 1234567)', "1,234,567"),
        ("FORMAT('%d', NULL)", None),
        ("FORMAT('%t', NULL)", "NULL"),
    ],
    "conversion": [
        ("CAST(2.5 AS INT64)", 3),
        ("CAST(-2.5 AS INT64)", -3),
        ("CAST('0x1F' AS INT64)", 31),
        ("SAFE_CAST('1.5' AS INT64)", None),
        ("SAFE_CAST('apple' AS INT64)", None),
        ("SAFE_CAST('x' AS TIMESTAMP)", None),
        ("SAFE_CAST('2020-01-01T00:00:00Z' AS TIMESTAMP)", "2020-01-01 00:00:00"),
        ("SAFE_CAST('yes' AS BOOL)", None),
        ("CAST('TRUE' AS BOOL)", True),
        ("CAST(1.0 AS STRING)", "1"),
        ("CAST(1.5 AS STRING)", "1.5"),
        ("CAST(TRUE AS STRING)", "true"),
        ("CAST(TIMESTAMP '2020-01-01 00:00:00.12' AS STRING)", "2020-01-01 00:00:00.120+00"),
        ("CAST(TIMESTAMP '2020-01-01' AS STRING)", "2020-01-01 00:00:00+00"),
        ("CAST(DATE '2020-01-01' AS STRING)", "2020-01-01"),
        ("CAST(DATE '2020-01-01' AS TIMESTAMP)", "2020-01-01 00:00:00"),
        ("CAST(b'abc' AS STRING)", "abc"),
        ("CAST('abc' AS BYTES)", b"abc"),
        ("CAST(NULL AS STRING)", None),
        ("CAST('1.25' AS NUMERIC)", 1.25),
        ("CAST(NUMERIC '1.50' AS STRING)", "1.5"),
        ("TIMESTAMP '2020-01-01 00:00:00 Europe/Berlin'", "2019-12-31 23:00:00"),
    ],
    "numbers": [
        ("1 / 2", 0.5),
        ("DIV(-7, 2)", -3),
        ("MOD(-7, 3)", -1),
        ("SAFE_DIVIDE(1, 0)", None),
        ("IEEE_DIVIDE(1, 0)", float("inf")),
        ("SAFE_ADD(9223372036854775807, 1)", None),
        ("ROUND(2.5)", 3.0),
        ("ROUND(-2.5)", -3.0),
        ("ROUND(123.7, -1)", 120.0),
        ("TRUNC(-1.7)", -1.0),
        ("CEIL(1.2)", 2.0),
        ("FLOOR(-1.2)", -2.0),
        ("GREATEST(1, NULL, 3)", None),
        ("LEAST(3, 2)", 2),
        ("POW(2, 3)", 8.0),
        ("SQRT(9)", 3.0),
        ("LOG(8, 2)", 3.0),
        ("SIGN(-2)", -1),
        ("100000 * 100000", 10_000_000_000),
        ("0x10", 16),
        ("5 & 3", 1),
        ("5 | 3", 7),
        ("5 ^ 3", 6),
        ("~5", -6),
        ("1 << 3", 8),
        ("1.5 + 1", 2.5),
    ],
    "strings": [
        ("LOWER('FOO BAR')", "foo bar"),
        ("UPPER('straße')", "STRASSE"),
        ("LENGTH('абвгд')", 5),
        ("BYTE_LENGTH('абвгд')", 10),
        ("LENGTH(b'abc')", 3),
        ("CONCAT('a', 'b')", "ab"),
        ("CONCAT('a', NULL)", None),
        ("'a' || 'b'", "ab"),
        ("SUBSTR('apple', 2)", "pple"),
        ("SUBSTR('apple', 2, 2)", "pp"),
        ("SUBSTR('apple', -2)", "le"),
        ("SUBSTR('apple', 0, 2)", "ap"),
        ("SUBSTR('apple', -9, 2)", "ap"),
        ("LEFT('apple', 3)", "app"),
        ("RIGHT('apple', 3)", "ple"),
        ("TRIM('   apple \\t\\n')", "apple"),
        ("TRIM('\\u00a0x\\u3000')", "x"),
        ("TRIM('***apple***', '*')", "apple"),
        ("LTRIM('xxapple', 'x')", "apple"),
        ("SPLIT('a,b')", ["a", "b"]),
        ("SPLIT('', ',')", [""]),
        ("REPLACE('blackberry pie', 'pie', 'cobbler')", "blackberry cobbler"),
        ("REPLACE('abc', '', 'x')", "abc"),
        ("REVERSE('abc')", "cba"),
        ("REPEAT('ab', 2)", "abab"),
        ("STRPOS('foo@example.com', '@')", 4),
        ("STRPOS('a', 'b')", 0),
        ("STARTS_WITH('bar', 'b')", True),
        ("ENDS_WITH('apple', 'e')", True),
        ("CONTAINS_SUBSTR('the BLUE house', 'blue')", True),
        ("LPAD('7', 3, '0')", "007"),
        ("RPAD('abcd', 2)", "ab"),
        ("'a_c' LIKE 'a\\\\_c'", True),
        ("'abc' LIKE 'a\\\\_c'", False),
        ("'abc' LIKE 'a%'", True),
        ("REGEXP_CONTAINS('foo@example.com', r'@[a-z]+')", True),
        ("REGEXP_EXTRACT('foo@example.com', r'^[a-z]+')", "foo"),
        ("REGEXP_EXTRACT('abc123', r'[a-z]+(\\d+)')", "123"),
        ("REGEXP_EXTRACT('abc', r'\\d')", None),
        ("REGEXP_EXTRACT_ALL('a1b2', r'\\d')", ["1", "2"]),
        (
            "REGEXP_REPLACE('# Heading', r'^# ([a-zA-Z0-9\\s]+$)', '<h1>\\\\1</h1>')",
            "<h1>Heading</h1>",
        ),
        ("NORMALIZE_AND_CASEFOLD('The red barn') = NORMALIZE_AND_CASEFOLD('The Red Barn')", True),
        ("NORMALIZE_AND_CASEFOLD('ẛ̣', NFKC) = NORMALIZE_AND_CASEFOLD('ṩ', NFKC)", True),
        ("NORMALIZE('\\u00ea') = NORMALIZE('\\u0065\\u0302')", True),
        ("NET.HOST('http://user@www.Example.Co.UK:80/a?b')", "www.Example.Co.UK"),
        ("NET.HOST('//[::1]:80/')", "[::1]"),
        ("NET.HOST('mailto:?to=&subject=&body=')", "mailto"),
        ("NET.HOST('')", None),
        ("r'a\\d'", "a\\d"),
        ("'a' 'b'", "ab"),
    ],
    "bytes and hashes": [
        ("TO_HEX(b'\\x00\\x01\\xff')", "0001ff"),
        ("FROM_HEX('00ff')", b"\x00\xff"),
        ("TO_BASE64(b'\\377\\340')", "/+A="),
        ("FROM_BASE64('/+A=')", b"\xff\xe0"),
        ("SAFE_CONVERT_BYTES_TO_STRING(b'\\xc2')", "\ufffd"),
        ("TO_HEX(MD5('Hello World'))", "b10a8db164e0754105b7a99be72e3fe5"),
        ("TO_HEX(SHA1('Hello World'))", "0a4d55a8d778e5022fab701977c5d840bbc486d0"),
        (
            "TO_HEX(SHA256('abc'))",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("LENGTH(SHA512('abc'))", 64),
        ("FARM_FINGERPRINT('1footrue')", -1541654101129638711),
        ("FARM_FINGERPRINT('2applefalse')", 2794438866806483259),
        ("FARM_FINGERPRINT('3true')", -4880158226897771312),
    ],
    "JSON": [
        ("JSON_VALUE('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
        ("JSON_VALUE('{\"a\": {\"b\": 1}}', '$.a')", None),
        ("JSON_VALUE('{\"a\": null}', '$.a')", None),
        ('JSON_VALUE(\'{"ce-id": "x"}\', \'$."ce-id"\')', "x"),
        ('JSON_VALUE(\'{"a.b": "x"}\', \'$."a.b"\')', "x"),
        ("JSON_VALUE(JSON '\"x\"')", "x"),
        ("JSON_QUERY('{\"a\": {\"b\": 1}}', '$.a')", '{"b":1}'),
        ("JSON_QUERY('{\"a\": \"x\"}', '$.a')", '"x"'),
        ("JSON_EXTRACT_SCALAR('{\"a\": [1, 2]}', '$.a[1]')", "2"),
        ('JSON_EXTRACT_SCALAR(\'{"a": "x"}\', "$[\'a\']")', "x"),
        ("JSON_VALUE_ARRAY('{\"a\": [1, \"x\"]}', '$.a')", ["1", "x"]),
        ("JSON_VALUE_ARRAY('[{}]')", None),
        ("JSON_VALUE_ARRAY('{\"a\": 1}', '$.a')", None),
        ("JSON_QUERY_ARRAY('[1, \"x\"]')", ["1", '"x"']),
        ("STRING(JSON '\"x\"')", "x"),
        ("INT64(JSON '5')", 5),
        ("FLOAT64(JSON '1.5')", 1.5),
        ("BOOL(JSON 'true')", True),
        ("LAX_STRING(JSON '5')", "5"),
        ("LAX_INT64(JSON '\"7\"')", 7),
        ("LAX_BOOL(JSON '\"true\"')", True),
        ("JSON_TYPE(JSON '[1]')", "array"),
        ("JSON_TYPE(JSON '1.5')", "number"),
        ("TO_JSON_STRING('a\"b')", '"a\\"b"'),
        ("TO_JSON_STRING(STRUCT(1 AS a, [1, 2] AS b))", '{"a":1,"b":[1,2]}'),
        ("TO_JSON_STRING(TIMESTAMP '2020-01-01 00:00:00.5')", '"2020-01-01T00:00:00.5Z"'),
        ("TO_JSON_STRING(9007199254740993)", '"9007199254740993"'),
        ("TO_JSON_STRING(1.0)", "1"),
        ("PARSE_JSON('{\"a\": [10, 20]}').a[1]", "20"),
        ('(JSON \'{"A": 1, "a": 2}\').a', "2"),
    ],
    "arrays and structs": [
        ("[1, 2, 3][OFFSET(0)]", 1),
        ("[1, 2, 3][ORDINAL(3)]", 3),
        ("[1, 2, 3][1]", 2),
        ("[1, 2][SAFE_OFFSET(5)]", None),
        ("ARRAY_LENGTH([1, 2])", 2),
        ("ARRAY_CONCAT([1], [2, 3])", [1, 2, 3]),
        ("ARRAY_TO_STRING(['a', NULL, 'b'], '-')", "a-b"),
        ("ARRAY_TO_STRING(['a', NULL], '-', '?')", "a-?"),
        ("ARRAY_REVERSE([1, 2])", [2, 1]),
        ("GENERATE_ARRAY(1, 10, 3)", [1, 4, 7, 10]),
        ("GENERATE_ARRAY(10, 0, -5)", [10, 5, 0]),
        ("GENERATE_ARRAY(4, 1)", []),
        (
            "GENERATE_DATE_ARRAY(DATE '2020-01-31', DATE '2020-04-30', INTERVAL 1 MONTH)",
            ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"],
        ),
        (
            "GENERATE_DATE_ARRAY('2016-10-05', '2016-10-07')",
            ["2016-10-05", "2016-10-06", "2016-10-07"],
        ),
        (
            (
                "GENERATE_TIMESTAMP_ARRAY('2016-10-05 00:00:00', '2016-10-05 "
                "01:00:00', INTERVAL 30 MINUTE)"
            ),
            ["2016-10-05 00:00:00", "2016-10-05 00:30:00", "2016-10-05 01:00:00"],
        ),
        ("ARRAY(SELECT x * 2 FROM UNNEST([1, 2]) AS x ORDER BY x DESC)", [4, 2]),
        ("ARRAY(SELECT 1 FROM UNNEST([1]) WHERE FALSE)", []),
        ("STRUCT(1 AS a, 'b' AS b)", {"a": 1, "b": "b"}),
        ("STRUCT<x INT64, y STRING>(1, 'a').y", "a"),
        ("[STRUCT('x' AS tag, 1 AS n), STRUCT('y', 2)][OFFSET(1)].tag", "y"),
        ("ARRAY<STRUCT<a INT64, b STRING>>[(1, 'x'), (2, 'y')][OFFSET(1)].b", "y"),
        ("ARRAY<INT64>[]", []),
        ("2 IN UNNEST([1, 2])", True),
        ("3 NOT IN UNNEST([1, NULL])", None),
        ("(SELECT AS STRUCT 1 AS x, 2 AS y).y", 2),
        ("(SELECT t.y FROM (SELECT AS STRUCT 1 AS x, 2 AS y) AS t)", 2),
    ],
    "conditions": [
        ("IF(TRUE, 1, 2)", 1),
        ("IFNULL(NULL, 3)", 3),
        ("COALESCE(NULL, NULL, 1)", 1),
        ("NULLIF(1, 1)", None),
        ("CASE 2 WHEN 1 THEN 'a' ELSE 'b' END", "b"),
        ("NULL IS NOT DISTINCT FROM NULL", True),
        ("1 IS DISTINCT FROM NULL", True),
        ("TRUE AND NULL", None),
        ("FALSE AND NULL", False),
        ("1 BETWEEN 0 AND 2", True),
        ("NULL IN (1, 2)", None),
        ("SAFE.PARSE_DATE('%Y', 'x')", None),
        ("SAFE.TIMESTAMP('x')", None),
    ],
}

QUERIES: list[tuple[str, list[list[Any]]]] = [
    # names and aliases
    ("SELECT 1, 'a' AS b, 2", [[1, "a", 2]]),
    (
        "SELECT LOWER(x) AS x, COUNT(*) FROM UNNEST(['a', 'A', 'b']) x GROUP BY x ORDER BY x",
        [["a", 2], ["b", 1]],
    ),
    (
        "SELECT DATE(ts) AS day, COUNT(*) FROM d.t GROUP BY day ORDER BY day",
        [[None, 1], ["2020-01-05", 1], ["2021-03-31", 1]],
    ),
    ("SELECT h.tag FROM d.t, UNNEST(tags) AS h ORDER BY tag", [["x"], ["y"]]),
    ("SELECT MIN(id) AS lo, MAX(id) AS hi FROM d.t ORDER BY hi - lo", [[1, 3]]),
    ("SELECT COUNT(*) AS n FROM d.t HAVING n > 1", [[3]]),
    ("SELECT `t`.`id` FROM `p.d.t` AS t WHERE t.id = 1", [[1]]),
    ("SELECT id FROM p.d.t ORDER BY id DESC LIMIT 1 OFFSET 1", [[2]]),
    ("SELECT id FROM `p`.`d`.`t` ORDER BY 1 LIMIT 1", [[1]]),
    # the order of NULL
    ("SELECT f FROM d.t ORDER BY f", [[None], [1.5], [2.5]]),
    ("SELECT f FROM d.t ORDER BY f DESC", [[2.5], [1.5], [None]]),
    ("SELECT f FROM d.t ORDER BY f NULLS LAST", [[1.5], [2.5], [None]]),
    # UNNEST
    ("SELECT x, o FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS o ORDER BY o", [["a", 0], ["b", 1]]),
    (
        "SELECT id, h.tag, pos FROM d.t, UNNEST(tags) AS h WITH OFFSET pos ORDER BY pos",
        [[1, "x", 0], [1, "y", 1]],
    ),
    (
        "SELECT id, tag, n FROM (SELECT id, tags FROM d.t), UNNEST(tags) ORDER BY n",
        [[1, "x", 1], [1, "y", 2]],
    ),
    (
        "SELECT t.id, name FROM d.t AS t LEFT JOIN t.names AS name ORDER BY id, name",
        [[1, "p"], [1, "q"], [2, None], [3, None]],
    ),
    ("SELECT * FROM UNNEST([STRUCT(1 AS a, 'x' AS b), (2, 'y')]) ORDER BY a", [[1, "x"], [2, "y"]]),
    ("SELECT h FROM d.t, UNNEST(tags) AS h WHERE h.n = 2", [[{"tag": "y", "n": 2}]]),
    (
        (
            "SELECT (SELECT COUNT(*) FROM UNNEST(tags)), EXISTS(SELECT 1 FROM "
            "UNNEST(tags) h WHERE h.tag = 'x') "
            "FROM d.t ORDER BY id"
        ),
        [[2, True], [0, False], [0, False]],
    ),
    # a function of one array of the row
    (
        "SELECT ARRAY(SELECT x.tag FROM UNNEST(tags) AS x) FROM d.t ORDER BY id",
        [[["x", "y"]], [[]], [[]]],
    ),
    (
        (
            "SELECT ARRAY(SELECT x.n FROM UNNEST(t.tags) AS x ORDER BY x.n DESC) FROM d.t AS t "
            "ORDER BY id LIMIT 1"
        ),
        [[[2, 1]]],
    ),
    (
        (
            "SELECT ARRAY_TO_STRING(ARRAY(SELECT DISTINCT x.a FROM UNNEST(l) AS x ORDER BY x.a), "
            "' ', '-') FROM (SELECT [STRUCT('b' AS a), STRUCT(NULL), STRUCT('a'), STRUCT('b')] l)"
        ),
        [["- a b"]],
    ),
    (
        (
            "SELECT ARRAY_TO_STRING(ARRAY(SELECT x.a FROM UNNEST(l) AS x ORDER BY x.a), ' ', '-') "
            "FROM (SELECT [STRUCT('b' AS a), STRUCT(NULL), STRUCT('a'), STRUCT('b')] AS l)"
        ),
        [["- a b b"]],
    ),
    ("SELECT id FROM d.t WHERE 'y' IN UNNEST(ARRAY(SELECT x.tag FROM UNNEST(tags) AS x))", [[1]]),
    # An array of the row: NULL where a NULL leaves it open, never for an empty one.
    (
        (
            "SELECT n, n IN UNNEST(l), n NOT IN UNNEST(l) FROM ("
            "SELECT 1 AS n, [1, NULL] AS l UNION ALL SELECT 2, [1, NULL] "
            "UNION ALL SELECT 3, [1, 2] UNION ALL SELECT 4, [] UNION ALL SELECT NULL, [1]) "
            "ORDER BY n"
        ),
        [
            [None, None, None],
            [1, True, False],
            [2, None, None],
            [3, False, True],
            [4, False, True],
        ],
    ),
    (
        (
            "SELECT n FROM (SELECT 2 AS n, [1, NULL] AS l UNION ALL SELECT 3, [4]) "
            "WHERE NOT (n IN UNNEST(l)) AND n > 1"
        ),
        [[3]],
    ),
    (
        (
            "SELECT ARRAY(SELECT DISTINCT x.a FROM UNNEST(l) AS x ORDER BY x.a) FROM ("
            "SELECT 1 AS n, [STRUCT('b' AS a), STRUCT('a'), STRUCT('b')] AS l "
            "UNION ALL SELECT 2, [STRUCT('c')]) ORDER BY n"
        ),
        [[["a", "b"]], [["c"]]],
    ),
    (
        (
            "SELECT ARRAY(SELECT AS STRUCT tag, n + 1 AS m FROM UNNEST(tags) ORDER "
            "BY m DESC) FROM d.t WHERE id = 1"
        ),
        [[[{"tag": "y", "m": 3}, {"tag": "x", "m": 2}]]],
    ),
    # columns of JSON and STRUCT
    (
        "SELECT j.a.b[1], j['ce-id'], j.`ce-id`, j.A, t.j.a.b[0] FROM d.t WHERE id = 1",
        [['"x"', '"q"', '"q"', "9", "1"]],
    ),
    ("SELECT j[1] FROM d.t WHERE id = 2", [["20"]]),
    (
        "SELECT st.x, tags[OFFSET(0)].tag, names[SAFE_OFFSET(7)] FROM d.t WHERE id = 1",
        [[1, "x", None]],
    ),
    # aggregates
    (
        (
            "SELECT ARRAY_AGG(s IGNORE NULLS ORDER BY id DESC LIMIT 1), "
            "STRING_AGG(s, '-' ORDER BY id DESC), "
            "STRING_AGG(s ORDER BY id LIMIT 1), ARRAY_AGG(DISTINCT b IGNORE NULLS "
            "ORDER BY b) FROM d.t"
        ),
        [[["cD"], "cD-Ab", "Ab", [False, True]]],
    ),
    (
        (
            "SELECT COUNTIF(b), COUNT(DISTINCT b), APPROX_COUNT_DISTINCT(id), "
            "LOGICAL_OR(b), LOGICAL_AND(b), "
            "AVG(id), SUM(id), SUM(f), SUM(n), ANY_VALUE(s HAVING MIN id), MAX_BY(id, f) FROM d.t"
        ),
        [[1, 2, 3, True, False, 2.0, 6, 4.0, 1.25, "Ab", 2]],
    ),
    ("SELECT APPROX_QUANTILES(x, 2) FROM UNNEST([1, 2, 3, 4, 5]) x", [[[1, 3, 5]]]),
    ("SELECT APPROX_QUANTILES(x, 100)[OFFSET(50)] FROM UNNEST([1, 2, 3]) x", [[2]]),
    (
        "SELECT APPROX_TOP_COUNT(x, 2) FROM UNNEST(['a', 'b', 'a', NULL, NULL, NULL]) x",
        [[[{"value": None, "count": 3}, {"value": "a", "count": 2}]]],
    ),
    (
        (
            "SELECT DATE(MAX(ts)), CAST(COUNT(*) AS STRING), FORMAT_TIMESTAMP('%F', MIN(ts)), "
            "TIMESTAMP_DIFF(MAX(ts), MIN(ts), DAY), SAFE_CAST(MAX(s) AS INT64) FROM d.t"
        ),
        [["2021-03-31", "3", "2020-01-05", 451, None]],
    ),
    (
        "SELECT id, SUM(id) / SUM(SUM(id)) OVER () FROM d.t GROUP BY id ORDER BY id DESC LIMIT 1",
        [[3, 0.5]],
    ),
    (
        "SELECT b, COUNT(*) FROM d.t GROUP BY ROLLUP(b) ORDER BY 2, 1",
        [[None, 1], [False, 1], [True, 1], [None, 3]],
    ),
    ("SELECT b, COUNT(*) FROM d.t GROUP BY ALL ORDER BY b", [[None, 1], [False, 1], [True, 1]]),
    # windows
    (
        (
            "SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC), LAG(s) OVER (ORDER BY id), "
            "SUM(f) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), "
            "SUM(id) OVER () FROM d.t ORDER BY id"
        ),
        [[1, 3, None, 1.5, 6], [2, 2, "Ab", 4.0, 6], [3, 1, "cD", 2.5, 6]],
    ),
    ("SELECT id FROM d.t QUALIFY ROW_NUMBER() OVER (ORDER BY id DESC) = 1", [[3]]),
    ("SELECT id FROM d.t WHERE TRUE QUALIFY SUM(id) OVER (ORDER BY id) = 3", [[2]]),
    ("SELECT DISTINCT PERCENTILE_CONT(x, 0.5) OVER () FROM UNNEST([0, 3, 1]) x", [[1.0]]),
    (
        "SELECT LAST_VALUE(s IGNORE NULLS) OVER (ORDER BY id) FROM d.t ORDER BY id",
        [["Ab"], ["cD"], ["cD"]],
    ),
    ("SELECT SUM(x) OVER w FROM UNNEST([1, 2]) x WINDOW w AS (ORDER BY x) ORDER BY 1", [[1], [3]]),
    # sets, joins, subqueries
    ("SELECT 1 AS a EXCEPT DISTINCT SELECT 2", [[1]]),
    ("SELECT * FROM UNNEST([1, 2]) INTERSECT DISTINCT SELECT 2", [[2]]),
    ("SELECT 1 UNION ALL SELECT 1", [[1], [1]]),
    ("SELECT AS STRUCT 1 AS a, 2 AS b", [[1, 2]]),
    ("SELECT MAX(id) - MIN(id), id - 1 - id FROM d.t GROUP BY id ORDER BY id LIMIT 1", [[0, -1]]),
    ("SELECT 1 UNION DISTINCT SELECT 1", [[1]]),
    (
        (
            "WITH a AS (SELECT 1 AS x UNION ALL SELECT 2), b AS (SELECT x * 2 AS y FROM a) "
            "SELECT x, y FROM a FULL JOIN b ON a.x = b.y ORDER BY x"
        ),
        [[None, 4], [1, None], [2, 2]],
    ),
    (
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r "
            "WHERE n < 3) SELECT SUM(n) FROM r"
        ),
        [[6]],
    ),
    ("SELECT a.id FROM d.t AS a JOIN d.t AS b USING (id) WHERE b.b", [[1]]),
    (
        "SELECT id FROM d.t AS t WHERE NOT EXISTS (SELECT 1 FROM d.t AS u WHERE u.id = t.id + 1)",
        [[3]],
    ),
    (
        (
            "SELECT * EXCEPT (ts, day, f, j, b, n, tags, names, st) REPLACE (id * "
            "10 AS id) FROM d.t WHERE id = 1"
        ),
        [[10, "Ab"]],
    ),
    ("FROM d.t |> WHERE id > 1 |> AGGREGATE COUNT(*) AS c", [[2]]),
    # INFORMATION_SCHEMA
    (
        "SELECT table_name, table_type FROM d.INFORMATION_SCHEMA.TABLES ORDER BY 1",
        [["keyed", "BASE TABLE"], ["t", "BASE TABLE"]],
    ),
    (
        "SELECT data_type FROM d.INFORMATION_SCHEMA.COLUMNS WHERE column_name = 'tags'",
        [["ARRAY<STRUCT<tag STRING, n INT64>>"]],
    ),
    ("SELECT column_name FROM `p.d.INFORMATION_SCHEMA.KEY_COLUMN_USAGE`", [["id"]]),
    ("SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA", [["d"]]),
]

# What is refused, and a word of the reason.
REFUSED: list[tuple[str, str]] = [
    ("SELECT 1 / 0", "division by zero"),
    ("SELECT id / 0 FROM d.t", "division by zero"),
    ("SELECT MOD(1, 0)", "division by zero"),
    ("SELECT SQRT(-1)", "SQRT cannot be negative"),
    ("SELECT LN(0)", "LN"),
    ("SELECT names[OFFSET(5)] FROM d.t WHERE id = 1", "out of bounds"),
    ("SELECT CAST('x' AS INT64)", "Bad int64 value: x"),
    ("SELECT CAST('1.5' AS INT64)", "Bad int64 value: 1.5"),
    ("SELECT CAST('yes' AS BOOL)", "Bad bool value: yes"),
    ("SELECT foo FROM d.t", "Unrecognized name: foo"),
    ("SELECT x.id FROM d.t", "Unrecognized name: x"),
    ("SELECT id FORM d.t", "Syntax error"),
    ("SELECT id FROM d.nowhere", "was not found"),
    ("SELECT id FROM nowhere.t", "Not found: Dataset p:nowhere"),
    ("SELECT id FROM other.d.t", "Not found: Project other"),
    ("SELECT id FROM t", "must be qualified with a dataset"),
    ("SELECT NET.REG_DOMAIN('x')", "NET.REG_DOMAIN is not supported by the embedded BigQuery"),
    ("SELECT APPROX_TOP_SUM(id, id, 1) FROM d.t", "APPROX_TOP_SUM is not supported"),
    ("SELECT HLL_COUNT.INIT(id) FROM d.t", "not supported"),
    ("SELECT INITCAP('a')", "INITCAP is not supported"),
    ("SELECT PERCENTILE_CONT(f, 0.5) FROM d.t", "without an OVER clause"),
    ("SELECT FORMAT_TIMESTAMP('%Z', ts, 'Europe/Berlin') FROM d.t", "%Z"),
    ("SELECT FORMAT_DATE('%i', day) FROM d.t", "%i"),
    ("SELECT FORMAT(s, 1) FROM d.t", "not a constant"),
    ("SELECT FORMAT('%d')", "Too few arguments"),
    ("SELECT JSON_VALUE(j, '$.*') FROM d.t", "JSONPath"),
    ("SELECT JSON_VALUE(j, s) FROM d.t", "JSONPath must be a string literal"),
    ("SELECT REGEXP_EXTRACT(s, r'(a)(b)') FROM d.t", "more than one capturing group"),
    ("SELECT STRING(JSON '5')", "not a string"),
    ("SELECT TO_JSON_STRING(t) FROM d.t", "TO_JSON"),
    ("SELECT COUNT(*) FROM d.t TABLESAMPLE SYSTEM (10 PERCENT)", "SAMPLE"),
    ("SELECT * FROM d.t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "VERSION"),
    ("SELECT * FROM `d.t*`", "wildcard"),
    ("SELECT DATE '2020-01-02' - DATE '2020-01-01'", "use DATE_DIFF"),
    ("SELECT MAX(day) - MIN(day) FROM d.t", "use DATE_DIFF"),
    ("SELECT AS VALUE STRUCT(1 AS a)", "AS VALUE"),
    ("SELECT DATE(ts, 'Nowhere/X') FROM d.t", "Nowhere/X"),
    ("SELECT * FROM (SELECT b, id FROM d.t) PIVOT(SUM(id) FOR b IN (TRUE, FALSE))", "Pivot"),
    ("SELECT s LIKE ANY ('a', 'b') FROM d.t", "ANY"),
    ("SELECT CAST('20200101' AS DATE FORMAT 'YYYYMMDD')", "not supported"),
    ("SELECT INTERVAL 1 DAY", "INTERVAL"),
    ("SELECT INTERVAL '1:2' HOUR TO MINUTE", "HOUR TO MINUTE"),
    ("SELECT ARRAY_AGG(s) FROM d.t", "null element"),
    ("SELECT [1, NULL]", "null element"),
    ("SELECT @missing", "Query parameter 'missing' not found"),
    ("SELECT ?", "Query parameter number 1 is not set"),
    ("SELECT * FROM (SELECT ARRAY_CONCAT(tags) AS a FROM d.t), UNNEST(a)", "name the columns"),
    ("DECLARE x INT64", "scripts are plain sequences"),
    ("BEGIN TRANSACTION", "scripts are plain sequences"),
    ("CREATE TEMP TABLE x AS SELECT 1 AS a", "TEMPORARY"),
    ("CREATE MATERIALIZED VIEW d.m AS SELECT 1 AS a", "MATERIALIZED"),
    ("CREATE FUNCTION d.f(x INT64) AS (x)", "CREATE FUNCTION"),
    ("CREATE TABLE d.copy CLONE d.t", "CLONE"),
    ("ALTER TABLE d.t DROP COLUMN id", "ALTER"),
    ("EXPORT DATA OPTIONS (uri = 'x') AS SELECT 1", "only queries, DDL and DML"),
    ("CALL p()", "only queries, DDL and DML"),
    ("UPDATE d.t SET s = 'x'", "must have a WHERE clause"),
    ("DELETE FROM d.t", "must have a WHERE clause"),
    ("INSERT INTO d.t (id, nope) VALUES (1, 2)", "Column nope is not present"),
    ("INSERT INTO d.t (id) VALUES (1, 2)", "wrong column count"),
    (
        "INSERT INTO d.t (id, st) SELECT 6, STRUCT(1 AS a, 'b' AS c)",
        "other names than the column's",
    ),
    ("MERGE d.t USING d.t AS s ON FALSE WHEN NOT MATCHED THEN INSERT ROW", "INSERT ROW"),
]
