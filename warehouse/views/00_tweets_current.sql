-- The table of tweets that every other view reads. `tweetlog promote` puts another table in its
-- place, by this one statement, and `tweetlog rollback` the one before it; the labels say which,
-- and since when. `apply` leaves that choice as it is.
CREATE OR REPLACE VIEW tweetlog.tweets_current
OPTIONS (
  description = 'The table of tweets that is shown.',
  labels = [('serves', 'tweets'), ('before', ''), ('since', ''), ('rollback', 'no')]
) AS
SELECT * FROM tweetlog.tweets;
