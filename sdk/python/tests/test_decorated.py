"""Decorated classes in Python: constructed, subclassed, introspected, pickled."""

import abc
import copy
import inspect
import os
import pickle

import pytest

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka._serve import taskfile
from kagurazaka.template.io import (
    FileTriplet,
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByApendingExt,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P

MODES = dict(input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".up"), finish_check_mode=FinishCheckByOutputFileExistence())


@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"), **MODES)
class Upper(KagurazakaTask):
    """Upper case."""

    NAMES = ("title", "upper")

    def __init__(self, args):
        self.title = "--title" in args

    def convert(self, text):
        return text.title() if self.title else text.upper()

    def process(self, input, output):
        """Convert one file."""
        with open(input.path) as source, open(output.path, "w") as target:
            target.write(self.convert(source.read()))


@moemoecue_normal(hard_shard_mode=NoHardShard(P, P), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(P))
class Open(Upper):
    pass


class Lower(Upper):
    def __init__(self, args):
        super().__init__(args)
        self.called = 0

    def process(self, input, output):
        self.called += 1
        super().process(input=input, output=output)

    def convert(self, text):
        return text.lower()


@moemoecue_normal(hard_shard_mode=NoHardShard("in", "swapped"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".sw"))
class Swap(Lower):
    def convert(self, text):
        return text.swapcase()


class Registry(KagurazakaTask):
    kinds: list = []

    def __init_subclass__(cls, *, kind, **more):
        super().__init_subclass__(**more)
        Registry.kinds.append(kind)


@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"))
class Registered(Registry, kind="one"):
    def generate_tasks(self):
        return [{"i": 1}]

    def process(self, i):
        pass


@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"))
class Abstract(KagurazakaTask, abc.ABC):
    @abc.abstractmethod
    def size(self):
        pass

    def generate_tasks(self):
        return [{"i": i} for i in range(self.size())]


class Concrete(Abstract):
    def size(self):
        return 2


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    for name in "ab":
        with open(f"in/{name}.txt", "w") as file:
            file.write(f"the {name}")


def source(name="a.txt"):
    return FileTriplet(f"in/{name}", ".", name)


def read(path):
    with open(path) as file:
        return file.read()


def test_construct():
    task = Upper(["--title"])
    assert isinstance(task, Upper) and task.title and not Upper(args=[]).title
    assert [item["input"].file_name for item in task.generate_tasks()] == ["a.txt", "b.txt"]
    assert not task.is_executed(input=source())
    task.process(input=source())
    assert task.is_executed(input=source())
    assert read("out/a.txt.up") == "The A"


def test_outputs_may_be_given():
    Upper([]).process(input=source(), output=FileTriplet("b.up", ".", "b.up"))
    assert read("b.up") == "THE A"


def test_introspection():
    assert inspect.isclass(Upper) and Upper.__name__ == "Upper" and Upper.__doc__ == "Upper case."
    assert Upper.NAMES == ("title", "upper")
    assert str(inspect.signature(Upper)) == "(args)"
    assert str(inspect.signature(Upper.process)) == "(self, input, output)"
    task = Upper([])
    assert type(task).__name__ == "Upper" and type(task).__doc__ == "Upper case." and type(task).__module__ == __name__
    assert str(inspect.signature(task.process)) == "(input, output)" and task.process.__doc__ == "Convert one file."
    assert "class Upper(" in inspect.getsource(Upper)


def test_the_class_is_not_patched():
    process = Upper.process
    Upper([]), Upper({"output_mode": {"ext": ".x"}})
    assert Upper.process is process and vars(Upper)["process"] is process


def test_placeholders_are_named():
    left = "hard_shard_mode.input_path, hard_shard_mode.output_path, output_mode.ext"
    with pytest.raises(ValueError) as caught:
        Open([])
    assert str(caught.value).startswith(
        f"Open cannot be constructed: required template values are not set: {left}; "
        'hint: Open({"hard_shard_mode": {"input_path": …}})(args) sets them'
    )
    with pytest.raises(ValueError, match="not set: output_mode.ext;"):
        Open({"hard_shard_mode": {"input_path": "in", "output_path": "out"}})


