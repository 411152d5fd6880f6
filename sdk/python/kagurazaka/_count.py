"""Numbers of things in messages: 1 item, 2 items."""


def count_of(n: int, one: str, many: str = "") -> str:
    """Return the number with a noun: `one` if n is 1, else `many`, or `one` with an s."""
    return f"{n} {one if n == 1 else many or one + 's'}"
