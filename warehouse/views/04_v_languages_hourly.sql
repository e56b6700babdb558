-- Languages over time: as detected, and whether X agrees. Sum it up to days or weeks.
-- Reads of each tweet what v_tweets needs, and created_at, language, language_confidence,
-- language_source, x_lang.
-- Bytes: about 70 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_languages_hourly (
  hour OPTIONS (description = 'The beginning of the hour, in UTC.'),
  language OPTIONS (description = 'As detected, BCP 47; und where there is nothing to tell.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  mean_confidence OPTIONS (description = 'The mean share of such guesses that is right, 0 to 1.'),
  x_agrees OPTIONS (description = 'For how many of them X named the same language; may be summed.'),
  x_differs OPTIONS (description = 'For how many of them X named another language; may be summed.'),
  x_silent OPTIONS (description = 'For how many of them X named no language; may be summed.'),
  taken_from_x OPTIONS (description = 'How many have the language of X, for want of a better guess.')
)
OPTIONS (description = 'Languages an hour as detected, and whether X agrees.') AS
SELECT
  TIMESTAMP_TRUNC(created_at, HOUR) AS hour,
  language,
  COUNT(*) AS tweets,
  AVG(language_confidence) AS mean_confidence,
  COUNTIF(x_language = language) AS x_agrees,
  COUNTIF(x_language != language) AS x_differs,
  COUNTIF(x_language IS NULL) AS x_silent,
  COUNTIF(language_source = 'x') AS taken_from_x
FROM tweetlog.v_tweets
GROUP BY hour, language;
