from record import called, put


class Neither:
    def __init__(self, args):
        self.args = args

    def generate_tasks(self):
        return ({"i": i} for i in range(4))

    def is_executed(self, i):
        return i == 0

    def __call__(self, i):
        called()
        put(str(i), repr(self.args))
