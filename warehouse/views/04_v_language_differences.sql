-- Where we and X name different languages, pair by pair: what to look at when a language's
-- figures surprise.
-- Reads of each tweet what v_tweets needs, and created_at, language, language_confidence, x_lang.
-- Bytes: about 60 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_language_differences (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  language OPTIONS (description = 'As detected, BCP 47; und where there is nothing to tell.'),
  x_language OPTIONS (description = 'What X named, as BCP 47; never the same.'),
  tweets OPTIONS (description = 'How many tweets; may be summed.'),
  mean_confidence OPTIONS (description = 'How sure the detector was, 0 to 1.')
)
OPTIONS (description = 'Pairs of languages where we and X differ, a day.') AS
SELECT
  created_date,
  language,
  x_language,
  COUNT(*) AS tweets,
  AVG(language_confidence) AS mean_confidence
FROM tweetlog.v_tweets
WHERE x_language != language
GROUP BY created_date, language, x_language;
