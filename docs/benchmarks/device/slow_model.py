"""A device task whose model is the limit. Run with a batch size it measures the GPU alone, copies included."""

import sys
import time

import numpy as np
import torch
from PIL import Image

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt, SoftShard
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Model:
    """Large convolutions: some thirty kernels a batch, each of them long, so that launching them costs next to nothing."""

    def load_model(self, device):
        torch.manual_seed(0)
        layers = [torch.nn.Conv2d(3, 256, 3, stride=2, padding=1), torch.nn.ReLU()]
        for _ in range(16):
            layers += [torch.nn.Conv2d(256, 256, 3, padding=1), torch.nn.ReLU()]
        layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
        self.m = torch.nn.Sequential(*layers).to(device).eval().to(memory_format=torch.channels_last).bfloat16()

    def inference(self, device, batch_size, image, **kw):
        with torch.inference_mode():
            x = image.to(device, non_blocking=True).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).bfloat16() / 255
            return self.m(x).float().cpu()


class Base(Model, KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def __init__(self, args):
        pass

    def load_data(self, input, **kw):
        image = Image.open(input.path)
        image.draft("RGB", (224, 224))
        image = image.convert("RGB").resize((224, 224), Image.BILINEAR)
        return {"image": torch.from_numpy(np.asarray(image).copy())}

    def postprocess_each(self, batch_idx, batch_size, input, output, result, **kw):
        np.save(output.path, result.numpy())


def template(num_workers):
    return dict(
        hard_shard_mode=NoHardShard(input_path=P, output_path=P),
        soft_shard=SoftShard(0, 1),
        input_mode=InputByExts(exts=[".jpg"]),
        output_mode=OutputByApendingExt(ext=".npy"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
        dataloader=dict(batch_size=64, num_workers=num_workers, pin_memory=True),
    )


@moemoecue_torch_vanilla_v1(**template(14))
class Slow(Base):
    pass


def main(size):
    model = Model()
    model.load_model("cuda")
    # Random pixels: zeros take less power, and a GPU that is cooler is faster.
    batch = torch.randint(0, 256, (size, 224, 224, 3), dtype=torch.uint8).pin_memory()
    for _ in range(5):
        model.inference("cuda", size, batch)
    began, count = time.monotonic(), 100
    for _ in range(count):
        model.inference("cuda", size, batch)
    print("images/s", count * size / (time.monotonic() - began))


if __name__ == "__main__":
    main(int(sys.argv[1]))
