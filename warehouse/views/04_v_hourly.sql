-- Tweets an hour: the rhythm of a day.
-- Reads of each tweet what v_tweets needs, and created_at.
-- Bytes: about 45 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_hourly (
  hour OPTIONS (description = 'The beginning of the hour, in UTC.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  authors OPTIONS (description = 'How many accounts posted them; may not be summed over rows.')
)
OPTIONS (description = 'Tweets an hour.') AS
SELECT
  TIMESTAMP_TRUNC(created_at, HOUR) AS hour,
  COUNT(*) AS tweets,
  COUNT(DISTINCT author_id) AS authors
FROM tweetlog.v_tweets
GROUP BY hour;
