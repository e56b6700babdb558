-- What came more than once and changed nothing: messages of the event store against the events in
-- them. An event that comes again on another day counts on each of them. Ask for a window (WHERE
-- day >= ...): the table is partitioned by day.
-- Reads publish_time and attributes of raw_events of the days asked for: about 400 bytes a message.
CREATE OR REPLACE VIEW tweetlog.v_duplicates (
  day OPTIONS (description = 'The day on which Pub/Sub took the message, in UTC.'),
  type OPTIONS (description = 'The type of the event.'),
  messages OPTIONS (description = 'How many messages; may be summed.'),
  events OPTIONS (description = 'How many different events they carry, by source and id.'),
  duplicates OPTIONS (description = 'How many messages brought nothing new; may be summed.')
)
OPTIONS (description = 'Messages a day that brought no new event.') AS
SELECT
  DATE(publish_time) AS day,
  type,
  COUNT(*) AS messages,
  COUNT(DISTINCT IFNULL(CONCAT(source, ' ', event_id), message_id)) AS events,
  COUNT(*) - COUNT(DISTINCT IFNULL(CONCAT(source, ' ', event_id), message_id)) AS duplicates
FROM tweetlog.v_raw_events
GROUP BY day, type;
