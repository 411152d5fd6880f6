import os

from record import OUT, called

from kagurazaka import KagurazakaTask


class InOrder(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(100)]

    def is_executed(self, i):
        return False

    def process(self, i):
        called()
        os.makedirs(OUT, exist_ok=True)
        with open(os.path.join(OUT, "order"), "a") as f:
            f.write(f"{i}\n")
