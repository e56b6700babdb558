"""Asks a warehouse what it lacks of its SQL files."""

from tweetlog_ops import project, statements
from tweetlog_ops.migration import Step, steps
from tweetlog_ops.serving import CURRENT, served
from tweetlog_ops.warehouse import Warehouse


def to_apply(warehouse: Warehouse, *, layout: str) -> tuple[Step, ...]:
    """Return the changes that are missing; the views go on reading what was promoted."""
    wanted = statements.read(
        project.warehouse_sql(),
        dataset=warehouse.dataset,
        layout=layout,
        served=served(warehouse.labels(CURRENT), layout=layout),
    )
    return steps(wanted, warehouse.existing(), dataset=warehouse.dataset)
