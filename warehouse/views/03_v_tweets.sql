-- The tweets that may be shown: one row each, without what was deleted: a tweet itself, the original
-- of a retweet, or all posts of their author up to one of them. A position that was scrubbed is not
-- shown. Every other view over tweets reads this one.
-- Reads the columns that a query names, of every tweet, and tweet_id, author_id and retweeted_id (50
-- bytes) to leave out what was deleted. created_at skips nothing, since the table is not partitioned
-- by date (docs/decisions/0003-no-date-partition.md). A range of tweet_id does where tweets are kept
-- a row a tweet: the table is clustered by it, and ids rise with time; 19 digits since May 2018.
CREATE OR REPLACE VIEW tweetlog.v_tweets
OPTIONS (description = 'The tweets that may be shown: one row each, nothing deleted.') AS
SELECT
  shown.* EXCEPT (scrubbed) REPLACE (
    IF(shown.scrubbed, NULL, shown.geo_latitude) AS geo_latitude,
    IF(shown.scrubbed, NULL, shown.geo_longitude) AS geo_longitude,
    IF(shown.scrubbed, NULL, shown.place_id) AS place_id,
    IF(shown.scrubbed, NULL, shown.country) AS country
  ),
  DATE(shown.created_at) AS created_date,
  -- X's code in BCP 47, as `language` is; NULL where it names no language.
  CASE
    WHEN shown.x_lang IN ('und', 'zxx', 'art', 'qam', 'qct', 'qht', 'qme', 'qst', '') THEN NULL
    WHEN shown.x_lang = 'in' THEN 'id'
    WHEN shown.x_lang = 'iw' THEN 'he'
    WHEN shown.x_lang = 'fil' THEN 'tl'
    WHEN shown.x_lang IN ('nb', 'nn') THEN 'no'
    WHEN shown.x_lang IN ('wuu', 'yue', 'zh-CN', 'zh-TW', 'zh-Hant') THEN 'zh'
    ELSE shown.x_lang
  END AS x_language
FROM (
  SELECT
    t.*,
    EXISTS (
      SELECT 1 FROM tweetlog.verdicts AS v
      WHERE v.verdict_id = CONCAT('scrub-tweet-', t.tweet_id)
    ) OR EXISTS (
      SELECT 1 FROM tweetlog.verdicts AS v
      WHERE v.verdict_id = CONCAT('scrub-user-', t.author_id)
        AND SAFE_CAST(t.tweet_id AS INT64) <= v.up_to_tweet_id
    ) AS scrubbed
  FROM tweetlog.tweets_current AS t
) AS shown
WHERE NOT EXISTS (SELECT 1 FROM tweetlog.deletions AS d WHERE d.tweet_id = shown.tweet_id)
  AND NOT EXISTS (SELECT 1 FROM tweetlog.deletions AS d WHERE d.tweet_id = shown.retweeted_id)
  AND NOT EXISTS (
    SELECT 1 FROM tweetlog.verdicts AS v
    WHERE v.verdict_id = CONCAT('delete-user-', shown.author_id)
      AND SAFE_CAST(shown.tweet_id AS INT64) <= v.up_to_tweet_id
  );
