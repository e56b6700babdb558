-- Hashtags that are more frequent in an hour than they usually are: WHERE hour = ... ORDER BY rise
-- DESC. `rise` compares with the 24 hours before, in standard deviations of a count that varies by
-- chance (Poisson's, with one added so that a hashtag's first tweet is no sensation).
-- Reads of each tweet what v_tweets needs, and created_at, hashtags.
-- Bytes: about 95 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_hashtags_rising (
  hour OPTIONS (description = 'The beginning of the hour, in UTC.'),
  folded OPTIONS (description = 'What is counted: NFKC and case-folded, without the sign.'),
  hashtag OPTIONS (description = 'The spelling that was used most in the hour.'),
  tweets OPTIONS (description = 'In how many tweets of the hour; may be summed over hours.'),
  usual OPTIONS (description = 'In how many tweets an hour, over the 24 hours before.'),
  rise OPTIONS (description = '(tweets - usual) / sqrt(usual + 1): 3 and more is no chance.')
)
OPTIONS (description = 'Hashtags an hour against the 24 hours before.') AS
WITH hourly AS (
  SELECT
    hour,
    folded,
    ARRAY_AGG(tag ORDER BY uses DESC, tag LIMIT 1)[OFFSET(0)] AS hashtag,
    SUM(tweets) AS tweets
  FROM (
    SELECT hour, folded, tag, COUNT(*) AS uses, COUNTIF(first) AS tweets
    FROM (
      SELECT
        TIMESTAMP_TRUNC(t.created_at, HOUR) AS hour,
        h.folded,
        h.tag,
        ROW_NUMBER() OVER (PARTITION BY t.tweet_id, h.folded ORDER BY h.start) = 1 AS first
      FROM tweetlog.v_tweets AS t, UNNEST(t.hashtags) AS h
    )
    GROUP BY hour, folded, tag
  )
  GROUP BY hour, folded
), compared AS (
  SELECT
    hour,
    folded,
    hashtag,
    tweets,
    IFNULL(
      SUM(tweets) OVER (
        PARTITION BY folded
        ORDER BY UNIX_SECONDS(hour)
        RANGE BETWEEN 86400 PRECEDING AND 1 PRECEDING),
      0) / 24 AS usual
  FROM hourly
)
SELECT
  hour,
  folded,
  hashtag,
  tweets,
  usual,
  (tweets - usual) / SQRT(usual + 1) AS rise
FROM compared;
