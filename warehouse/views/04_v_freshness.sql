-- How fresh the table is: one row.
-- Reads of each tweet what v_tweets needs, and created_at, enriched_at, loaded_at,
-- enricher_version.
-- Bytes: about 70 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_freshness (
  tweets OPTIONS (description = 'How many tweets may be shown.'),
  newest_created_at OPTIONS (description = 'When the newest of them was posted.'),
  newest_loaded_at OPTIONS (description = 'When a row was last written.'),
  newest_enricher_version OPTIONS (description = 'The highest version of the enricher in the table.'),
  median_enriched_to_loaded_ms OPTIONS (description = 'Milliseconds from the publish of the enriched event to the row; the median.'),
  p99_enriched_to_loaded_ms OPTIONS (description = 'The same, for all but the slowest 1 %.')
)
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
