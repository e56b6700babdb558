"""BigQuery's REST API over HTTP, on one machine."""

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb
import orjson
from sqlglot import exp

from tweetlog_local.bigquery import wire
from tweetlog_local.bigquery.appends import Appender
from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.discovery import METHODS, UPLOAD, document
from tweetlog_local.bigquery.errors import ApiError, Changed, Injected, Invalid, NotFound
from tweetlog_local.bigquery.faults import Faults, rule_of
from tweetlog_local.bigquery.insert_all import Seen, insert_all
from tweetlog_local.bigquery.jobs import Jobs, page_of, results
from tweetlog_local.bigquery.messages import refusal
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.resources import (
    dataset_listing,
    dataset_resource,
    stats_of,
    table_listing,
    table_resource,
)
from tweetlog_local.bigquery.schema import quoted
from tweetlog_local.bigquery.session import Session, select
from tweetlog_local.bigquery.statements import script
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.warehouse import Warehouse

# The reasons that go with an HTTP status; the client libraries retry by reason.
REASONS = {
    "400": "invalid",
    "403": "accessDenied",
    "404": "notFound",
    "409": "duplicate",
    "429": "rateLimitExceeded",
    "500": "internalError",
    "503": "backendError",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A call of the API: the parts of its path, its query string, its JSON, and the API's URL."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    etag: str | None = None
    root: str = ""

    def check(self, resource: Mapping[str, Any]) -> None:
        """Refuse a change to another state of the resource than the caller has seen."""
        if self.etag not in (None, "*", resource["etag"]):
            raise Changed("Precondition Failed: the resource was changed in the meantime.")


Answer = Mapping[str, Any] | None
Handler = Callable[[Request], Answer]


class Api:
    """What each call does; knows nothing of HTTP."""

    def __init__(
        self, warehouse: Warehouse, appender: Appender, stats: Stats, faults: Faults
    ) -> None:
        self._warehouse = warehouse
        self._appender = appender
        self._stats = stats
        self.faults = faults
        self._seen = Seen()
        self._jobs = Jobs(warehouse)
        served = self._calls()
        self.routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (verb, re.compile(_pattern(path)), handler)
            for verb, path, handler in [
                *((one.verb, f"/{one.path}", served[one.id]) for one in METHODS),
                *self._others(),
            ]
        ]

    def _calls(self) -> Mapping[str, Handler]:
        """Return what serves each call of the discovery document."""
        return {
            "projects.list": self._list_projects,
            "datasets.list": self._list_datasets,
            "datasets.insert": self._insert_dataset,
            "datasets.get": self._get_dataset,
            "datasets.patch": self._change_dataset,
            "datasets.update": self._change_dataset,
            "datasets.delete": self._delete_dataset,
            "tables.list": self._list_tables,
            "tables.insert": self._insert_table,
            "tables.get": self._get_table,
            "tables.patch": self._change_table,
            "tables.update": self._change_table,
            "tables.delete": self._delete_table,
            "tabledata.list": self._rows,
            "tabledata.insertAll": self._insert_all,
            "jobs.query": self._query,
            "jobs.getQueryResults": self._query_results,
            "jobs.insert": self._insert_job,
            "jobs.get": self._get_job,
            "jobs.list": self._list_jobs,
            "jobs.cancel": self._cancel_job,
        }

    def _others(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", UPLOAD, self._insert_job),
            ("GET", r"/\$discovery/rest", self._discover),
            ("GET", "/discovery/v1/apis/bigquery/v2/rest", self._discover),
            ("GET", "/local/stats", self._show_stats),
            ("GET", "/local/faults", self._show_faults),
            ("POST", "/local/faults", self._add_fault),
            ("DELETE", "/local/faults", self._clear_faults),
            ("DELETE", "/local/faults/{rule}", self._clear_faults),
        ]

    # Jobs

    def _query(self, request: Request) -> Answer:
        body = request.body
        configuration: dict[str, Any] = {"query": body, "jobType": "QUERY"}
        if body.get("dryRun"):
            configuration["dryRun"] = True
        job = self._jobs.run(configuration)
        return results(job, page_of(request.query, body)) | {"kind": "bigquery#queryResponse"}

    def _query_results(self, request: Request) -> Answer:
        return results(self._jobs.get(request.path["job"]), page_of(request.query))

    def _insert_job(self, request: Request) -> Answer:
        reference = request.body.get("jobReference") or {}
        configuration = request.body.get("configuration") or {}
        job = self._jobs.run(configuration, reference.get("jobId"))
        if job.error and configuration.get("dryRun"):
            raise job.error
        return job.resource()

    def _get_job(self, request: Request) -> Answer:
        return self._jobs.get(request.path["job"]).resource()

    def _list_jobs(self, _: Request) -> Answer:
        listed = [{**job.resource(), "state": "DONE"} for job in self._jobs.listed()]
        return {"kind": "bigquery#jobList", "jobs": listed}

    def _cancel_job(self, request: Request) -> Answer:
        job = self._jobs.get(request.path["job"])
        return {"kind": "bigquery#jobCancelResponse", "job": job.resource()}

    # Datasets

    def _list_datasets(self, _: Request) -> Answer:
        return dataset_listing(self._warehouse)

    def _insert_dataset(self, request: Request) -> Answer:
        name = (request.body.get("datasetReference") or {}).get("datasetId", "")
        self._warehouse.create_dataset(name, _given(request.body))
        return dataset_resource(self._warehouse, name)

    def _get_dataset(self, request: Request) -> Answer:
        return dataset_resource(self._warehouse, request.path["dataset"])

    def _change_dataset(self, request: Request) -> Answer:
        request.check(self._warehouse.catalog.dataset(request.path["dataset"]))
        self._warehouse.change_dataset(request.path["dataset"], _given(request.body))
        return dataset_resource(self._warehouse, request.path["dataset"])

    def _delete_dataset(self, request: Request) -> Answer:
        contents = request.query.get("deleteContents", "").lower() == "true"
        self._warehouse.drop_dataset(request.path["dataset"], contents=contents)
        return None

    # Tables

    def _relation(self, request: Request) -> Relation:
        return self._warehouse.catalog.relation(_table_name(request))

    def _list_tables(self, request: Request) -> Answer:
        return table_listing(self._warehouse, request.path["dataset"])

    def _insert_table(self, request: Request) -> Answer:
        table = (request.body.get("tableReference") or {}).get("tableId", "")
        name = TableName(request.path["project"], request.path["dataset"], table)
        self._warehouse.catalog.find(name)
        made = self._warehouse.create_relation(name, self._described(_given(request.body)))
        return table_resource(self._warehouse, made)

    def _described(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return the resource of a view with the columns of its query."""
        query = (resource.get("view") or {}).get("query")
        if query is None:
            return resource
        statements = script(str(query))
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise Invalid("A view's query is one SELECT.")
        outcome = select(statements[0], Session(self._warehouse), dry=True)
        return {**resource, "schema": {"fields": [item.resource() for item in outcome.fields]}}

    def _get_table(self, request: Request) -> Answer:
        return table_resource(self._warehouse, self._relation(request))

    def _change_table(self, request: Request) -> Answer:
        request.check(self._relation(request).resource)
        resource = self._described(_given(request.body))
        changed = self._warehouse.change_relation(_table_name(request), resource)
        return table_resource(self._warehouse, changed)

    def _delete_table(self, request: Request) -> Answer:
        self._warehouse.drop_relation(_table_name(request))
        return None

    def _rows(self, request: Request) -> Answer:
        relation = self._relation(request)
        if relation.view is not None:
            raise Invalid(f"Cannot list a table of type VIEW: {relation.name}")
        page = page_of(request.query)
        listed = ", ".join(quoted(item.name) for item in relation.fields)
        connection = self._warehouse.cursor()
        total = connection.sql(f"SELECT count(*) FROM {relation.sql}").fetchall()[0][0]
        part = connection.sql(
            f"SELECT {listed} FROM {relation.sql} LIMIT {page.size} OFFSET {page.start}"
        ).to_arrow_table()
        connection.close()
        answer = {
            "kind": "bigquery#tableDataList",
            "totalRows": str(total),
            "rows": list(wire.rows(part, relation.fields, int64_timestamps=page.int64_timestamps)),
        }
        if page.start + page.size < total:
            answer["pageToken"] = str(page.start + page.size)
        return answer

    def _insert_all(self, request: Request) -> Answer:
        relation = self._relation(request)
        if relation.view is not None:
            raise Invalid(f"Cannot add rows to a table of type VIEW: {relation.name}")
        # Before they are written: no statement may find them and not know.
        self._warehouse.buffer.took(relation.name)
        return insert_all(relation, request.body, self._appender, self._seen, self.faults)

    # Local

    def _list_projects(self, _: Request) -> Answer:
        project = self._warehouse.project
        reference = {"projectId": project}
        listed = [{"id": project, "projectReference": reference, "friendlyName": project}]
        return {"kind": "bigquery#projectList", "projects": listed}

    def _discover(self, request: Request) -> Answer:
        return document(request.root)

    def _show_stats(self, _: Request) -> Answer:
        return {"tables": stats_of(self._warehouse, self._stats)}

    def _show_faults(self, _: Request) -> Answer:
        return {"faults": self.faults.shown()}

    def _add_fault(self, request: Request) -> Answer:
        return self.faults.add(rule_of(request.body))

    def _clear_faults(self, request: Request) -> Answer:
        given = request.path.get("rule")
        if given is not None and not given.isdigit():
            raise NotFound(f"Not found: Fault {given}")
        self.faults.clear(None if given is None else int(given))
        return None


READ_ONLY = {
    "kind",
    "etag",
    "id",
    "selfLink",
    "numBytes",
    "numRows",
    "numLongTermBytes",
    "creationTime",
    "lastModifiedTime",
    "datasetReference",
    "tableReference",
    "type",
}


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in READ_ONLY}


def _table_name(request: Request) -> TableName:
    return TableName(request.path["project"], request.path["dataset"], request.path["table"])


def _pattern(path: str) -> str:
    """Return the expression for a path; `{+tableId}` is called `table`."""
    return "(?:/bigquery/v2)?" + re.sub(r"{\+?(\w+?)(?:Id)?}", r"(?P<\1>[^/]+)", path) + r"/?\Z"


# For what nobody foresaw: the traceback goes to stderr. A client does not retry it.
UNEXPECTED = Injected(
    501, "notImplemented", "The embedded BigQuery failed at this; its stderr says where."
).body()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "HttpServer"

    def _serve(self) -> None:
        """Answer, whatever happens: the clients take a lost connection for a reason to retry."""
        status: int = 501
        answer: Answer = UNEXPECTED
        try:
            answer = self._answer()
            status = 200 if answer is not None else 204
        except ApiError as error:
            status, answer = error.code, error.body()
        except duckdb.Error as error:
            status, answer = 400, refusal(error).body()
        finally:
            self._send(status, answer)

    def _answer(self) -> Answer:
        split = urlsplit(self.path)
        body = self._body()
        fault = None if "/local/" in split.path else self.server.api.faults.http(split.path)
        if fault is not None:
            raise Injected(int(fault.code), REASONS.get(fault.code, "backendError"), fault.message)
        for verb, pattern, handler in self.server.api.routes:
            match = pattern.match(split.path)
            if match and verb == self.command:
                path = {name: unquote(value) for name, value in match.groupdict().items()}
                etag = self.headers.get("If-Match")
                root = f"http://{self.headers.get('Host', '')}/"
                return handler(Request(path, dict(parse_qsl(split.query)), body, etag, root))
        raise NotFound(f"Not found: {self.command} {split.path}")

    def _body(self) -> Mapping[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length) if length else b""
        if self.headers.get_content_maintype() == "multipart":
            return {}  # a file to load, which is refused
        if self.headers.get("Content-Encoding", "").lower() == "gzip":
            data = _decompressed(data)
        if not data:
            return {}
        try:
            parsed = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Invalid(f"Invalid JSON payload received. {error}") from None
        if not isinstance(parsed, dict):
            raise Invalid("Invalid JSON payload received. It is not an object.")
        return parsed

    def _send(self, status: int, answer: Answer) -> None:
        data = b"" if answer is None else orjson.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 (named by http.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named by http.server)
        """Keep quiet: what matters is in the answers."""


def _decompressed(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(f"The request's body is not gzip. {error}") from None


class HttpServer(ThreadingHTTPServer):
    """The server of the REST API."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True
    address_family_hint: ClassVar[str] = "inet"

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        super().__init__(address, _Connection)
        self.api = api
