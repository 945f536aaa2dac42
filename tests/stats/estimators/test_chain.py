from __future__ import annotations

import numpy as np
import pytest

from service.stats.estimators.chain import absorb


def test_it_gives_the_textbook_example() -> None:
    """The drunkard's walk between two ends: Grinstead and Snell, examples 11.13 to 11.15."""
    among = np.array([[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]])
    out = np.array([[0.5, 0], [0, 0], [0, 0.5]])
    found = absorb(among, out)
    assert found.visits == pytest.approx(np.array([[1.5, 1, 0.5], [1, 2, 1], [0.5, 1, 1.5]]))
    assert found.steps == pytest.approx([3, 4, 3])
    assert found.ends == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]))


def test_a_state_that_is_never_left_for_good_is_refused() -> None:
    among = np.array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 0]])
    out = np.array([[0.0], [0.0], [1.0]])
    with pytest.raises(ValueError, match="no end"):
        absorb(among, out)


def test_probabilities_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to one"):
        absorb(np.array([[0.2]]), np.array([[0.2]]))
