-- Which table of tweets the views read, since when: every promotion and every way back.
CREATE OR REPLACE VIEW tweetlog.v_promotions (
  promoted_at OPTIONS (description = 'Since when it is shown.'),
  table_name OPTIONS (description = 'The table of tweets that is shown.'),
  before OPTIONS (description = 'The table that was shown before.'),
  rollback OPTIONS (description = 'Whether a promotion was taken back.')
)
OPTIONS (description = 'Which table of tweets is shown, since when.') AS
SELECT DISTINCT
  SAFE_CAST(JSON_VALUE(data, '$.promoted_at') AS TIMESTAMP) AS promoted_at,
  JSON_VALUE(data, '$.table') AS table_name,
  JSON_VALUE(data, '$.before') AS before,
  JSON_VALUE(data, '$.rollback') = 'true' AS rollback
FROM tweetlog.v_raw_events
WHERE type = 'tweetlog.table.promoted.v1';
