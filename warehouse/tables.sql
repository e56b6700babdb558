-- The warehouse's tables, in BigQuery's own SQL. `tweetlog warehouse apply` runs this file,
-- again and again, locally and in the cloud: every statement may be repeated.
-- The dataset is called tweetlog here; apply writes another name in its place.

-- The event store: every message on tweets-raw as Pub/Sub itself wrote it, append-only but for the
-- removal of deleted content. The columns are those of a BigQuery subscription with metadata, and
-- two that it leaves empty.
CREATE TABLE IF NOT EXISTS tweetlog.raw_events (
  subscription_name STRING OPTIONS (description = 'The subscription that wrote the row.'),
  message_id STRING OPTIONS (description = 'The id that Pub/Sub gave; a second publish of one event has another.'),
  publish_time TIMESTAMP OPTIONS (description = 'When Pub/Sub took the message.'),
  data STRING OPTIONS (description = 'The payload exactly as received.'),
  attributes JSON OPTIONS (description = 'The attributes of the message: the CloudEvents envelope as ce-*.'),
  removed_at TIMESTAMP OPTIONS (description = 'When content was removed from it: data is NULL, or lacks what was deleted.'),
  removal STRING OPTIONS (description = 'The batch of deletions that it was removed for.')
)
PARTITION BY TIMESTAMP_TRUNC(publish_time, DAY)
-- A replay reads it slice by slice; without this, each slice would read its whole day.
CLUSTER BY publish_time
OPTIONS (description = 'The raw log: what everything else is derived from.');

-- What could not be processed, with its reason, as Pub/Sub wrote it. See the view v_dead_letters.
CREATE TABLE IF NOT EXISTS tweetlog.dead_letters (
  subscription_name STRING,
  message_id STRING,
  publish_time TIMESTAMP,
  data STRING OPTIONS (description = 'A rejected event, or an event whose deliveries were exhausted.'),
  attributes JSON,
  removed_at TIMESTAMP OPTIONS (description = 'As in raw_events.'),
  removal STRING OPTIONS (description = 'As in raw_events.')
)
PARTITION BY TIMESTAMP_TRUNC(publish_time, DAY)
OPTIONS (description = 'Dead letters: our own and those of Pub/Sub.');

-- One row a tweet. Upserted by change data capture; the sequence number decides, not the order
-- of arrival. Not partitioned by date: streaming refuses dates older than ten years, and tweets
-- are as old as 2006 (docs/decisions/0003-no-date-partition.md).
CREATE TABLE IF NOT EXISTS tweetlog.tweets (
  tweet_id STRING NOT NULL OPTIONS (description = 'The id that X gave; text, since it exceeds 2^53.'),
  created_at TIMESTAMP OPTIONS (description = 'When it was posted, to the millisecond of its id.'),
  text STRING OPTIONS (description = 'The full text: of the original for a retweet, of the note for a long post.'),
  partial BOOL OPTIONS (description = 'The original of a retweet was not in the payload: text may be cut.'),
  author_id STRING,
  author_username STRING,
  conversation_id STRING,
  kind STRING OPTIONS (description = 'original, reply, quote or retweet.'),
  reply_to_id STRING,
  reply_to_user_id STRING,
  quoted_id STRING,
  retweeted_id STRING,
  language STRING OPTIONS (description = 'BCP 47 code; und where there is nothing to tell.'),
  language_confidence FLOAT64 OPTIONS (description = '0 to 1.'),
  language_source STRING OPTIONS (description = 'Who decided: detector, x or rule.'),
  x_lang STRING OPTIONS (description = 'What X itself said.'),
  hashtags ARRAY<STRUCT<tag STRING, folded STRING, start INT64, `end` INT64>>
    OPTIONS (description = 'As written and folded for counting; positions in code points of text.'),
  mentions ARRAY<STRUCT<username STRING, user_id STRING, start INT64, `end` INT64>>,
  cashtags ARRAY<STRUCT<tag STRING, start INT64, `end` INT64>>,
  urls ARRAY<STRUCT<url STRING, expanded STRING, unwound STRING, host STRING, start INT64, `end` INT64>>,
  media ARRAY<STRING> OPTIONS (description = 'The kinds of media: photo, video, animated_gif.'),
  edit_history ARRAY<STRING> OPTIONS (description = 'The ids of the versions of this post, oldest first.'),
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
  client STRING OPTIONS (description = 'The application it was posted from, where X says so.'),
  rules ARRAY<STRUCT<id STRING, tag STRING>> OPTIONS (description = 'The stream rules that brought it.'),
  raw_event_id STRING OPTIONS (description = 'The id of the raw event this row follows from.'),
  event_id STRING OPTIONS (description = 'The id of the enriched event this row was written from.'),
  enricher_version INT64,
  schema_version INT64,
  replay_id STRING OPTIONS (description = 'The replay that wrote this row, if one did.'),
  received_at TIMESTAMP OPTIONS (description = 'When it was observed, where the source says so.'),
  enriched_at TIMESTAMP OPTIONS (description = 'When the enriched event was published.'),
  loaded_at TIMESTAMP OPTIONS (description = 'When the loader wrote this row.'),
  extra JSON OPTIONS (description = 'Fields of the event that have no column yet.'),
  PRIMARY KEY (tweet_id) NOT ENFORCED
)
CLUSTER BY tweet_id
OPTIONS (description = 'One row a tweet.', max_staleness = INTERVAL 15 MINUTE);

