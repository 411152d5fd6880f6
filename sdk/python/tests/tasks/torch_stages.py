"""A device task with tensors of many kinds, and results of many kinds."""

import numpy as np
import torch

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P
from kagurazaka.utils.collate import default_collate_extended, dict_collate, nested_collate, pad_collate


def common(**dataloader):
    return dict(
        hard_shard_mode=NoHardShard(input_path=P, output_path=P),
        input_mode=InputByExts(exts=[".txt"]),
        output_mode=OutputByApendingExt(ext=".out"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
        dataloader=dict(batch_size=4, num_workers=2, **dataloader),
    )


def say(value):
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)} {value.tolist()}"
    return f"{type(value).__name__} {value!r}"


class Base(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def load_model(self, device):
        self.weight = torch.tensor(3, device=device)

    def load_data(self, input):
        n = int(input.file_name.split(".")[0])
        image = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4) + n
        return {
            "image": image,
            "turned": image.permute(2, 0, 1),
            "half": image.to(torch.bfloat16) / 3,
            "flags": image > 12,
            "scalar": torch.tensor(n),
            "array": np.arange(n, n + 3, dtype=np.float32),
            "number": n,
            "real": n / 4,
            "empty": torch.empty(0, 3),
            "text": "t" * n,
        }

    def inference(self, device, batch_size, image, scalar, half, **batch):
        self.inferred = batch_size
        return {"r_sum": image.sum(dim=(1, 2, 3)) * self.weight, "r_half": half.sum(dim=(1, 2)), "r_list": [half[i][0] for i in range(batch_size)],
                "r_views": image.permute(0, 3, 1, 2)[:, ::2], "r_text": [str(x) for x in scalar.tolist()]}  # fmt: skip

    def postprocess_each(self, batch_idx, batch_size, input, output, **element):
        with open(output.path, "w") as file:
            for name in sorted(element):
                file.write(f"{name} {say(element[name])}\n")


@moemoecue_torch_vanilla_v1(**common(collate_fn=default_collate_extended))
class Extended(Base):
    pass


@moemoecue_torch_vanilla_v1(**common())
class Default(Base):
    def inference(self, device, batch_size, image, **batch):
        return image.float().mean(dim=(1, 2, 3)).requires_grad_()


@moemoecue_torch_vanilla_v1(**common(collate_fn=pad_collate))
class Padded(Base):
    def load_data(self, input):
        n = int(input.file_name.split(".")[0])
        return {"data": torch.ones(n % 3 + 1)}

    def inference(self, device, batch_size, data, data_lengths, input):
        return [data[i, : data_lengths[i]] for i in range(batch_size)]


@moemoecue_torch_vanilla_v1(**common(collate_fn=dict_collate({"data": pad_collate})))
class Fields(Base):
    def load_data(self, input):
        n = int(input.file_name.split(".")[0])
        return {"data": torch.ones(n // 4 + 1, 2), "number": n}

    def inference(self, device, batch_size, data, data_lengths, number, input):
        return [data[i, : data_lengths[i]] * number[i] for i in range(batch_size)]


@moemoecue_torch_vanilla_v1(**common(collate_fn=nested_collate))
class Trees(Base):
    def load_data(self, input):
        n = int(input.file_name.split(".")[0])
        return {"tree": {"boxes": torch.ones(n % 3, 4), "pair": (n, [torch.full((2,), n), "text"])}}

    def inference(self, device, batch_size, tree, input):
        return {"r_tree": {"sum": tree["pair"][1][0].sum(dim=1)}}


@moemoecue_torch_vanilla_v1(**common())
class Ragged(Base):
    def load_data(self, input):
        return {"data": torch.ones(int(input.file_name.split(".")[0]) % 2 + 1)}


@moemoecue_torch_vanilla_v1(**common())
class Nothing(Base):
    """Results that are taken apart by nobody"""

    def inference(self, device, batch_size, **batch):
        return (1, 2)


@moemoecue_torch_vanilla_v1(**common())
class Scalar(Base):
    def inference(self, device, batch_size, image, **batch):
        return image.float().sum()
