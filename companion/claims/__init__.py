"""What the book claims, and the numbers that decide whether it holds."""

from companion.claims.claim import Claim, agrees, evidence, falls, rate_agrees, wilson, within

__all__ = ["Claim", "agrees", "evidence", "falls", "rate_agrees", "wilson", "within"]
