"""A device task that says when its first result is there, by a file; as a program of its own it does that without a host."""

import os
import sys
from pathlib import Path

import slow_model
import torch

from kagurazaka import moemoecue_torch_vanilla_v1
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt, SoftShard
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Timed(slow_model.Base):
    def load_model(self, device):
        super().load_model(device)
        self.inference(device, 1, torch.zeros((1, 224, 224, 3), dtype=torch.uint8))
        Path(os.environ["FIRST_RESULT"]).touch()


@moemoecue_torch_vanilla_v1(
    hard_shard_mode=NoHardShard(input_path=P, output_path=P),
    soft_shard=SoftShard(0, 1),
    input_mode=InputByExts(exts=[".jpg"]),
    output_mode=OutputByApendingExt(ext=".npy"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
    dataloader=dict(batch_size=64, num_workers=2, pin_memory=True),
)
class Start(Timed):
    pass


if __name__ == "__main__":
    Timed([]).load_model(sys.argv[1])
