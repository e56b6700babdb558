-- Dead letters, each once, with stage and reason. Two kinds: rejected by one of our services
-- (the reason is ours), and exhausted (Pub/Sub gave up after the deliveries its subscription allows).
CREATE OR REPLACE VIEW tweetlog.v_dead_letters
OPTIONS (description = 'Dead letters, each once, with stage and reason.') AS
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
  data
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
    publish_time,
    message_id,
    data
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
    publish_time,
    message_id,
    data
  FROM tweetlog.dead_letters
  WHERE JSON_VALUE(attributes, '$.CloudPubSubDeadLetterSourceSubscription') IS NOT NULL
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id) = 1;
