"""Writes enriched tweets to BigQuery, each exactly once."""
