"""Device tasks with a dataset, a loader or a template of their own, for each way to process: options A, B and C.

0.1.1 makes the loader once, behind load_model, so a dataset may use what load_model left.
"""

import os
import signal
import threading

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import (
    FileTriplet,
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByApendingExt,
    SoftShard,
)
from kagurazaka.utils.collate import batch_by, default_collate_extended


def note(name, text):
    with open(os.path.join("out", name), "a") as file:
        file.write(text + "\n")


class Files(Dataset):
    """One element a file; `offset` is what load_model left."""

    def __init__(self, offset):
        self.names = sorted(name for name in os.listdir("in") if name.endswith(".txt"))
        self.offset = offset

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        name = self.names[i]
        return {"size": os.path.getsize(f"in/{name}") + self.offset, "input": FileTriplet(f"in/{name}", ".", name)}


class Base(KagurazakaVanillaTorchTaskV1):
    def load_model(self, device):
        self.offset = 100
        self.weight = torch.tensor(2, device=device)
        note("calls", "load_model")


class OwnSet(Base):
    def get_dataset(self):
        note("calls", "get_dataset")
        return Files(self.offset)

    def get_dataloader(self):
        return DataLoader(self.get_dataset(), batch_size=4, collate_fn=default_collate_extended)


class OwnLoader(Base):
    def get_dataloader(self):
        note("calls", "get_dataloader")
        return DataLoader(Files(self.offset), batch_size=4, num_workers=2, collate_fn=default_collate_extended)


class Loads(KagurazakaVanillaTorchMixinV1, Base):
    def load_data(self, input):
        return {"size": os.path.getsize(input.path) + 100}


class A:
    def is_each_executed(self, input, **element):
        return os.path.exists(f"out/{input.file_name}")

    def inference(self, device, batch_size, size, **batch):
        assert device == "cpu" and len(size) == batch_size
        return size * self.weight

    def postprocess_each(self, batch_idx, batch_size, input, result, **element):
        note(input.file_name, f"{result}")


class B:
    def is_executed(self, batch):
        return all(os.path.exists(f"out/{one.file_name}") for one in batch["input"])

    def inference(self, device, batch_size, size, **batch):
        return {"double": size * self.weight}

    def postprocess(self, batch_size, results, input, **batch):
        for one, double in zip(input, results["double"]):
            note(one.file_name, f"{double}")


class C:
    def is_executed(self, batch):
        return all(os.path.exists(f"out/{one.file_name}") for one in batch["input"])

    def process(self, device, batch):
        for one, size in zip(batch["input"], batch["size"]):
            note(one.file_name, f"{size * self.weight}")


class SetA(A, OwnSet):
    pass


class SetB(B, OwnSet):
    pass


class SetC(C, OwnSet):
    pass


class LoaderA(A, OwnLoader):
    pass


class LoaderB(B, OwnLoader):
    pass


class LoaderC(C, OwnLoader):
    pass


class Sampled(A, Base):
    """A loader of its own with batches of similar length"""

    def get_dataloader(self):
        files = Files(self.offset)
        note("calls", "get_dataloader")
        lengths = [os.path.getsize(f"in/{name}") for name in files.names]
        return DataLoader(files, batch_sampler=batch_by(lengths, 4), num_workers=2, collate_fn=default_collate_extended)

    def inference(self, device, batch_size, size, **batch):
        note("batches", ",".join(map(str, (size - self.offset).tolist())))
        return super().inference(device, batch_size, size, **batch)


HERE = dict(hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]))
ITEMS = dict(dataloader=dict(batch_size=4, collate_fn=default_collate_extended), **HERE)


@moemoecue_torch_vanilla_v1(**ITEMS)
class TemplateA(A, Loads):
    pass


BY_SIZE = dict(batch_size=4, num_workers=2, collate_fn=default_collate_extended, batch_by="size", batch_window=8)


@moemoecue_torch_vanilla_v1(dataloader=BY_SIZE, **HERE)
class TemplateBySize(A, Loads):
    """The host orders the items, torch's loader makes the batches"""

    def process(self, device, batch):
        note("batches", ",".join(map(str, (batch["size"] - 100).tolist())))
        super().process(device, batch)


@moemoecue_torch_vanilla_v1(hard_shard_mode=NoHardShard("in", "out"), dataloader=dict(batch_size=4, batch_by="size"))
class SetBySize(A, OwnSet):
    """There are no items whose size could be known"""

    get_dataloader = KagurazakaVanillaTorchTaskV1.get_dataloader


@moemoecue_torch_vanilla_v1(**ITEMS)
class TemplateB(B, Loads):
    pass


@moemoecue_torch_vanilla_v1(**ITEMS)
class TemplateC(C, Loads):
    pass


OUTPUTS = dict(output_mode=OutputByApendingExt(ext=".o"), finish_check_mode=FinishCheckByOutputFileExistence())


class Writes(Loads):
    inference = A.inference

    def postprocess_each(self, batch_idx, batch_size, output, result, **element):
        with open(output.path, "w") as file:
            file.write(f"{result}\n")


@moemoecue_torch_vanilla_v1(**ITEMS, **OUTPUTS)
class Outputs(Writes):
    pass


class Simple(Writes):
    """Loading shares something with inference, so it stays in the device's process."""

    def load_data(self, input):
        return {"size": os.path.getsize(input.path) + self.offset}


@moemoecue_torch_vanilla_v1(**ITEMS, **OUTPUTS)
class SimpleOutputs(Simple):
    pass


