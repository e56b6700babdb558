-- Tweets a minute: what is going on now. Ask for a window: WHERE minute >= ...
-- Reads of each tweet what v_tweets needs, and created_at.
-- Bytes: about 45 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_minutely (
  minute OPTIONS (description = 'The beginning of the minute, in UTC.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  authors OPTIONS (description = 'How many accounts posted them; may not be summed over rows.')
)
OPTIONS (description = 'Tweets a minute.') AS
SELECT
  TIMESTAMP_TRUNC(created_at, MINUTE) AS minute,
  COUNT(*) AS tweets,
  COUNT(DISTINCT author_id) AS authors
FROM tweetlog.v_tweets
GROUP BY minute;
