-- How long tweets take, by the hour in which they were loaded: from being posted, from being
-- received (where the source says when) and from the enricher to the table. Played files show how
-- old their tweets were.
-- Reads of each tweet what v_tweets needs, and created_at, received_at, enriched_at, loaded_at.
-- Bytes: about 60 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_lag (
  loaded_hour OPTIONS (description = 'The beginning of the hour in which they were loaded, in UTC.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  created_to_loaded_p50 OPTIONS (description = 'Seconds from being posted; the median.'),
  created_to_loaded_p95 OPTIONS (description = 'The same, for all but the slowest 5 %.'),
  created_to_loaded_p99 OPTIONS (description = 'The same, for all but the slowest 1 %.'),
  received_to_loaded_p50 OPTIONS (description = 'Seconds from being received; the median.'),
  received_to_loaded_p99 OPTIONS (description = 'The same, for all but the slowest 1 %.'),
  enriched_to_loaded_p50 OPTIONS (description = 'Seconds from the publish of the enriched event; the median.'),
  enriched_to_loaded_p99 OPTIONS (description = 'The same, for all but the slowest 1 %.')
)
OPTIONS (description = 'Seconds from creation, receipt and enrichment to the table, an hour.') AS
SELECT
  loaded_hour,
  tweets,
  created[SAFE_OFFSET(50)] / 1000 AS created_to_loaded_p50,
  created[SAFE_OFFSET(95)] / 1000 AS created_to_loaded_p95,
  created[SAFE_OFFSET(99)] / 1000 AS created_to_loaded_p99,
  received[SAFE_OFFSET(50)] / 1000 AS received_to_loaded_p50,
  received[SAFE_OFFSET(99)] / 1000 AS received_to_loaded_p99,
  enriched[SAFE_OFFSET(50)] / 1000 AS enriched_to_loaded_p50,
  enriched[SAFE_OFFSET(99)] / 1000 AS enriched_to_loaded_p99
FROM (
  SELECT
    TIMESTAMP_TRUNC(loaded_at, HOUR) AS loaded_hour,
    COUNT(*) AS tweets,
    APPROX_QUANTILES(TIMESTAMP_DIFF(loaded_at, created_at, MILLISECOND), 100) AS created,
    APPROX_QUANTILES(TIMESTAMP_DIFF(loaded_at, received_at, MILLISECOND), 100) AS received,
    APPROX_QUANTILES(TIMESTAMP_DIFF(loaded_at, enriched_at, MILLISECOND), 100) AS enriched
  FROM tweetlog.v_tweets
  GROUP BY loaded_hour
);
