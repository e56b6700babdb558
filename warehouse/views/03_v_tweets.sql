-- The tweets that may be shown: one row each, without what was deleted: a tweet itself, the original
-- of a retweet, or all posts of their author up to one of them. A position that was scrubbed is not
-- shown. Every other view over tweets reads this one.
-- Reads the columns that a query names, of every tweet, and tweet_id, author_id and retweeted_id (50
-- bytes) to leave out what was deleted. created_at skips nothing, since the table is not partitioned
-- by date (docs/decisions/0003-no-date-partition.md). A range of tweet_id does where tweets are kept
-- a row a tweet: the table is clustered by it, and ids rise with time; 19 digits since May 2018.
-- Tombstones and verdicts are joined, being few: a correlated EXISTS makes DuckDB group all tweets
-- first, and an id is read as a number only where its author has a verdict.
CREATE OR REPLACE VIEW tweetlog.v_tweets
OPTIONS (description = 'The tweets that may be shown: one row each, nothing deleted.') AS
WITH users AS (
  SELECT
    user_id,
    MAX(IF(effect = 'delete', up_to_tweet_id, NULL)) AS deleted_up_to,
    MAX(IF(effect = 'scrub', up_to_tweet_id, NULL)) AS scrubbed_up_to
  FROM tweetlog.verdicts
  WHERE user_id IS NOT NULL
  GROUP BY user_id
), positions AS (
  SELECT DISTINCT tweet_id FROM tweetlog.verdicts WHERE effect = 'scrub' AND user_id IS NULL
)
SELECT
  shown.* EXCEPT (scrubbed) REPLACE (
    IF(shown.scrubbed, NULL, shown.geo_latitude) AS geo_latitude,
    IF(shown.scrubbed, NULL, shown.geo_longitude) AS geo_longitude,
    IF(shown.scrubbed, NULL, shown.place_id) AS place_id,
    IF(shown.scrubbed, NULL, shown.country) AS country
  ),
  DATE(shown.created_at) AS created_date,
  -- X's code in BCP 47, as `language` is; NULL where it names no language.
  CASE shown.x_lang
    WHEN '' THEN NULL
    WHEN 'und' THEN NULL
    WHEN 'zxx' THEN NULL
    WHEN 'art' THEN NULL
    WHEN 'qam' THEN NULL
    WHEN 'qct' THEN NULL
    WHEN 'qht' THEN NULL
    WHEN 'qme' THEN NULL
    WHEN 'qst' THEN NULL
    WHEN 'in' THEN 'id'
    WHEN 'iw' THEN 'he'
    WHEN 'fil' THEN 'tl'
    WHEN 'nb' THEN 'no'
    WHEN 'nn' THEN 'no'
    WHEN 'wuu' THEN 'zh'
    WHEN 'yue' THEN 'zh'
    WHEN 'zh-CN' THEN 'zh'
    WHEN 'zh-TW' THEN 'zh'
    WHEN 'zh-Hant' THEN 'zh'
    ELSE shown.x_lang
  END AS x_language
FROM (
  SELECT
    t.*,
    positions.tweet_id IS NOT NULL OR (
      users.scrubbed_up_to IS NOT NULL
      AND SAFE_CAST(t.tweet_id AS INT64) <= users.scrubbed_up_to
    ) AS scrubbed
  FROM tweetlog.tweets_current AS t
  LEFT JOIN positions ON positions.tweet_id = t.tweet_id
  LEFT JOIN users ON users.user_id = t.author_id
  LEFT JOIN tweetlog.deletions AS gone ON gone.tweet_id = t.tweet_id
  LEFT JOIN tweetlog.deletions AS original_gone ON original_gone.tweet_id = t.retweeted_id
  WHERE gone.tweet_id IS NULL
    AND original_gone.tweet_id IS NULL
    AND (
      users.deleted_up_to IS NULL
      OR IFNULL(SAFE_CAST(t.tweet_id AS INT64) > users.deleted_up_to, TRUE)
    )
) AS shown;
