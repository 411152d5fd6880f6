"""A device task that creates a file once it has its first result. Run as a program, it does the same without a host."""

import os
import sys
from pathlib import Path

import slow_model
import torch

from kagurazaka import moemoecue_torch_vanilla_v1


class Timed(slow_model.Base):
    def load_model(self, device):
        super().load_model(device)
        self.inference(device, 1, torch.zeros((1, 224, 224, 3), dtype=torch.uint8))
        Path(os.environ["FIRST_RESULT"]).touch()


@moemoecue_torch_vanilla_v1(**slow_model.template(2))
class Start(Timed):
    pass


if __name__ == "__main__":
    Timed([]).load_model(sys.argv[1])
