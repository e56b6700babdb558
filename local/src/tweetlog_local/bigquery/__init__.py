"""An embedded BigQuery for one machine: the real APIs, over DuckDB."""

from tweetlog_local.bigquery.process import Running, running

__all__ = ["Running", "running"]
