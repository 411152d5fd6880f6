"""A user's task file, as a type checker reads it: no error is expected."""

import argparse
import pathlib
from typing import Any, Iterable

from typing_extensions import assert_type

from kagurazaka import (
    PLACEHOLDER,
    FileTriplet,
    FinishCheckByOutputFileExistence,
    HardShardModeV1,
    InputByExts,
    InputByGroup,
    InputBySubDirectory,
    KagurazakaTask,
    KagurazakaVanillaTorchMixinV1,
    KagurazakaVanillaTorchTaskV1,
    NoHardShard,
    OutputByAppendingExt,
    OutputMode,
    SoftShard,
    moemoecue_normal,
    task,
    torch_task,
)
from kagurazaka.template.io import OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER
from kagurazaka.testing import Outcome, run


@task(
    hard_shard_mode=NoHardShard(PLACEHOLDER, PLACEHOLDER),
    # Placeholders in fields for numbers and lists, and in place of a mode.
    soft_shard=SoftShard(PLACEHOLDER, PLACEHOLDER),
    input_mode=InputByExts(PLACEHOLDER, recursive=PLACEHOLDER, ignore=[PLACEHOLDER]),
    output_mode=OutputByAppendingExt(PLACEHOLDER),
    finish_check_mode=PLACEHOLDER,
)
class Upper(KagurazakaTask):
    """Converts texts."""

    def __init__(self, args: list[str]) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--title", action="store_true")
        self.title: bool = parser.parse_args(args).title

    def process(self, input: FileTriplet, output: FileTriplet) -> None:
        text = pathlib.Path(input.path).read_text()
        pathlib.Path(output.path).write_text(self.convert(text))

    def convert(self, text: str) -> str:
        return text.title() if self.title else text.upper()


assert_type(Upper, type[Upper])
assert_type(Upper(["--title"]), Upper)
assert_type(Upper(args=[]).convert("text"), str)


class Lower(Upper):
    def convert(self, text: str) -> str:
        return super().convert(text).lower()


@moemoecue_normal(
    HardShardModeV1(PLACEHOLDER, PLACEHOLDER, "in", "out", KAGURAZAKA_MIXIN_PLACEHOLDER), output_mode=OutputByApendingExt(".o")
)
class Numbers(KagurazakaTask):
    def generate_tasks(self) -> Iterable[dict[str, Any]]:
        return [{"i": i} for i in range(3)]

    def is_executed(self, i: int, **outputs: FileTriplet) -> bool:
        return i == 1

    def process(self, i: int, output: FileTriplet, **rest: Any) -> None:
        pathlib.Path(output.path).touch()


class OwnOutput(OutputMode):
    def get_output_params(self, output_path: str, input: FileTriplet, **item: Any) -> dict[str, FileTriplet]:
        return {"output": FileTriplet(f"{output_path}/{input.file_name}", ".", input.file_name)}


@torch_task(
    NoHardShard(input_path=["a", "b*"], output_path="out"),
    input_mode=InputByGroup({"image": [".jpg", ".png"], "caption": ".txt"}, required=["image"]),
    output_mode=OwnOutput(),
    finish_check_mode=FinishCheckByOutputFileExistence(redo="newer"),
    dataloader={"batch_size": 8},
)
class Model(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def load_model(self, device: str) -> None:
        self.device = device

    def load_data(self, input: FileTriplet, **item: FileTriplet | None) -> dict[str, Any]:
        return {"size": pathlib.Path(input.path).stat().st_size}

    def inference(self, device: str, batch_size: int, size: list[int], **batch: Any) -> list[int]:
        return [2 * one for one in size]

    def postprocess_each(self, batch_idx: int, batch_size: int, result: int, output: FileTriplet, **rest: Any) -> None:
        pathlib.Path(output.path).write_text(str(result))


assert_type(Model([]), Model)


@task(NoHardShard("in", "out"), input_mode=InputBySubDirectory(PLACEHOLDER))
class Folders(KagurazakaTask):
    def process(self, input: FileTriplet) -> None:
        assert_type(input.file_name, str)


def test_upper(tmp_path: pathlib.Path) -> None:
    outcomes = run(Upper, args=["--title"], input="texts", output=tmp_path, mixin={"output_mode.ext": ".up"})
    assert_type(outcomes, list[Outcome])
    assert outcomes[0].status == "done" and outcomes[0].exception is None
    assert_type(outcomes[0].output, pathlib.Path)
