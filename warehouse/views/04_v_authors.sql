-- How many accounts post how much: whether a topic has many voices or few loud ones. No account is
-- named.
-- Reads of each tweet what v_tweets needs, and created_at.
-- Bytes: about 45 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_authors (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  tweets_each OPTIONS (description = 'How many tweets each of these accounts posted on that day: 1, 2 to 4, 5 to 9, 10 to 49, 50 and more.'),
  authors OPTIONS (description = 'How many accounts; may be summed over tweets_each.'),
  tweets OPTIONS (description = 'How many tweets they posted together; may be summed.')
)
OPTIONS (description = 'Accounts a day by how much they posted; none is named.') AS
SELECT
  created_date,
  CASE
    WHEN tweets = 1 THEN '1'
    WHEN tweets < 5 THEN '2 to 4'
    WHEN tweets < 10 THEN '5 to 9'
    WHEN tweets < 50 THEN '10 to 49'
    ELSE '50 and more'
  END AS tweets_each,
  COUNT(*) AS authors,
  SUM(tweets) AS tweets
FROM (
  SELECT created_date, author_id, COUNT(*) AS tweets
  FROM tweetlog.v_tweets
  WHERE author_id IS NOT NULL
  GROUP BY created_date, author_id
)
GROUP BY created_date, tweets_each;
