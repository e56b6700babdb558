-- Where reach comes from: what people write themselves, pass on, quote and answer.
-- Reads of each tweet what v_tweets needs, and created_at, kind, quoted_id, reply_to_id,
-- like_count, retweet_count, reply_count, quote_count, impression_count.
-- Bytes: about 100 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_reach (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  kind OPTIONS (description = 'original, reply, quote or retweet.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  authors OPTIONS (description = 'How many accounts posted them; may not be summed over rows.'),
  posts_referred_to OPTIONS (description = 'How many different posts they retweet, quote or answer; may not be summed over rows.'),
  likes OPTIONS (description = 'Counts of X as they stood when each was received; may be summed. Those of a retweet are of the retweet.'),
  retweets OPTIONS (description = 'As likes.'),
  replies OPTIONS (description = 'As likes.'),
  quotes OPTIONS (description = 'As likes.'),
  impressions OPTIONS (description = 'As likes.')
)
OPTIONS (description = 'Originals, replies, quotes and retweets a day, and what came of them.') AS
SELECT
  created_date,
  kind,
  COUNT(*) AS tweets,
  COUNT(DISTINCT author_id) AS authors,
  COUNT(DISTINCT CASE kind
    WHEN 'retweet' THEN retweeted_id
    WHEN 'quote' THEN quoted_id
    WHEN 'reply' THEN reply_to_id
  END) AS posts_referred_to,
  SUM(IFNULL(like_count, 0)) AS likes,
  SUM(IFNULL(retweet_count, 0)) AS retweets,
  SUM(IFNULL(reply_count, 0)) AS replies,
  SUM(IFNULL(quote_count, 0)) AS quotes,
  SUM(IFNULL(impression_count, 0)) AS impressions
FROM tweetlog.v_tweets
GROUP BY created_date, kind;
