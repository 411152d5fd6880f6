"""Tasks that call items done without having written what the finish check looks for."""

import os

from kagurazaka import (
    KagurazakaTask,
    KagurazakaVanillaTorchMixinV1,
    KagurazakaVanillaTorchTaskV1,
    moemoecue_normal,
    moemoecue_torch_vanilla_v1,
)
from kagurazaka.template.io import (
    FileTriplet,
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByApendingExt,
    OutputByFilenameSubfoldering,
    OutputMode,
)

HERE = dict(hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]))
CHECKED = dict(output_mode=OutputByApendingExt(".feat"), finish_check_mode=FinishCheckByOutputFileExistence(), **HERE)
FOLDERS = dict(
    output_mode=OutputByFilenameSubfoldering({"a": "a.feat"}), finish_check_mode=FinishCheckByOutputFileExistence("a"), **HERE
)  # fmt: skip


def save(path, text="x"):
    with open(path, "w") as file:
        file.write(text)


@moemoecue_normal(**CHECKED)
class Other(KagurazakaTask):
    """As np.save does: it appends an extension of its own."""

    def process(self, input, output):
        save(output.path + ".npy")


@moemoecue_normal(**CHECKED)
class Nothing(KagurazakaTask):
    def process(self, input, output):
        pass


@moemoecue_normal(**CHECKED)
class Some(KagurazakaTask):
    """Writes nothing for the first hundred, then all of them."""

    def process(self, input, output):
        if int(input.file_name[:3]) >= 100:
            save(output.path)


@moemoecue_normal(**CHECKED)
class Written(KagurazakaTask):
    def process(self, input, output):
        save(output.path)
        save(output.path + ".log")


@moemoecue_normal(**FOLDERS)
class OtherInFolder(KagurazakaTask):
    def process(self, input, output, output_a):
        save(output_a.path + ".npy")


class Beside(OutputMode):
    def get_output_params(self, output_path, input, **item):
        os.makedirs(output_path, exist_ok=True)
        return {"output": FileTriplet(f"{output_path}/{input.file_name}.feat", ".", f"{input.file_name}.feat")}


@moemoecue_normal(output_mode=Beside(), finish_check_mode=FinishCheckByOutputFileExistence(), **HERE)
class OwnMode(KagurazakaTask):
    def process(self, input, output):
        save(output.path + ".npy")


@moemoecue_normal(mixin_mode=False, **CHECKED)
class AtOnce(KagurazakaTask):
    def process(self, input, output):
        save(output.path + ".npy")


class Device(KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1):
    def load_model(self, device):
        pass

    def load_data(self, input):
        return {"size": os.path.getsize(input.path)}

    def inference(self, device, batch_size, size, **batch):
        return [1] * batch_size

    def postprocess_each(self, batch_idx, batch_size, output, **element):
        save(output.path)


def device(cls):
    return moemoecue_torch_vanilla_v1(dataloader=dict(batch_size=4), **CHECKED)(cls)


@device
class DeviceWritten(Device):
    pass


@device
class DeviceOther(Device):
    def postprocess_each(self, batch_idx, batch_size, output, **element):
        save(output.path + ".npy")


@device
class DeviceNothing(Device):
    def postprocess_each(self, batch_idx, batch_size, output, **element):
        pass


@device
class DeviceNone(Device):
    def inference(self, device, batch_size, size, **batch):
        return None


@device
class DeviceInt(Device):
    def inference(self, device, batch_size, size, **batch):
        return 7


class Simple(Device):
    """Loading shares something with the model, so it stays in the device's process: torch's own loader does it."""

    def load_model(self, device):
        self.names = []

    def load_data(self, input):
        self.names.append(input.file_name)
        return {"size": len(self.names)}


@device
class SimpleWritten(Simple):
    pass


@device
class SimpleOther(Simple):
    postprocess_each = DeviceOther.__kagurazaka_template__.cls.postprocess_each


@device
class SimpleNone(Simple):
    def inference(self, device, batch_size, size, **batch):
        return None


@moemoecue_torch_vanilla_v1(**CHECKED)
class LoaderNone(Device):
    """Batches of the task's own: one item each."""

    def get_dataloader(self):
        from torch.utils.data import DataLoader

        from kagurazaka.utils.collate import default_collate_extended

        return DataLoader(self.get_dataset(), batch_size=4, collate_fn=default_collate_extended)

    def inference(self, device, batch_size, size, **batch):
        return None
