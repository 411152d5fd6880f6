from record import called, put, there

from kagurazaka import KagurazakaTask


class Yields(KagurazakaTask):
    def __init__(self, args):
        pass

    def generate_tasks(self):
        self.greeting = "hello"
        for i in range(3000):
            yield {"i": i, "half": i / 2, "text": "é\n\udc80"[: i % 4], "none": None, "yes": True, "nested": {"a": [1, {"b": -0.0}]}}

    def is_executed(self, i, **item):
        return there(f"{i}")

    def process(self, i, **item):
        called()
        if i % 500 == 0:
            put(f"{i}", f"{self.greeting} {item!r}")
