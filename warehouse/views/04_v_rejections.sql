-- Dead letters by reason, day by day: what could not be processed, where and why. A letter that came
-- again counts on the day on which it came first, so that every one is read whatever days are asked.
-- Reads all columns of dead_letters: about 3,000 bytes a dead letter.
CREATE OR REPLACE VIEW tweetlog.v_rejections (
  day OPTIONS (description = 'The day on which it was set aside, in UTC.'),
  kind OPTIONS (description = 'rejected by a service of ours, or exhausted: Pub/Sub gave up.'),
  stage OPTIONS (description = 'ingest, enrich or load; for exhausted ones the subscription.'),
  reason_class OPTIONS (description = 'The reason in one stable word.'),
  events OPTIONS (description = 'How many different events; may be summed.'),
  example OPTIONS (description = 'The reason of one of them in full.'),
  first_at OPTIONS (description = 'When the first of them was set aside.'),
  last_at OPTIONS (description = 'When the last of them was set aside.')
)
OPTIONS (description = 'Dead letters a day, by stage and reason.') AS
SELECT
  DATE(publish_time) AS day,
  kind,
  stage,
  reason_class,
  COUNT(*) AS events,
  MIN(reason) AS example,
  MIN(publish_time) AS first_at,
  MAX(publish_time) AS last_at
FROM tweetlog.v_dead_letters
GROUP BY day, kind, stage, reason_class;
