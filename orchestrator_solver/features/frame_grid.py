"""The times at which a frame of the codec and one of the reference's chroma begin together."""

import math
from fractions import Fraction


def seconds_between_common_frames(*frame_rates: float) -> float:
    """Seconds from one time at which frames of all these rates (Hz) begin to the next; the first is 0."""
    lengths = [1 / Fraction(rate).limit_denominator(1_000_000) for rate in frame_rates]
    return math.lcm(*(one.numerator for one in lengths)) / math.gcd(*(one.denominator for one in lengths))
