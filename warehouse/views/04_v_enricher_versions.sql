-- Which enricher wrote the rows of the table: one version, unless a replay is under way or due.
-- Reads of each tweet what v_tweets needs, and enricher_version, replay_id, enriched_at.
-- Bytes: about 50 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_enricher_versions (
  enricher_version OPTIONS (description = 'The version; it only rises.'),
  tweets OPTIONS (description = 'How many rows it wrote; may be summed.'),
  share OPTIONS (description = 'Their share of all rows, 0 to 1.'),
  replayed OPTIONS (description = 'How many of them a replay wrote; may be summed.'),
  first_enriched_at OPTIONS (description = 'When the first of them was enriched.'),
  last_enriched_at OPTIONS (description = 'When the last of them was enriched.')
)
OPTIONS (description = 'Rows of the table by the version of the enricher that wrote them.') AS
SELECT
  enricher_version,
  COUNT(*) AS tweets,
  COUNT(*) / SUM(COUNT(*)) OVER () AS share,
  COUNTIF(replay_id IS NOT NULL) AS replayed,
  MIN(enriched_at) AS first_enriched_at,
  MAX(enriched_at) AS last_enriched_at
FROM tweetlog.v_tweets
GROUP BY enricher_version;
