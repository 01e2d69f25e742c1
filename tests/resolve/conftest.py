"""The bench of the tests of belief: names are resolved on the way of a write."""

from tests.belief.conftest import bench

__all__ = ["bench"]
