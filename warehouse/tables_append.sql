-- The second layout of tweets, for tables too large for change data capture (docs/loading.md):
-- every version of every tweet is a row, and a view picks the one that counts. The loader writes
-- here with TWEETLOG_LAYOUT=append and TWEETLOG_TWEETS_TABLE=tweets_versions; reports read
-- tweets_latest in place of tweets. The columns are those of tweets, without its key.

CREATE TABLE IF NOT EXISTS tweetlog.tweets_versions (
  tweet_id STRING NOT NULL,
  created_at TIMESTAMP,
  text STRING,
  partial BOOL,
  author_id STRING,
  author_username STRING,
  conversation_id STRING,
  kind STRING,
  reply_to_id STRING,
  reply_to_user_id STRING,
  quoted_id STRING,
  retweeted_id STRING,
  language STRING,
  language_confidence FLOAT64,
  language_source STRING,
  x_lang STRING,
  hashtags ARRAY<STRUCT<tag STRING, folded STRING, start INT64, `end` INT64>>,
  mentions ARRAY<STRUCT<username STRING, user_id STRING, start INT64, `end` INT64>>,
  cashtags ARRAY<STRUCT<tag STRING, start INT64, `end` INT64>>,
  urls ARRAY<STRUCT<url STRING, expanded STRING, unwound STRING, host STRING, start INT64, `end` INT64>>,
  media ARRAY<STRING>,
  edit_history ARRAY<STRING>,
  geo_latitude FLOAT64,
  geo_longitude FLOAT64,
  place_id STRING,
  country STRING,
  like_count INT64,
  retweet_count INT64,
  reply_count INT64,
  quote_count INT64,
  impression_count INT64,
  possibly_sensitive BOOL,
  client STRING,
  rules ARRAY<STRUCT<id STRING, tag STRING>>,
  raw_event_id STRING,
  event_id STRING,
  enricher_version INT64,
  schema_version INT64,
  replay_id STRING,
  received_at TIMESTAMP,
  enriched_at TIMESTAMP,
  loaded_at TIMESTAMP,
  extra JSON
)
-- By the moment of loading, which is always now: streaming refuses dates older than ten years, and
-- tweets are as old as 2006. Clustered for reports by time and for the choice of a version.
PARTITION BY TIMESTAMP_TRUNC(loaded_at, DAY)
CLUSTER BY created_at, tweet_id
OPTIONS (description = 'Every version of every tweet, as it was loaded.');

-- One row a tweet: the newest enricher version, of these the latest observation, of these the
-- first load. The same rule as the sequence number of the other layout.
CREATE OR REPLACE VIEW tweetlog.tweets_latest
OPTIONS (description = 'One row a tweet, out of all its versions.') AS
SELECT *
FROM tweetlog.tweets_versions
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY tweet_id
  ORDER BY
    enricher_version DESC,
    TIMESTAMP_TRUNC(COALESCE(received_at, created_at), MILLISECOND) DESC,
    loaded_at
) = 1;
