"""Functions of the mixin that wrap a decorated class with functools."""

import functools

from applied_base import note, template

from kagurazaka import KagurazakaTask


class Base(KagurazakaTask):
    def process(self, input, output):
        note(input.path)
        with open(output.path, "w") as file:
            file.write(output.file_name)


def with_ext(decorated):
    @functools.wraps(decorated)
    def wrapper(mixin):
        return decorated({"output_mode": {"ext": ".w"}, **mixin})

    return wrapper


@with_ext
@template(".o")
class Wrapped(Base):
    pass


def _updated(mixin):
    return Plain({"output_mode": {"ext": ".u"}, **mixin})


@template(".o")
class Plain(Base):
    pass


Updated = functools.update_wrapper(_updated, Plain)
