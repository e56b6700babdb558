-- How many conversations are how long: whether people talk to each other. A conversation is what
-- we hold of it; none is named.
-- Reads of each tweet what v_tweets needs, and created_at, conversation_id, kind.
-- Bytes: about 75 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_conversations (
  started_date OPTIONS (description = 'The day of the first tweet that we hold of it, in UTC.'),
  tweets_each OPTIONS (description = 'How many tweets each of them has: 1, 2 to 4, 5 to 9, 10 to 49, 50 and more.'),
  conversations OPTIONS (description = 'How many conversations; may be summed.'),
  tweets OPTIONS (description = 'How many tweets they have together; may be summed.'),
  replies OPTIONS (description = 'How many of these are replies; may be summed.'),
  mean_authors OPTIONS (description = 'How many accounts take part in one of them, on average.')
)
OPTIONS (description = 'Conversations by length; none is named.') AS
SELECT
  started_date,
  CASE
    WHEN tweets = 1 THEN '1'
    WHEN tweets < 5 THEN '2 to 4'
    WHEN tweets < 10 THEN '5 to 9'
    WHEN tweets < 50 THEN '10 to 49'
    ELSE '50 and more'
  END AS tweets_each,
  COUNT(*) AS conversations,
  SUM(tweets) AS tweets,
  SUM(replies) AS replies,
  AVG(authors) AS mean_authors
FROM (
  SELECT
    MIN(created_date) AS started_date,
    COUNT(*) AS tweets,
    COUNTIF(kind = 'reply') AS replies,
    COUNT(DISTINCT author_id) AS authors
  FROM tweetlog.v_tweets
  WHERE conversation_id IS NOT NULL
  GROUP BY conversation_id
)
GROUP BY started_date, tweets_each;
