"""Device tasks of every kind: who makes batches, who says what is finished, who postprocesses."""

import argparse
import os

import torch
from torch.utils.data import DataLoader, Dataset

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByApendingExt,
    OutputMode,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P
from kagurazaka.utils.collate import default_collate_extended


def note(path, text):
    with open(path, "a") as f:
        f.write(text + "\n")


class Loads(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def load_model(self, device):
        self.weight = torch.tensor(2, device=device)

    def load_data(self, input):
        text = open(input.path).read()
        if text == "broken":
            raise ValueError("cannot be loaded")
        return {"length": len(text), "folder": os.path.dirname(input.path)}

    def inference(self, device, batch_size, length, **batch):
        assert len(length) == batch_size
        note(os.path.join(batch["folder"][0], "..", "calls"), f"{batch_size}")
        return length * self.weight

    def postprocess_each(self, batch_idx, batch_size, input, output, result, **element):
        if result.item() == 26:
            raise RuntimeError("unlucky")
        with open(output.path, "w") as f:
            f.write(f"{input.file_name} {result.item()}")


@moemoecue_torch_vanilla_v1(
    hard_shard_mode=NoHardShard(input_path=P, output_path=P),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=OutputByApendingExt(ext=".len"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
    dataloader=dict(batch_size=4, num_workers=P, collate_fn=default_collate_extended),
)
class Template(Loads):
    """Lengths"""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--edge", type=int, default=224)
        self.a = p.parse_args(args)


class Upper(OutputMode):
    def get_output_params(self, output_path, input, **more):
        from kagurazaka.template.io import FileTriplet

        os.makedirs(output_path, exist_ok=True)
        name = input.file_name.upper()
        return {"output": FileTriplet(os.path.join(output_path, name), ".", name)}


@moemoecue_torch_vanilla_v1(
    hard_shard_mode=NoHardShard(input_path=P, output_path=P),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=Upper(),
    finish_check_mode=FinishCheckByOutputFileExistence(),
    dataloader=dict(batch_size=4, num_workers=0),
)
class Custom(Loads):
    pass


class Numbers(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return {"i": i, "name": f"n{i}"}


class Own(KagurazakaVanillaTorchTaskV1):
    """Options A with its own loader"""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("out")
        self.out = p.parse_args(args).out

    def load_model(self, device):
        self.device = device

    def get_dataset(self):
        return Numbers()

    def get_dataloader(self):
        return DataLoader(self.get_dataset(), batch_size=4)

    def is_each_executed(self, name, **element):
        return os.path.exists(os.path.join(self.out, name))

    def inference(self, device, batch_size, i, **batch):
        assert device == self.device
        return {"square": i * i, "text": [f"s{x}" for x in i.tolist()]}

    def postprocess_each(self, batch_idx, batch_size, i, name, square, text):
        note(os.path.join(self.out, name), f"{i} {square} {text}")


class WholeBatches(Own):
    """Options B: whole batches"""

    is_each_executed = KagurazakaVanillaTorchTaskV1.is_each_executed

    def is_executed(self, batch):
        return os.path.exists(os.path.join(self.out, batch["name"][0]))

    def postprocess(self, batch_size, results, i, name):
        for k in range(batch_size):
            note(os.path.join(self.out, name[k]), f"{results['text'][k]}")


class TakesOver(WholeBatches):
    """Option C"""

    def process(self, device, batch):
        for name in batch["name"]:
            if name == "n9":
                raise ValueError("no nine")
            note(os.path.join(self.out, name), device)


class Endless(Own):
    """A loader without a length"""

    def get_dataloader(self):
        class Stream(torch.utils.data.IterableDataset):
            def __iter__(self):
                return iter([{"i": i, "name": f"n{i}"} for i in range(5)])

        return DataLoader(Stream(), batch_size=2)


@moemoecue_torch_vanilla_v1(
    hard_shard_mode=NoHardShard(input_path=P, output_path=P),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=OutputByApendingExt(ext=".len"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
    dataloader=dict(batch_size=2, num_workers=2),
)
class Overlap(Loads):
    """Postprocessing of a batch meets the next inference, or waits for ever"""

    def __init__(self, args):
        import threading

        self.second = threading.Event()
        self.count = 0

    def inference(self, device, batch_size, length, **batch):
        self.count += 1
        if self.count == 2:
            self.second.set()
        return length

    def postprocess_each(self, batch_idx, batch_size, output, **element):
        assert self.second.wait(20)
        open(output.path, "w").close()
