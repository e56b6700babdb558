-- The tweets that may be shown: one row each, without what was deleted.
CREATE OR REPLACE VIEW tweetlog.v_tweets
OPTIONS (description = 'The tweets that may be shown: one row each, nothing deleted.') AS
SELECT t.*, DATE(t.created_at) AS created_date
FROM tweetlog.tweets AS t
WHERE NOT EXISTS (SELECT 1 FROM tweetlog.deletions AS d WHERE d.tweet_id = t.tweet_id);
