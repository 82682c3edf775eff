"""Alignments of networks are told against chance, and in time."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.trained import excess, kept_share, learned_table, with_chance


def networks():
    rows = [
        {"labels": labels, "t": t, "replica": r, "toward": value, "score": t / 10}
        for labels, level in (("true", 0.4), ("shuffled", 0.1))
        for r in range(3)
        for t, value in ((0.0, level), (10.0, level / 2))
    ]
    return pd.DataFrame(rows).assign(width=4.0)


def test_chance_is_the_share_of_dimensions():
    assert with_chance(networks(), 9)["chance"].iloc[0] == pytest.approx(4 / 40)
    wide = networks().assign(eigenvectors=10.0)
    assert with_chance(wide, 9)["chance"].iloc[0] == pytest.approx(10 / 40)


def test_alignments_are_compared_draw_by_draw():
    true = with_chance(networks(), 9).query("labels == 'true'")
    assert np.allclose(excess(true, "toward", "chance", 0.0), np.log(4))
    assert np.allclose(kept_share(true, "toward", 0.0, 10.0), np.log(0.5))


def test_what_was_learned_is_told_at_the_end():
    shown = learned_table(teacher=networks())
    assert shown.loc["true", "teacher"] == "1.00 ± 0.00"
