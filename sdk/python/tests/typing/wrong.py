"""Mistakes that a type checker finds. Each line with one has a comment with mypy's code and pyright's rule."""

from kagurazaka import FileTriplet, InputByExts, KagurazakaTask, NoHardShard, OutputByAppendingExt, SoftShard, task
from kagurazaka.testing import run


@task(
    NoHardShard(1, "out"),  # error: arg-type, reportArgumentType
    soft_shard=SoftShard("first", 2),  # error: arg-type, reportArgumentType
    input_mode=OutputByAppendingExt(".o"),  # error: arg-type, reportArgumentType
    output_mode=OutputByAppendingExt(ext=[".o"]),  # error: arg-type, reportArgumentType
)
class Wrong(KagurazakaTask):
    def process(self, input: FileTriplet) -> int:  # error: override, reportIncompatibleMethodOverride
        return len(input.name)  # error: attr-defined, reportAttributeAccessIssue


@task(input_mode=InputByExts([".txt"]))  # error: call-arg, reportCallIssue
class Without(KagurazakaTask):
    pass


Wrong("--title")  # error: arg-type, reportArgumentType
Wrong([]).convert("text")  # error: attr-defined, reportAttributeAccessIssue
run(Wrong, arguments=[])  # error: call-arg, reportCallIssue
run(Wrong)[0].status == "finished"  # error: comparison-overlap, reportUnnecessaryComparison
