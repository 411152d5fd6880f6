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
