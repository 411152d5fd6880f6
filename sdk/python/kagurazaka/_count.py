"""Numbers of things in messages: 1 item, 2 items."""


def count_of(n: int, one: str, many: str = "") -> str:
    """The number and the words behind it: one where n is 1, otherwise many, or one with an s."""
    return f"{n} {one if n == 1 else many or one + 's'}"