def test_mixins_do_not_meet():
    first = Open({"hard_shard_mode": {"input_path": "in", "output_path": "first"}, "output_mode": {"ext": ".1"}})
    second = Open(mixin={"hard_shard_mode": {"input_path": "in", "output_path": "second"}, "output_mode": {"ext": ".2"}})
    second([]).process(input=source())
    first([]).process(input=source())
    assert os.listdir("first") == ["a.txt.1"] and os.listdir("second") == ["a.txt.2"]
    with pytest.raises(ValueError, match="output_mode.ext"):
        Open([])


def test_subclass():
    task = Lower([])
    assert isinstance(task, Upper) and issubclass(Lower, Upper)
    task.process(input=source())
    assert task.called == 1 and read("out/a.txt.up") == "the a"
    task = Swap([])
    assert [item["input"].file_name for item in task.generate_tasks()] == ["a.txt", "b.txt"]
    task.process(input=source())
    assert read("swapped/a.txt.sw") == "THE A" and not os.path.exists("out/a.txt.sw")


def test_subclass_of_a_configured_class():
    """As in 0.1.1, it overrides the methods of the template."""

    class Own(Upper({"output_mode": {"ext": ".x"}})):
        def process(self, input):
            super().process(input=input)

    task = Own([])
    task.process(input=source())
    assert read("out/a.txt.x") == "THE A"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    for task in (Upper(["--title"]), Lower([]), Upper({"output_mode": {"ext": ".x"}})(["--title"])):
        again = pickle.loads(pickle.dumps(task, protocol))
        assert vars(again) == vars(task) and isinstance(again, Upper)
        again.process(input=source())
    assert read("out/a.txt.x") == "The A"
    assert pickle.loads(pickle.dumps(Upper, protocol)) is Upper


def test_copy():
    task = Upper(["--title"])
    for again in (copy.copy(task), copy.deepcopy(task)):
        assert type(again) is type(task) and again.title


def test_class_keyword():
    assert Registered([]).generate_tasks() == [{"i": 1}]
    assert Registry.kinds == ["one"]


def test_abstract():
    assert len(Concrete([]).generate_tasks()) == 2
    with pytest.raises(TypeError, match="abstract"):
        Abstract([])


def test_a_class_of_no_base_stays_a_function():
    class Own:
        def __init__(self, args):
            self.args = args

        def generate_tasks(self):
            return [{"i": 1}]

        def process(self, i):
            pass

    decorated = moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"))(Own)
    assert inspect.isfunction(decorated) and decorated({})(["x"]).args == ["x"]


def test_tasks_of_a_file(tmp_path):
    """A subclass of a decorated class is a task with its template."""
    path = tmp_path / "tasks.py"
    path.write_text("from test_decorated import Upper\n\nclass Loud(Upper):\n    def convert(self, text):\n        return text + '!'\n")
    file = taskfile.TaskFile(str(path))
    assert file.names() == ["Loud"]
    cls, template = taskfile.resolve(file.find("Loud"), None)
    assert cls is file.module.Loud and template.output_mode.ext == ".up"


class Bare(KagurazakaTask):
    """Not decorated."""

    made = []

    def __init_subclass__(cls, **kwargs):
        Bare.made.append(cls)

    def __init__(self, args):
        super().__init__(args)
        self.args = args

    def process(self, input, output):
        raise NotImplementedError


def _applied():
    return moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"), **MODES)(Bare)


First, Second = _applied(), _applied()
WITHOUT_NAME = [_applied()]


def test_a_decorator_that_is_called_leaves_the_class_plain():
    assert Bare.made == [] and First is not Second
    assert type(Bare(["a"])) is Bare and Bare(args=["a"]).args == ["a"]
    for cls in (First, Second):
        assert (cls.__name__, cls.__qualname__, cls.__module__, cls.__doc__) == ("Bare", "Bare", __name__, "Not decorated.")
        assert isinstance(cls(["a"]), Bare) and cls(["a"]).args == ["a"]
        for task in (cls(["b"]), cls({"output_mode": {"ext": ".x"}})(["b"])):
            again = pickle.loads(pickle.dumps(task))
            assert again.args == ["b"] and isinstance(again, cls)
    assert copy.copy(WITHOUT_NAME[0](["c"])).args == ["c"]
    with pytest.raises(pickle.PicklingError, match="not the same object"):
        pickle.dumps(WITHOUT_NAME[0]([]))
