-- Languages: what we detected, and how often X named another.
-- Reads of each tweet what v_tweets needs, and language, language_confidence, x_lang.
-- Bytes: about 50 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_languages (
  language OPTIONS (description = 'As detected, BCP 47; und where there is nothing to tell.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  mean_confidence OPTIONS (description = 'The mean share of such guesses that is right, 0 to 1.'),
  x_differs OPTIONS (description = 'For how many of them X named another language.')
)
OPTIONS (description = 'Languages as detected, and how often X said otherwise.') AS
SELECT
  language,
  COUNT(*) AS tweets,
  AVG(language_confidence) AS mean_confidence,
  COUNTIF(x_language != language) AS x_differs
FROM tweetlog.v_tweets
GROUP BY language;
