"""How far a long piece of work is: what the work says, and nobody to listen by default."""


class Silent:
    """Progress for nobody."""

    def step(self, name: str) -> None:
        """A step has begun."""

    def total(self, count: int) -> None:
        """So many inputs will be written."""

    def written(self, count: int) -> None:
        """So many more have been written."""
