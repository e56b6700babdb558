"""Made-up tweets in X's format, the same for the same seed: for trying things out and for tests.

Every text is our own. What the real thing has is in it: languages and scripts, hashtags of
every kind, retweets that are cut, long posts, edits, media, places, polls, the same tweet twice,
and lines that are no tweets at all.
"""

from tweetlog_local.tweets.sequence import Expected, expected, lines, no_tweets

__all__ = ["Expected", "expected", "lines", "no_tweets"]
