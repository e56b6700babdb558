-- Hashtags that stand in the same tweet: what a topic is mentioned with. Each pair once a day,
-- the smaller folded form first.
-- Reads of each tweet what v_tweets needs, and created_at, hashtags.
-- Bytes: about 95 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_hashtag_pairs (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  first_folded OPTIONS (description = 'One hashtag, NFKC and case-folded.'),
  second_folded OPTIONS (description = 'The other one; greater in the order of code points.'),
  first_hashtag OPTIONS (description = 'The one, in the spellings that the two have together most.'),
  second_hashtag OPTIONS (description = 'The other, likewise.'),
  tweets OPTIONS (description = 'How many tweets have both; may be summed over days.')
)
OPTIONS (description = 'Pairs of hashtags in one tweet, a day.') AS
SELECT
  created_date,
  first_folded,
  second_folded,
  written.first_tag AS first_hashtag,
  written.second_tag AS second_hashtag,
  tweets
FROM (
  SELECT
    created_date,
    first_folded,
    second_folded,
    ARRAY_AGG(
      STRUCT(first_tag, second_tag) ORDER BY uses DESC, first_tag, second_tag LIMIT 1)[OFFSET(0)]
      AS written,
    SUM(tweets) AS tweets
  FROM (
    SELECT
      created_date,
      first_folded,
      second_folded,
      first_tag,
      second_tag,
      COUNT(*) AS uses,
      COUNTIF(first) AS tweets
    FROM (
      SELECT
        t.created_date,
        one.folded AS first_folded,
        other.folded AS second_folded,
        one.tag AS first_tag,
        other.tag AS second_tag,
        ROW_NUMBER() OVER (
          PARTITION BY t.tweet_id, one.folded, other.folded
          ORDER BY one.start, other.start) = 1 AS first
      FROM tweetlog.v_tweets AS t, UNNEST(t.hashtags) AS one, UNNEST(t.hashtags) AS other
      WHERE one.folded < other.folded
    )
    GROUP BY created_date, first_folded, second_folded, first_tag, second_tag
  )
  GROUP BY created_date, first_folded, second_folded
);
