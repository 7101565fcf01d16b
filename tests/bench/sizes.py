"""How large a benchmark is made: as large as its goal says, or smaller and then not judged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """The size asked for. `samples` limits how many latencies are taken."""

    quick: bool = False
    samples: int | None = None

    def of(self, full: int, *, quick: int) -> int:
        return quick if self.quick else full

    def smaller(self, now: int, full: int, of_what: str) -> str | None:
        """Why a result is not judged, if it is not."""
        return None if now >= full else f"measured with {now:,} {of_what} instead of {full:,}"
