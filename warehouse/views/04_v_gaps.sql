-- Holes in a stream, one by one: when nobody listened, why, and what was done about it.
-- Reads the table gaps alone: about 200 bytes a hole.
CREATE OR REPLACE VIEW tweetlog.v_gaps (
  gap_id OPTIONS (description = 'The id of the hole: its stream and its start.'),
  stream OPTIONS (description = 'The stream that was not listened to.'),
  from_time OPTIONS (description = 'The last moment up to which everything that came is kept.'),
  to_time OPTIONS (description = 'The first moment with proof that we listened again.'),
  seconds OPTIONS (description = 'How long it is; may be summed.'),
  cause OPTIONS (description = 'Why nobody listened.'),
  repair OPTIONS (description = 'open, pending, backfill, search, backfill+search or none.'),
  complete OPTIONS (description = 'Whether all that it may have hidden was read after all.'),
  recovered OPTIONS (description = 'How many tweets only the repair brought; may be summed.'),
  note OPTIONS (description = 'Why it was not repaired, or what is open.')
)
OPTIONS (description = 'Holes in a stream, one by one.') AS
SELECT
  gap_id,
  stream,
  from_time,
  to_time,
  TIMESTAMP_DIFF(to_time, from_time, MILLISECOND) / 1000 AS seconds,
  cause,
  repair,
  IFNULL(complete, FALSE) AS complete,
  IFNULL(recovered, 0) AS recovered,
  note
FROM tweetlog.gaps;
