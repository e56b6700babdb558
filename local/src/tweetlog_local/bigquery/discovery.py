"""The discovery document: which calls there are, for clients that are made from it.

The `bq` command is one. It says what is served here and nothing else, so that `bq` itself refuses
the rest. Format: "Google API Discovery Service", type RestDescription.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SERVICE_PATH = "bigquery/v2/"
# Parameters of a query string, by call; `name:type` where it is no text.
PAGES = "maxResults:integer pageToken"
INT64_TIMESTAMPS = "formatOptions.useInt64Timestamp:boolean"
# What every call of a Google API takes.
COMMON = "alt fields key prettyPrint:boolean quotaUser userIp"
PROJECT, DATASETS = "projects/{+projectId}", "projects/{+projectId}/datasets"
DATASET = DATASETS + "/{+datasetId}"
TABLES, TABLE = DATASET + "/tables", DATASET + "/tables/{+tableId}"
JOBS, JOB = PROJECT + "/jobs", PROJECT + "/jobs/{+jobId}"
CHANGE = "accessPolicyVersion:integer updateMode"
FILTERS = "allUsers:boolean maxCreationTime minCreationTime parentJobId projection stateFilter"
# Clients want to know where files would go, though load jobs are refused.
UPLOAD = "/upload/" + SERVICE_PATH + JOBS


@dataclass(frozen=True, slots=True)
class Method:
    """One call.

    id: without `bigquery.`.
    parameters: those of the query string.
    request, response: the types of what is sent and of what is answered.
    """

    id: str
    verb: str
    path: str
    parameters: str = ""
    request: str | None = None
    response: str | None = None


METHODS = (
    Method("projects.list", "GET", "projects", PAGES, None, "ProjectList"),
    Method("datasets.list", "GET", DATASETS, f"all:boolean filter {PAGES}", None, "DatasetList"),
    Method("datasets.insert", "POST", DATASETS, CHANGE, "Dataset", "Dataset"),
    Method("datasets.get", "GET", DATASET, f"{CHANGE} datasetView", None, "Dataset"),
    Method("datasets.patch", "PATCH", DATASET, CHANGE, "Dataset", "Dataset"),
    Method("datasets.update", "PUT", DATASET, CHANGE, "Dataset", "Dataset"),
    Method("datasets.delete", "DELETE", DATASET, "deleteContents:boolean"),
    Method("tables.list", "GET", TABLES, PAGES, None, "TableList"),
    Method("tables.insert", "POST", TABLES, "", "Table", "Table"),
    Method("tables.get", "GET", TABLE, "selectedFields view", None, "Table"),
    Method("tables.patch", "PATCH", TABLE, "autodetect_schema:boolean", "Table", "Table"),
    Method("tables.update", "PUT", TABLE, "autodetect_schema:boolean", "Table", "Table"),
    Method("tables.delete", "DELETE", TABLE),
    Method(
        "tabledata.list",
        "GET",
        TABLE + "/data",
        f"{INT64_TIMESTAMPS} selectedFields startIndex {PAGES}",
        None,
        "TableDataList",
    ),
    Method(
        "tabledata.insertAll",
        "POST",
        TABLE + "/insertAll",
        "",
        "TableDataInsertAllRequest",
        "TableDataInsertAllResponse",
    ),
    Method("jobs.query", "POST", PROJECT + "/queries", "", "QueryRequest", "QueryResponse"),
    Method(
        "jobs.getQueryResults",
        "GET",
        PROJECT + "/queries/{+jobId}",
        f"{INT64_TIMESTAMPS} location startIndex timeoutMs:integer {PAGES}",
        None,
        "GetQueryResultsResponse",
    ),
    Method("jobs.insert", "POST", JOBS, "", "Job", "Job"),
    Method("jobs.get", "GET", JOB, "location", None, "Job"),
    Method("jobs.list", "GET", JOBS, f"{FILTERS} {PAGES}", None, "JobList"),
    Method("jobs.cancel", "POST", JOB + "/cancel", "location", None, "JobCancelResponse"),
)


def document(root: str) -> dict[str, Any]:
    """Return the document of the API at `root`, such as `http://127.0.0.1:9050/`."""
    resources: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        resource, _, name = method.id.partition(".")
        resources.setdefault(resource, {"methods": {}})["methods"][name] = _described(method)
    types = {one for method in METHODS for one in (method.request, method.response) if one}
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "bigquery:v2",
        "name": "bigquery",
        "version": "v2",
        "title": "The embedded BigQuery",
        "protocol": "rest",
        "rootUrl": root,
        "servicePath": SERVICE_PATH,
        "baseUrl": root + SERVICE_PATH,
        "basePath": "/" + SERVICE_PATH,
        "batchPath": "batch/bigquery/v2",
        "parameters": _query(COMMON),
        "schemas": {name: {"id": name, "type": "object"} for name in sorted(types)},
        "resources": resources,
    }


def _described(method: Method) -> dict[str, Any]:
    places = [part[2:-1] for part in method.path.split("/") if part.startswith("{")]
    in_path = {name: {"type": "string", "location": "path", "required": True} for name in places}
    described: dict[str, Any] = {
        "id": f"bigquery.{method.id}",
        "path": method.path,
        "httpMethod": method.verb,
        "parameters": {**in_path, **_query(method.parameters)},
        "parameterOrder": places,
    }
    for side in ("request", "response"):
        if type_ := getattr(method, side):
            described[side] = {"$ref": type_}
    if method.id == "jobs.insert":
        described["supportsMediaUpload"] = True
        described["mediaUpload"] = {
            "accept": ["*/*"],
            "protocols": {"simple": {"multipart": True, "path": UPLOAD}},
        }
    return described


def _query(parameters: str) -> Mapping[str, Any]:
    named = (one.partition(":") for one in parameters.split())
    return {name: {"type": kind or "string", "location": "query"} for name, _, kind in named}
