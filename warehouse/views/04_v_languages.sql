-- Languages: what we detected, what X said, and how often the two differ.
CREATE OR REPLACE VIEW tweetlog.v_languages
OPTIONS (description = 'Languages as detected, and how often X said otherwise.') AS
SELECT
  language,
  COUNT(*) AS tweets,
  AVG(language_confidence) AS mean_confidence,
  COUNTIF(x_lang IS NOT NULL AND x_lang != language) AS x_differs
FROM tweetlog.v_tweets
GROUP BY language;
