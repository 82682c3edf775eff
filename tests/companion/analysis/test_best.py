"""Message passing runs on the instances of the descents."""

from companion.analysis.best import message_passing_run


def test_it_recovers_above_the_jump_and_not_below_weak_recovery():
    assert all(message_passing_run(1.8, 200, replica, 3)["recovered"] for replica in range(3))
    assert not any(message_passing_run(0.3, 200, replica, 3)["recovered"] for replica in range(3))
