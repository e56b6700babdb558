"""Datasets and tables as the REST API shows them."""

from typing import Any

from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.warehouse import Warehouse


def dataset_resource(warehouse: Warehouse, name: str) -> dict[str, Any]:
    """Return the `Dataset` resource."""
    stored = dict(warehouse.catalog.dataset(name))
    return {
        "location": warehouse.location,
        **stored,
        **_dataset_names(warehouse, name),
    }


def _dataset_names(warehouse: Warehouse, name: str) -> dict[str, Any]:
    return {
        "kind": "bigquery#dataset",
        "id": f"{warehouse.project}:{name}",
        "datasetReference": {"projectId": warehouse.project, "datasetId": name},
    }


def dataset_listing(warehouse: Warehouse) -> dict[str, Any]:
    """Return the answer of `datasets.list`."""
    listed = [_dataset_names(warehouse, name) for name in sorted(warehouse.catalog.datasets)]
    return {"kind": "bigquery#datasetList", "datasets": listed}


def table_resource(warehouse: Warehouse, relation: Relation) -> dict[str, Any]:
    """Return the `Table` resource."""
    stored = dict(relation.resource)
    stored["schema"] = {"fields": [item.resource() for item in relation.fields]}
    resource = {
        "location": warehouse.location,
        **stored,
        **_table_names(relation),
    }
    if relation.view is None:
        rows = warehouse.rows(relation)
        size = rows * CELL_BYTES * len(relation.fields)
        resource |= {"numRows": str(rows), "numBytes": str(size), "numLongTermBytes": "0"}
    return resource


def _table_names(relation: Relation) -> dict[str, Any]:
    name = relation.name
    return {
        "kind": "bigquery#table",
        "id": str(name),
        "type": relation.kind,
        "tableReference": {
            "projectId": name.project,
            "datasetId": name.dataset,
            "tableId": name.table,
        },
    }


# A guess, for what asks for the size of a table.
CELL_BYTES = 8
LISTED = (
    "friendlyName",
    "labels",
    "timePartitioning",
    "rangePartitioning",
    "clustering",
    "creationTime",
    "expirationTime",
    "view",
)


def table_listing(warehouse: Warehouse, dataset: str) -> dict[str, Any]:
    """Return the answer of `tables.list`."""
    warehouse.catalog.dataset(dataset)
    tables = [
        {
            **{key: relation.resource[key] for key in LISTED if key in relation.resource},
            **_table_names(relation),
        }
        for relation in warehouse.catalog.relations(dataset)
    ]
    return {"kind": "bigquery#tableList", "tables": tables, "totalItems": len(tables)}


def stats_of(warehouse: Warehouse, stats: Stats) -> dict[str, dict[str, int]]:
    """Return the rows of every table, and what it received since the start."""
    counted = stats.shown()
    return {
        f"{relation.name.dataset}.{relation.name.table}": {
            "rows": warehouse.rows(relation),
            **counted[relation.name],
        }
        for dataset in sorted(warehouse.catalog.datasets)
        for relation in warehouse.catalog.relations(dataset)
        if relation.view is None
    }
