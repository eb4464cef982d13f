"""What is taken for a recording: numbers beyond these are mistakes or traps, and memory would be taken by them."""

LEAST_RATE, MOST_RATE = 1_000, 1_000_000  # Hz; the lowest rate that anybody stores music at is 4 kHz, the highest 768
MOST_SECONDS = 24 * 60 * 60.0
