-- What reading X cost, day by day. Counted are the tweets that a stream rule brought, at X's price of
-- 0.005 USD a Post read. It is a lower bound: what was deleted since was paid for too and is
-- not counted, and so are Posts read again on another day.
-- Reads of each tweet what v_tweets needs, and created_at, rules.
-- Bytes: about 70 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_spend (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  posts OPTIONS (description = 'How many Posts a rule brought; may be summed.'),
  cost_usd OPTIONS (description = 'What they cost; may be summed.'),
  month_to_date_usd OPTIONS (description = 'What the days of the month up to this one cost.')
)
OPTIONS (description = 'What reading X cost, a day.') AS
SELECT
  created_date,
  posts,
  posts * 0.005 AS cost_usd,
  SUM(posts) OVER (
    PARTITION BY DATE_TRUNC(created_date, MONTH) ORDER BY created_date) * 0.005
    AS month_to_date_usd
FROM (
  SELECT created_date, COUNTIF(ARRAY_LENGTH(rules) > 0) AS posts
  FROM tweetlog.v_tweets
  GROUP BY created_date
);
