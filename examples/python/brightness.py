"""A device task (needs torch): the brightness of text files, as a small network on a CPU or GPU sees it.

    kagurazaka examples/python/brightness.py Brightness --device cpu \
        --mixin hard_shard_mode.input_path=texts hard_shard_mode.output_path=brightness

It shows how a device task is divided: load_data runs in the loaders, inference on the device, postprocess_each beside the
next inference. Texts of different lengths become one padded batch with pad_collate; batch_by puts texts of similar length into one
batch, so that little is padded.
"""

import argparse

import torch

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER
from kagurazaka.utils.collate import pad_collate


@moemoecue_torch_vanilla_v1(
    hard_shard_mode=NoHardShard(input_path=KAGURAZAKA_MIXIN_PLACEHOLDER, output_path=KAGURAZAKA_MIXIN_PLACEHOLDER),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=OutputByApendingExt(ext=".brightness"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
    # The keyword arguments of torch's DataLoader, and batch_by, which is the host's.
    dataloader={"batch_size": 16, "num_workers": 2, "collate_fn": pad_collate, "batch_by": "size"},
)
class Brightness(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    """Say how bright texts are"""

    def __init__(self, args):
        parser = argparse.ArgumentParser()
        parser.add_argument("--seed", type=int, default=1, help="seed of the network's weights")
        self.args = parser.parse_args(args)

    def load_model(self, device):
        # Called once, in the process that has the device.
        torch.manual_seed(self.args.seed)
        self.model = torch.nn.Embedding(256, 1).to(device).eval()

    def load_data(self, input):
        # Called for every item; the fields join `input` in the batch.
        with open(input.path, "rb") as file:
            data = file.read(4096)
        return {"data": torch.tensor(list(data), dtype=torch.long), "size": len(data)}

    def inference(self, device, batch_size, data, size, **batch):
        with torch.inference_mode():
            values = self.model(data.to(device)).squeeze(-1)
            there = torch.arange(data.shape[1], device=device) < size.to(device)[:, None]
            means = (values * there).sum(1) / there.sum(1).clamp(min=1)
            return {"mean": means.cpu()}

    def postprocess_each(self, batch_idx, batch_size, input, output, mean, **element):
        # The entries of inference's dict come by their names; of a tensor or list it would be `result`.
        with open(output.path, "w") as file:
            file.write(f"{mean.item():.4f}\n")
