"""Device tasks whose classes alone say what may run in processes of its own. The first line of each says what is expected."""

import os
import threading

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import InputByExts, NoHardShard, OutputByApendingExt

LABELS = ["cat", "dog"]
SEEN = {}
LOG = []


def note(path, text):
    with open(path, "a") as file:
        file.write(text)


def write(path, text):
    with open(path, mode="w") as file:
        file.write(text)


def remember(key):
    SEEN[key] = True


class Helper:
    pass


def template(**dataloader):
    return moemoecue_torch_vanilla_v1(
        hard_shard_mode=NoHardShard(input_path="a", output_path="b"),
        input_mode=InputByExts(exts=[".txt"]),
        output_mode=OutputByApendingExt(ext=".out"),
        dataloader={"num_workers": 1, **dataloader},
    )


class Base(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    shift = 1

    def __init__(self, args):
        self.edge, self.ext = 3, ".x"
        self.names = []
        self.phase = None
        self._more()

    def _more(self):
        self.more = 1
        self.lock = threading.Lock()
        self.log = open(os.devnull, "w")

    def load_model(self, device):
        self.model = len
        self.device = device

    def load_data(self, input):
        return {"n": self.edge}

    def inference(self, device, batch_size, n, **rest):
        self.phase = batch_size
        return n

    def postprocess_each(self, batch_idx, batch_size, input, output, result, **rest):
        write(output.path, f"{LABELS[int(result)]}{self.edge}{self.more}{self.shift}{self.helper(result)}{self.ext}")

    def helper(self, value):
        return value

    @property
    def doubled(self):
        return self.edge * 2

    def by_model(self):
        return self.model(())


@template()
class Plain(Base):
    """stages finish"""


@template(num_workers=0)
class Alone(Base):
    """stages finish"""


@template()
class UsesModel(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        write(output.path, self.model(result))


@template()
class UsesModelBehindAMethod(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        write(output.path, self.by_model())


@template()
class ReadsWhatInferenceSets(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        write(output.path, self.phase)


@template()
class Counts(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        self.edge += 1


@template()
class Collects(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        self.names.append(result)


@template()
class CollectsByAnotherName(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        names = self.names
        names.append(result)


@template()
class CollectsInAGlobal(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        LOG.append(result)


@template()
class Globals(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        remember(result)


@template()
class Appends(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        note(output.path, "x")


@template()
class SharesAFile(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        print(result, file=self.log)


@template()
class SharesALock(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        with self.lock:
            write(output.path, result)


@template()
class HandsItselfOn(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        write(output.path, repr(self))


@template()
class OnTheDevice(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        result.cuda()


@template()
class AClassOfTheUsers(Base):
    """stages"""

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        Helper()


@template()
class Harmless(Base):
    """stages finish"""

    def postprocess_each(self, batch_idx, batch_size, input, output, result, **rest):
        import json

        rows = []
        for i, value in enumerate(result):
            rows.append({"i": i, "value": value, "edge": self.doubled})
        try:
            with open(output.path, "w") as file:
                json.dump(rows, file)
        except OSError as error:
            raise RuntimeError(f"{input.path}: {error}") from error


@template()
class CallsAbove(Base):
    """stages finish"""

    def postprocess_each(self, batch_idx, batch_size, **rest):
        super().postprocess_each(batch_idx, batch_size, **rest)


@template()
class HasAWord(Base):
    """stages finish"""

    kagurazaka_postprocess = "apart"

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        note(output.path, "x")


@template()
class HasAnotherWord(Base):
    """stages"""

    kagurazaka_postprocess = "device"


@template()
class WholeBatches(Base):
    """stages"""

    def postprocess(self, batch_size, results, **batch):
        pass


@template()
class LoadsWithTheModel(Base):
    """none"""

    def load_data(self, input):
        return {"n": self.model(input.path)}


@template()
class LoadsAndRemembers(Base):
    """stages finish"""

    def load_data(self, input):
        self.names.append(input)
        return {"n": 1}


@template(num_workers=0)
class LoadsAloneAndRemembers(Base):
    """none"""

    def load_data(self, input):
        self.names.append(input)
        return {"n": 1}


@template(shuffle=True)
class Shuffles(Base):
    """none"""


@template(batch_size=None)
class NoBatches(Base):
    """none"""


@template(sampler=[0])
class Samples(Base):
    """none"""


@template(drop_last=True, pin_memory=True, prefetch_factor=4)
class Options(Base):
    """stages finish"""


@template()
class TakesOver(Base):
    """none"""

    def process(self, device, batch):
        pass


@template()
class ChecksBatches(Base):
    """none"""

    def is_executed(self, batch):
        return False


@template()
class ItsOwnLoader(Base):
    """none"""

    def get_dataloader(self):
        return []


class NoTemplate(Base):
    """none"""

    def get_dataset(self):
        return []
