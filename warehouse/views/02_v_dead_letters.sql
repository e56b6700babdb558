-- Dead letters, each once, with stage, reason and what became of it. Two kinds: rejected by one of
-- our services (the reason is ours), and exhausted (Pub/Sub gave up after the deliveries its
-- subscription allows). A letter is open until it is redriven or discarded, and again when what was
-- redriven is rejected for the same reason.
CREATE OR REPLACE VIEW tweetlog.v_dead_letters
OPTIONS (description = 'Dead letters, each once, with stage, reason and what became of it.') AS
SELECT
  event_id,
  kind,
  stage,
  reason_class,
  reason,
  rejected_id,
  raw_event_id,
  rejected_type,
  origin,
  publish_time,
  message_id,
  data,
  subject,
  trace,
  last_seen,
  times,
  CASE
    WHEN discarded_at IS NOT NULL THEN 'discarded'
    WHEN redriven_at IS NOT NULL AND again = 0 THEN 'redriven'
    ELSE 'open'
  END AS status,
  redrives,
  redriven_at,
  discarded_at,
  why,
  attributes,
  removed_at
FROM (
  SELECT
    letters.*,
    MAX(publish_time) OVER (PARTITION BY event_id) AS last_seen,
    COUNT(*) OVER (PARTITION BY event_id) AS times,
    COUNTIF(replay_id = latest_redrive) OVER (PARTITION BY event_id) AS again,
    IFNULL(redrives, 0) AS redrives,
    redriven_at,
    discarded_at,
    why,
    ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id) AS nth
  FROM (
    SELECT
      JSON_VALUE(attributes, '$."ce-id"') AS event_id,
      'rejected' AS kind,
      JSON_VALUE(data, '$.stage') AS stage,
      JSON_VALUE(data, '$.reason_class') AS reason_class,
      JSON_VALUE(data, '$.reason') AS reason,
      JSON_VALUE(data, '$.rejected_id') AS rejected_id,
      -- An enriched event names the raw event that it follows from.
      IFNULL(
        JSON_VALUE(data, '$.attributes."ce-causationid"'),
        JSON_VALUE(data, '$.rejected_id')) AS raw_event_id,
      JSON_VALUE(data, '$.rejected_type') AS rejected_type,
      JSON_QUERY(data, '$.origin') AS origin,
      JSON_VALUE(attributes, '$."ce-subject"') AS subject,
      JSON_VALUE(data, '$.attributes."ce-traceparent"') AS trace,
      JSON_VALUE(data, '$.attributes."ce-replayid"') AS replay_id,
      publish_time,
      message_id,
      data,
      attributes,
      removed_at
    FROM tweetlog.dead_letters
    WHERE JSON_VALUE(attributes, '$."ce-type"') = 'tweetlog.event.rejected.v1'
    UNION ALL
    SELECT
      CONCAT(
        IFNULL(JSON_VALUE(attributes, '$."ce-id"'), message_id), '-',
        JSON_VALUE(attributes, '$.CloudPubSubDeadLetterSourceSubscription')) AS event_id,
      'exhausted' AS kind,
      JSON_VALUE(attributes, '$.CloudPubSubDeadLetterSourceSubscription') AS stage,
      'deliveries_exhausted' AS reason_class,
      CONCAT(
        JSON_VALUE(attributes, '$.CloudPubSubDeadLetterSourceDeliveryCount'),
        ' deliveries failed') AS reason,
      JSON_VALUE(attributes, '$."ce-id"') AS rejected_id,
      IFNULL(
        JSON_VALUE(attributes, '$."ce-causationid"'),
        JSON_VALUE(attributes, '$."ce-id"')) AS raw_event_id,
      JSON_VALUE(attributes, '$."ce-type"') AS rejected_type,
      CAST(NULL AS STRING) AS origin,
      JSON_VALUE(attributes, '$."ce-subject"') AS subject,
      JSON_VALUE(attributes, '$."ce-traceparent"') AS trace,
      JSON_VALUE(attributes, '$."ce-replayid"') AS replay_id,
      publish_time,
      message_id,
      data,
      attributes,
      removed_at
    FROM tweetlog.dead_letters
    WHERE JSON_VALUE(attributes, '$.CloudPubSubDeadLetterSourceSubscription') IS NOT NULL
  ) AS letters
  LEFT JOIN (
    -- What was decided about a letter is an event as well, on the same topic.
    SELECT
      JSON_VALUE(data, '$.letter_id') AS letter_id,
      COUNT(DISTINCT JSON_VALUE(data, '$.redrive_id')) AS redrives,
      MAX(IF(JSON_VALUE(data, '$.redrive_id') IS NULL, NULL, publish_time)) AS redriven_at,
      ARRAY_AGG(JSON_VALUE(data, '$.redrive_id') IGNORE NULLS ORDER BY publish_time DESC LIMIT 1)
        [SAFE_OFFSET(0)] AS latest_redrive,
      MIN(IF(JSON_VALUE(data, '$.why') IS NULL, NULL, publish_time)) AS discarded_at,
      ARRAY_AGG(JSON_VALUE(data, '$.why') IGNORE NULLS ORDER BY publish_time LIMIT 1)
        [SAFE_OFFSET(0)] AS why
    FROM tweetlog.dead_letters
    WHERE JSON_VALUE(attributes, '$."ce-type"') IN (
      'tweetlog.deadletter.redriven.v1', 'tweetlog.deadletter.discarded.v1')
    GROUP BY letter_id
  ) AS decided ON decided.letter_id = letters.event_id
)
WHERE nth = 1;
