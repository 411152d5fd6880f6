from record import called, put

from kagurazaka import KagurazakaTask


class Shared(KagurazakaTask):
    def generate_tasks(self):
        both = [1, 2]
        return [{"i": i, "a": both, "b": both} for i in range(3)]

    def is_executed(self, **item):
        return False

    def process(self, i, a, b):
        called()
        put(str(i), repr(a is b))


class Changed(KagurazakaTask):
    """Changes what its items share: a worker of 0.1.1 gets each item as a copy."""

    def __init__(self, args):
        self.stream = args == ["stream"]

    def generate_tasks(self):
        options = {"format": "png", "seen": []}
        items = [{"i": i, "options": options} for i in range(20)]
        return iter(items) if self.stream else items

    def is_executed(self, i, options):
        return "x" in options["seen"]

    def process(self, i, options):
        called()
        options["seen"].append("x")
        put(str(i), options.pop("format") + repr(options))


class Lambdas(KagurazakaTask):
    def __init__(self, args):
        self.stream = args == ["stream"]

    def generate_tasks(self):
        items = [{"i": i, "f": lambda i=i: i * 10} for i in range(3)]
        return iter(items) if self.stream else items

    def is_executed(self, **item):
        return False

    def process(self, i, f):
        called()
        put(str(i), str(f()))


class Nothing(KagurazakaTask):
    def generate_tasks(self):
        return []

    def is_executed(self):
        return False
