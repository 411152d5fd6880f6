"""A template task without work: files are listed and checked, nothing is written, so nothing is ever finished."""

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER


@moemoecue_normal(
    hard_shard_mode=NoHardShard(input_path=KAGURAZAKA_MIXIN_PLACEHOLDER, output_path=KAGURAZAKA_MIXIN_PLACEHOLDER),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=OutputByApendingExt(ext=".never"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class ListOnly(KagurazakaTask):
    def __init__(self, args):
        pass

    def process(self, input, output, **kwargs):
        pass
