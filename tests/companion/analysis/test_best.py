"""Message passing runs on the instances of the descents."""

from companion.analysis.best import message_passing_runs


def test_it_recovers_above_the_jump_and_not_below_weak_recovery():
    """Not every instance: at finite size some run astray."""
    above, below = (
        [row["recovered"] for row in message_passing_runs(alpha, 400, 4, seed=3)]
        for alpha in (2.5, 0.3)
    )
    assert sum(above) >= 3
    assert not any(below)
