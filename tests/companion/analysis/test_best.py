"""Message passing runs on the instances of the descents."""

from companion.analysis.best import message_passing_run


def test_it_recovers_above_the_jump_and_not_below_weak_recovery():
    """Not every instance: at finite size some run astray."""
    above, below = (
        [message_passing_run(alpha, 400, replica, 3)["recovered"] for replica in range(4)]
        for alpha in (2.5, 0.3)
    )
    assert sum(above) >= 3
    assert not any(below)
