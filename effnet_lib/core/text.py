"""Words for numbers."""


def time_words(seconds: float) -> str:
    """Return a duration in seconds as people say it: s, min or h.

    >>> time_words(75), time_words(600), time_words(9000)
    ('75 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
