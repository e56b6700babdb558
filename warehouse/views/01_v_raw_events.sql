-- Every message of the event store with its envelope spread out. One event may stand here more
-- than once: a second publish, or a second delivery to the table.
CREATE OR REPLACE VIEW tweetlog.v_raw_events
OPTIONS (description = 'The event store with its envelope as columns.') AS
SELECT
  JSON_VALUE(attributes, '$."ce-id"') AS event_id,
  JSON_VALUE(attributes, '$."ce-source"') AS source,
  JSON_VALUE(attributes, '$."ce-type"') AS type,
  JSON_VALUE(attributes, '$."ce-subject"') AS subject,
  SAFE_CAST(JSON_VALUE(attributes, '$."ce-time"') AS TIMESTAMP) AS event_time,
  message_id,
  publish_time,
  data
FROM tweetlog.raw_events;
