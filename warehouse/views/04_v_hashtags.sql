-- Hashtags a day, counted by their folded form and shown as people write them most.
CREATE OR REPLACE VIEW tweetlog.v_hashtags
OPTIONS (description = 'Hashtags a day, folded, with the spelling used most.') AS
SELECT
  created_date,
  folded,
  ARRAY_AGG(tag ORDER BY uses DESC, tag LIMIT 1)[OFFSET(0)] AS hashtag,
  SUM(uses) AS uses,
  SUM(tweets) AS tweets
FROM (
  SELECT created_date, h.folded, h.tag, COUNT(*) AS uses, COUNT(DISTINCT tweet_id) AS tweets
  FROM tweetlog.v_tweets, UNNEST(hashtags) AS h
  GROUP BY created_date, h.folded, h.tag
)
GROUP BY created_date, folded;