-- Holes in a stream: when nobody listened, why, and how it was repaired.
CREATE TABLE IF NOT EXISTS tweetlog.gaps (
  gap_id STRING NOT NULL,
  stream STRING,
  from_time TIMESTAMP,
  to_time TIMESTAMP,
  cause STRING,
  repair STRING OPTIONS (description = 'open, pending, backfill, search, backfill+search or none.'),
  revision INT64 OPTIONS (description = 'Of the statements about this hole, this one.'),
  complete BOOL OPTIONS (description = 'Whether all that it may have hidden was provably read after all.'),
  note STRING OPTIONS (description = 'Why it was not repaired, or what is open.'),
  after_id STRING OPTIONS (description = 'Every tweet that it may have hidden has a larger id.'),
  before_id STRING OPTIONS (description = 'Every tweet that it may have hidden has a smaller id.'),
  found INT64 OPTIONS (description = 'Tweets that the repair saw.'),
  recovered INT64 OPTIONS (description = 'Tweets that only the repair brought.'),
  unseen ARRAY<STRING> OPTIONS (description = 'What the repair cannot see.'),
  rules ARRAY<STRUCT<id STRING, tag STRING, repair STRING, found INT64, recovered INT64, unseen STRING>>
    OPTIONS (description = 'The same, for each rule.'),
  event_id STRING,
  loaded_at TIMESTAMP,
  extra JSON OPTIONS (description = 'Fields of the event that have no column yet.'),
  PRIMARY KEY (gap_id) NOT ENFORCED
)
CLUSTER BY gap_id
OPTIONS (description = 'Holes in a stream.', max_staleness = INTERVAL 15 MINUTE);

-- Tombstones, kept for ever: BigQuery forgets the delete of a row after two days, this does not.
CREATE TABLE IF NOT EXISTS tweetlog.deletions (
  tweet_id STRING NOT NULL,
  verdict STRING,
  deleted_at TIMESTAMP,
  event_id STRING,
  loaded_at TIMESTAMP,
  batch_id STRING OPTIONS (description = 'What asked for it: see docs/deletion.md.'),
  PRIMARY KEY (tweet_id) NOT ENFORCED
)
CLUSTER BY tweet_id
OPTIONS (description = 'Tombstones of deleted tweets.', max_staleness = INTERVAL 15 MINUTE);

-- Verdicts that are no tombstone of one tweet: over all posts of a user up to one of them, and the
-- scrub of a position, which leaves the tweet.
CREATE TABLE IF NOT EXISTS tweetlog.verdicts (
  verdict_id STRING NOT NULL OPTIONS (description = 'scrub-tweet-ID, delete-user-ID or scrub-user-ID.'),
  effect STRING OPTIONS (description = 'delete: the posts are gone; scrub: their position is.'),
  tweet_id STRING,
  user_id STRING,
  up_to_tweet_id INT64 OPTIONS (description = 'Of a user: the largest id of a post that it is about.'),
  verdict STRING,
  decided_at TIMESTAMP,
  event_id STRING,
  loaded_at TIMESTAMP,
  batch_id STRING,
  PRIMARY KEY (verdict_id) NOT ENFORCED
)
CLUSTER BY verdict_id
OPTIONS (description = 'Verdicts over users, and scrubbed positions.', max_staleness = INTERVAL 15 MINUTE);
