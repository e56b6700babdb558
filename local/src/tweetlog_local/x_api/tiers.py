"""What an account may do, by its tier (X docs: rate limits, filtered stream, pricing; 2026-08)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """The limits of one tier.

    Attributes:
        connections: streams at once.
        rules: on the filtered stream.
        rule_length: characters a rule.
        query_length: characters a search query.
        enterprise: backfill, recovery, sample and compliance streams.
    """

    name: str
    connections: int
    rules: int
    rule_length: int
    query_length: int
    enterprise: bool


PAY_PER_USE = Tier("ppu", 1, 1_000, 1_024, 512, enterprise=False)
ENTERPRISE = Tier("enterprise", 2, 25_000, 2_048, 4_096, enterprise=True)
TIERS = {tier.name: tier for tier in (PAY_PER_USE, ENTERPRISE)}
