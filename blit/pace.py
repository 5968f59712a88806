"""What a file and a byte cost in this run, from its batches: the weights of progress and ETA; pure.

Weighted least squares over `seconds = per_file * files + per_byte * bytes`, each batch relative to
what it would usually take. Two pseudo-batches hold the usual proportion while the batches are too
few, or too much alike, to tell the two apart (ridge regression, Hoerl and Kennard 1970). Otherwise
one large file among ten thousand small ones looks like an hour of work to who counts files, and
like none to who counts bytes.
"""

from __future__ import annotations

from typing import NamedTuple

# usual costs on a local filesystem, measured 2026-11-22; only their proportion matters
_PER_FILE, _PER_BYTE = 40e-6, 1 / 1.5e9
_SHORTEST = 1e-6  # seconds: no clock means less than that


class Pace(NamedTuple):
    """Sums over the batches so far; f, b and t are files, bytes and seconds over usual seconds."""

    batches: int = 0
    ff: float = 0.0
    fb: float = 0.0
    bb: float = 0.0
    ft: float = 0.0
    bt: float = 0.0
    usual: float = 0.0  # seconds that all of them would take at the usual costs
    seconds: float = 0.0

    def after(self, files: int, size: int, seconds: float) -> Pace:
        usual = files * _PER_FILE + size * _PER_BYTE
        if seconds < _SHORTEST or usual <= 0:
            return self
        f, b, t = files / usual, size / usual, seconds / usual
        return Pace(
            self.batches + 1, self.ff + f * f, self.fb + f * b, self.bb + b * b, self.ft + f * t,
            self.bt + b * t, self.usual + usual, self.seconds + seconds,
        )  # fmt: skip

    @property
    def costs(self) -> tuple[float, float]:
        """Seconds a file and a byte; neither is negative, and not both are 0."""
        if not self.batches:
            return _PER_FILE, _PER_BYTE
        scale, weight = self.seconds / self.usual, 1 / (1 + self.batches)
        f, b = 1 / _PER_FILE, 1 / _PER_BYTE
        ff, bb, fb = self.ff + weight * f * f, self.bb + weight * b * b, self.fb
        ft, bt = self.ft + weight * f * scale, self.bt + weight * b * scale
        whole = ff * bb - fb * fb  # positive: Cauchy and Schwarz, and the pseudo-batches
        per_file, per_byte = (ft * bb - bt * fb) / whole, (bt * ff - ft * fb) / whole
        if per_file <= 0:
            return 0.0, bt / bb
        if per_byte <= 0:
            return ft / ff, 0.0
        return per_file, per_byte

    def work(self, files: float, size: float) -> float:
        """Seconds of one worker."""
        per_file, per_byte = self.costs
        return per_file * max(0.0, files) + per_byte * max(0.0, size)
