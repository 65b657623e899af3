"""Laws are tested in float64, from one seed."""

from tests.norms.conftest import float64 as float64