class Plain(Writes):
    """Nothing is shared, so that loading runs in processes of its own."""

    def load_data(self, input):
        return {"size": os.path.getsize(input.path) + 100}


class OwnInput(InputByExts):
    pass


class OwnOutput(OutputByApendingExt):
    pass


class OwnShard(NoHardShard):
    pass


@moemoecue_torch_vanilla_v1(**{**ITEMS, "input_mode": OwnInput([".txt"])}, **OUTPUTS)
class PlainInput(Plain):
    pass


@moemoecue_torch_vanilla_v1(**ITEMS, **{**OUTPUTS, "output_mode": OwnOutput(".o")})
class PlainOutput(Plain):
    pass


@moemoecue_torch_vanilla_v1(**{**ITEMS, "hard_shard_mode": OwnShard("in", "out")}, **OUTPUTS)
class PlainShard(Plain):
    pass


CHANGED = {**ITEMS, **OUTPUTS, "input_mode": InputByExts([".md"]), "hard_shard_mode": NoHardShard("nowhere", "nowhere")}


@moemoecue_torch_vanilla_v1(**CHANGED)
class PlainChanged(Plain):
    def __init__(self, args):
        CHANGED["input_mode"].exts = [".txt"]
        CHANGED["hard_shard_mode"].input_path = os.path.join("..", "in")
        CHANGED["hard_shard_mode"].output_path = os.path.join("..", "out")
        os.makedirs("elsewhere", exist_ok=True)
        os.chdir("elsewhere")


@moemoecue_torch_vanilla_v1(**ITEMS, **OUTPUTS)
class PlainCheck(Plain):
    def __init__(self, args):
        self.is_each_executed = lambda input, **more: input.file_name != "3.txt"


@moemoecue_torch_vanilla_v1(**HERE, **OUTPUTS)
class TemplateAndLoader(Writes):
    """The template gives inputs and outputs; the loader is the task's own."""

    def get_dataloader(self):
        return DataLoader(self.get_dataset(), batch_size=4, collate_fn=default_collate_extended)


@moemoecue_torch_vanilla_v1(hard_shard_mode=NoHardShard("", "out"), dataloader=ITEMS["dataloader"], **OUTPUTS)
class TemplateAndSet(Writes):
    """The dataset is the task's own; the template gives loader and outputs."""

    def get_dataset(self):
        return Files(self.offset)


@moemoecue_torch_vanilla_v1(soft_shard=SoftShard(0, 2), mixin_mode=False, **ITEMS, **OUTPUTS)
class AtOnce(Writes):
    pass


class Tuples(Base):
    """Batches that are no dicts, for a task that does it all"""

    def get_dataloader(self):
        numbers = torch.arange(10)
        return DataLoader(torch.utils.data.TensorDataset(numbers, numbers * 2), batch_size=4)

    def is_executed(self, batch):
        return False

    def process(self, device, batch):
        for number, double in zip(*batch):
            note(f"{number}", f"{double}")


class Stream(IterableDataset):
    def __init__(self, said, count):
        self.said, self.count = said, count

    def __len__(self):
        return self.said

    def __iter__(self):
        return iter([{"i": i} for i in range(self.count)])


class Streams(Base):
    said, count = 20, 9

    def get_dataloader(self):
        return DataLoader(Stream(self.said, self.count), batch_size=4)

    def inference(self, device, batch_size, i):
        return i

    def postprocess_each(self, batch_idx, batch_size, i, result):
        note(f"{i}", f"{result}")


class FewerThanSaid(Streams):
    pass


class MoreThanSaid(Streams):
    said = 4


class Generated(Streams):
    """No loader of torch's, and no length"""

    def get_dataloader(self):
        for i in range(5):
            yield {"i": torch.tensor([i])}


class Dies(A, OwnSet):
    """The worker is killed at its second batch, once, when the first is postprocessed"""

    def __init__(self, args):
        self.posted = threading.Event()

    def inference(self, device, batch_size, size, input):
        if input[0].file_name == "4.txt" and not os.path.exists("out/died"):
            assert self.posted.wait(60)
            note("died", "")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().inference(device, batch_size, size, input=input)

    def postprocess_each(self, batch_idx, batch_size, **element):
        super().postprocess_each(batch_idx, batch_size, **element)
        if batch_idx == batch_size - 1:
            self.posted.set()


class DiesAtRandom(Dies):
    """The same at its seventh batch, when others were answered, with batches that nobody can tell apart afterwards"""

    count = 0

    def get_dataloader(self):
        return DataLoader(self.get_dataset(), batch_size=1, shuffle=True, collate_fn=default_collate_extended)

    def inference(self, device, batch_size, size, input):
        self.count += 1
        assert self.count == 1 or self.posted.wait(60)
        self.posted.clear()
        if self.count == 7 and not os.path.exists("out/died"):
            note("died", "")
            os.kill(os.getpid(), signal.SIGKILL)
        return A.inference(self, device, batch_size, size, input=input)


class DiesAndShrinks(Dies):
    """The same, with a dataset of what is left"""

    def get_dataset(self):
        files = Files(self.offset)
        files.names = [name for name in files.names if not os.path.exists(f"out/{name}")]
        return files


class FallsBack(A, OwnSet):
    """Runs on the CPU where there is no GPU, and would do so without a word."""

    def load_model(self, device):
        super().load_model(device if torch.cuda.is_available() else "cpu")
