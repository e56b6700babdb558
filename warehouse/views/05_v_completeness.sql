-- How complete a day is: 1 minus the share of it in which nobody listened and which no repair has
-- provably read since. Holes of one stream that overlap count once; a day has 86,400 seconds for each
-- stream with such a hole.
-- Reads of each tweet what v_tweets needs, and created_at. Besides, the table gaps.
-- Bytes: about 45 a tweet.
CREATE OR REPLACE VIEW tweetlog.v_completeness (
  day OPTIONS (description = 'A day with tweets or with a hole, in UTC.'),
  tweets OPTIONS (description = 'How many tweets were posted on it; may be summed.'),
  holes OPTIONS (description = 'How many holes touch it that are not repaired whole; one over midnight counts on both days.'),
  hole_seconds OPTIONS (description = 'How long these holes are on that day; may be summed.'),
  completeness OPTIONS (description = '1 minus the share of these holes, 0 to 1.')
)
OPTIONS (description = 'What share of a day was listened to, or repaired.') AS
WITH apart AS (
  SELECT
    stream,
    -- What an earlier hole of the stream covers already is left out.
    GREATEST(
      from_time,
      IFNULL(
        MAX(to_time) OVER (
          PARTITION BY stream ORDER BY from_time, to_time
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        from_time)) AS from_time,
    to_time,
    DATE(from_time) AS from_date,
    DATE(to_time) AS to_date
  FROM tweetlog.v_gaps
  WHERE NOT complete
), by_day AS (
  SELECT
    day,
    COUNT(*) AS holes,
    COUNT(DISTINCT stream) AS streams,
    SUM(TIMESTAMP_DIFF(
      LEAST(to_time, TIMESTAMP(DATE_ADD(day, INTERVAL 1 DAY))),
      GREATEST(from_time, TIMESTAMP(day)),
      MILLISECOND)) / 1000 AS hole_seconds
  FROM apart, UNNEST(GENERATE_DATE_ARRAY(from_date, to_date)) AS day
  WHERE from_time < to_time
    AND to_time > TIMESTAMP(day)
    AND from_time < TIMESTAMP(DATE_ADD(day, INTERVAL 1 DAY))
  GROUP BY day
), posted AS (
  SELECT created_date AS day, COUNT(*) AS tweets FROM tweetlog.v_tweets GROUP BY day
)
SELECT
  COALESCE(posted.day, by_day.day) AS day,
  IFNULL(posted.tweets, 0) AS tweets,
  IFNULL(by_day.holes, 0) AS holes,
  IFNULL(by_day.hole_seconds, 0) AS hole_seconds,
  1 - IFNULL(by_day.hole_seconds / (86400 * by_day.streams), 0) AS completeness
FROM posted
FULL JOIN by_day ON by_day.day = posted.day;
