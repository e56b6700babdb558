-- How fresh the table is: one row.
CREATE OR REPLACE VIEW tweetlog.v_freshness
OPTIONS (description = 'How fresh the table is: one row.') AS
SELECT
  COUNT(*) AS tweets,
  MAX(created_at) AS newest_created_at,
  MAX(loaded_at) AS newest_loaded_at,
  MAX(enricher_version) AS newest_enricher_version,
  APPROX_QUANTILES(TIMESTAMP_DIFF(loaded_at, enriched_at, MILLISECOND), 100)[OFFSET(50)]
    AS median_enriched_to_loaded_ms,
  APPROX_QUANTILES(TIMESTAMP_DIFF(loaded_at, enriched_at, MILLISECOND), 100)[OFFSET(99)]
    AS p99_enriched_to_loaded_ms
FROM tweetlog.v_tweets;
