-- Tweets a day and language.
CREATE OR REPLACE VIEW tweetlog.v_daily
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
