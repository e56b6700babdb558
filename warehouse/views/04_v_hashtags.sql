-- Hashtags a day, counted by their folded form and shown as people write them most.
-- Reads of each tweet what v_tweets needs, and created_at, hashtags.
-- Bytes: about 95 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_hashtags (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  folded OPTIONS (description = 'What is counted: NFKC and case-folded, without the sign.'),
  hashtag OPTIONS (description = 'The spelling that was used most on that day.'),
  uses OPTIONS (description = 'How often it was written; may be summed.'),
  tweets OPTIONS (description = 'In how many tweets; may be summed over days, not over hashtags.')
)
OPTIONS (description = 'Hashtags a day, folded, with the spelling used most.') AS
SELECT
  created_date,
  folded,
  ARRAY_AGG(tag ORDER BY uses DESC, tag LIMIT 1)[OFFSET(0)] AS hashtag,
  SUM(uses) AS uses,
  SUM(tweets) AS tweets
FROM (
  SELECT created_date, folded, tag, COUNT(*) AS uses, COUNTIF(first) AS tweets
  FROM (
    -- A tweet counts once for a hashtag, however often and in whatever spellings it has it.
    SELECT
      t.created_date,
      h.folded,
      h.tag,
      ROW_NUMBER() OVER (PARTITION BY t.tweet_id, h.folded ORDER BY h.start) = 1 AS first
    FROM tweetlog.v_tweets AS t, UNNEST(t.hashtags) AS h
  )
  GROUP BY created_date, folded, tag
)
GROUP BY created_date, folded;
