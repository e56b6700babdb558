-- Tweets an hour.
CREATE OR REPLACE VIEW tweetlog.v_hourly
OPTIONS (description = 'Tweets an hour.') AS
SELECT
  TIMESTAMP_TRUNC(created_at, HOUR) AS hour,
  COUNT(*) AS tweets,
  COUNT(DISTINCT author_id) AS authors
FROM tweetlog.v_tweets
GROUP BY hour;
