-- How a hashtag is written: the spelling that people use most, over all time.
-- Reads of each tweet what v_tweets needs, and hashtags.
-- Bytes: about 85 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_hashtag_spellings (
  folded OPTIONS (description = 'What is counted: NFKC and case-folded, without the sign.'),
  hashtag OPTIONS (description = 'The spelling used most; of equals the first in the order of code points.'),
  spellings OPTIONS (description = 'How many spellings there are.'),
  uses OPTIONS (description = 'How often it was written, in all spellings; may be summed.')
)
OPTIONS (description = 'The spelling of each hashtag that people use most.') AS
SELECT
  folded,
  ARRAY_AGG(tag ORDER BY uses DESC, tag LIMIT 1)[OFFSET(0)] AS hashtag,
  COUNT(*) AS spellings,
  SUM(uses) AS uses
FROM (
  SELECT h.folded, h.tag, COUNT(*) AS uses
  FROM tweetlog.v_tweets, UNNEST(hashtags) AS h
  GROUP BY h.folded, h.tag
)
GROUP BY folded;
