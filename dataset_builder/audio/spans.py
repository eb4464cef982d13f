"""Stretches of time in seconds: in order, without overlap."""

Spans = tuple[tuple[float, float], ...]


def overlap(spans: Spans, start: float, end: float) -> float:
    """Seconds of `start .. end` that the spans cover."""
    return sum(max(0.0, min(end, last) - max(start, first)) for first, last in spans)


def union(*groups: Spans) -> Spans:
    """The spans in which any of the groups sounds, merged and in order."""
    merged: list[list[float]] = []
    for first, last in sorted(span for spans in groups for span in spans):
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return tuple((first, last) for first, last in merged)


def shared(spans: Spans, others: Spans) -> float:
    """Seconds that both cover; the spans of each are in order and do not overlap."""
    seconds, first = 0.0, 0
    for start, end in spans:
        while first < len(others) and others[first][1] <= start:
            first += 1
        last = first
        while last < len(others) and others[last][0] < end:
            last += 1
        seconds += overlap(others[first:last], start, end)
    return seconds
