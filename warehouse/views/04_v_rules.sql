-- Which rule brings what, at what cost. A Post is paid for once however many rules match it, so its
-- price (0.005 USD, X's price of a Post read) is shared between its rules: the costs of all rules add
-- up to what was spent. What a rule's removal would save is only_this_rule times the price.
-- Tweets without a rule came from files and cost nothing.
-- Reads of each tweet what v_tweets needs, and created_at, rules, kind, language.
-- Bytes: about 85 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_rules (
  created_date OPTIONS (description = 'The day it was posted, in UTC.'),
  rule_id OPTIONS (description = 'The id that X gave the rule; NULL for tweets without one.'),
  rule OPTIONS (description = 'The tag of the rule, else its id; (none) for tweets without one.'),
  tweets OPTIONS (description = 'How many tweets; may be summed over days, not over rules.'),
  only_this_rule OPTIONS (description = 'How many of them no other rule matched; may be summed.'),
  cost_usd OPTIONS (description = 'The share of this rule in what the tweets cost; may be summed.'),
  authors OPTIONS (description = 'How many accounts posted them; may not be summed over rows.'),
  languages OPTIONS (description = 'How many languages they are in; may not be summed over rows.'),
  retweets OPTIONS (description = 'How many of them are retweets; may be summed over days.')
)
OPTIONS (description = 'Tweets and cost a day and stream rule.') AS
SELECT
  t.created_date,
  r.id AS rule_id,
  COALESCE(r.tag, r.id, '(none)') AS rule,
  COUNT(*) AS tweets,
  COUNTIF(ARRAY_LENGTH(t.rules) = 1) AS only_this_rule,
  SUM(IF(r.id IS NULL, 0, 0.005 / ARRAY_LENGTH(t.rules))) AS cost_usd,
  COUNT(DISTINCT t.author_id) AS authors,
  COUNT(DISTINCT t.language) AS languages,
  COUNTIF(t.kind = 'retweet') AS retweets
FROM tweetlog.v_tweets AS t
LEFT JOIN UNNEST(t.rules) AS r
GROUP BY t.created_date, rule_id, rule;
