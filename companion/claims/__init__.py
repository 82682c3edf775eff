"""What the book claims, and the numbers that decide whether it holds."""

from companion.claims.claim import Claim, agrees, evidence, rate_agrees, rises, wilson, within

__all__ = ["Claim", "agrees", "evidence", "rate_agrees", "rises", "wilson", "within"]
