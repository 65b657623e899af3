"""What training refuses."""


class PlanError(ValueError):
    """A plan that cannot be carried out; the message says what to change."""
