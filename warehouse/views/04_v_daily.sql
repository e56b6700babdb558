-- Tweets a day and language: the first chart of most reports.
-- Reads of each tweet what v_tweets needs, and created_at, language, kind, like_count.
-- Bytes: about 65 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_daily (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  language OPTIONS (description = 'As detected, BCP 47; und where there is nothing to tell.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  authors OPTIONS (description = 'How many accounts posted them; may not be summed over rows.'),
  retweets OPTIONS (description = 'How many of the tweets are retweets; may be summed.'),
  likes OPTIONS (description = 'Likes as they stood when each was received; may be summed.')
)
OPTIONS (description = 'Tweets a day and language.') AS
SELECT
  created_date,
  language,
  COUNT(*) AS tweets,
  COUNT(DISTINCT author_id) AS authors,
  COUNTIF(kind = 'retweet') AS retweets,
  SUM(IFNULL(like_count, 0)) AS likes
FROM tweetlog.v_tweets
GROUP BY created_date, language;
