"""Tasks that set `process` on themselves."""

import functools
import types

from applied_base import note, template

from kagurazaka import KagurazakaTask


class _Base(KagurazakaTask):
    def process(self, input, output, extra=0):
        note(input.path)
        with open(output.path, "w") as file:
            file.write(f"{output.file_name} {extra}")


def retry(function):
    def run(**item):
        note("retry")
        return function(**item)

    return run


@template(".o")
class Wraps(_Base):
    def __init__(self, args):
        self.process = retry(self.process)


@template(".o")
class Instead(_Base):
    def __init__(self, args):
        self.process = self.other

    def other(self, input):
        note("other")


@template(".o")
class BySetattr(_Base):
    def __init__(self, args):
        setattr(self, "process", types.MethodType(type(self).other, self))

    def other(self, input):
        note("other")


@template(".o")
class Partial(_Base):
    def __init__(self, args):
        self.process = functools.partial(self.process, extra=5)
