"""Device tasks that need no torch: what load_data gives are numpy arrays, numbers, text and structures of those."""

import dataclasses
import os

import numpy as np

from kagurazaka import KagurazakaVanillaTorchMixinV1, KagurazakaVanillaTorchTaskV1, moemoecue_torch_vanilla_v1
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P
from kagurazaka.utils.collate import default_collate_extended, dict_collate, list_collate, nested_collate, pad_collate


@dataclasses.dataclass
class Place:
    x: int
    rest: list


def common(**dataloader):
    return dict(
        hard_shard_mode=NoHardShard(input_path=P, output_path=P),
        input_mode=InputByExts(exts=[".txt"]),
        output_mode=OutputByApendingExt(ext=".out"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
        dataloader=dict(batch_size=4, num_workers=2, **dataloader),
    )


class Base(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def load_model(self, device):
        self.device = device
        self.weight = 3

    def load_data(self, input):
        text = open(input.path).read()
        if "no-load" in text:
            raise ValueError("cannot be loaded")
        return {"data": np.frombuffer(text[:8].encode(), dtype=np.uint8), "text": text, "length": len(text)}

    def inference(self, device, batch_size, data, text, length, input):
        assert device == self.device == "cpu" and data.shape == (batch_size, 8) and len(input) == batch_size
        if any("no-infer" in t for t in text):
            raise RuntimeError("cannot be inferred")
        return data.astype(np.int64).sum(axis=1) * self.weight

    def postprocess_each(self, batch_idx, batch_size, input, output, data, text, length, result):
        if "no-post" in text:
            raise KeyError("cannot be postprocessed")
        with open(output.path, "w") as file:
            file.write(f"{input.file_name} {data.tolist()} {text} {int(length)} {int(result)}")


@moemoecue_torch_vanilla_v1(**common())
class Plain(Base):
    pass


SEEN = []


@moemoecue_torch_vanilla_v1(**common(worker_init_fn=lambda index: SEEN.append(index)))
class Pid(Base):
    """Says which processes did the work"""

    def load_data(self, input):
        return {"loaded": f"{os.getpid()}-{SEEN}".replace(" ", "")}

    def inference(self, device, batch_size, loaded, **rest):
        return [os.getpid()] * batch_size

    def postprocess_each(self, batch_idx, batch_size, output, loaded, result, **rest):
        with open(output.path, "w") as file:
            file.write(f"{loaded} {result} {os.getpid()} {SEEN} {output.path}")


@moemoecue_torch_vanilla_v1(**common())
class Structures(Base):
    """Nested fields, and a dict of results"""

    def load_data(self, input):
        n = int(os.path.basename(input.path).split(".")[0])
        return {"number": n, "real": n / 2, "empty": np.zeros((0, 2), np.float32), "name": input.file_name,
                "blob": bytes([n]) * 40000}  # fmt: skip

    def inference(self, device, batch_size, number, real, empty, name, blob, input):
        assert empty.shape == (batch_size, 0, 2) and real.dtype == np.float64
        return {
            "square": number * number,
            "upper": [t.upper() for t in name],
            "scalar": [np.float32(r) for r in real],
            "big": np.arange(batch_size * 6, dtype=">i4").reshape(batch_size, 6)[:, ::2],
        }

    def postprocess_each(self, batch_idx, batch_size, output, number, real, name, blob, square, upper, scalar, big, **rest):
        with open(output.path, "w") as file:
            file.write(f"{number} {real} {name} {len(blob)} {square} {upper} {scalar:.2f} {big.tolist()}")


class Sizes(Base):
    def load_data(self, input):
        n = int(os.path.basename(input.path).split(".")[0])
        return {"data": np.zeros((2, 3 if n % 2 else 4))}

    def inference(self, device, batch_size, data, input):
        return [d.size for d in data]

    def postprocess_each(self, batch_idx, batch_size, output, result, **rest):
        with open(output.path, "w") as file:
            file.write(str(result))


@moemoecue_torch_vanilla_v1(**common())
class Ragged(Sizes):
    """Shapes that differ"""


@moemoecue_torch_vanilla_v1(**common(collate_fn=default_collate_extended))
class Extended(Base):
    """The default by its name"""


@moemoecue_torch_vanilla_v1(**common(collate_fn=dict_collate({"data": pad_collate(value=-1, dims=1), "name": list_collate})))
class Fields(Base):
    """A collate for each field; lengths are there in batches of one item, too"""

    def load_data(self, input):
        n = int(os.path.basename(input.path).split(".")[0])
        return {"data": np.full((n + 1, 2), n), "name": (input.file_name,), "number": n}

    def inference(self, device, batch_size, data, data_lengths, name, number, input):
        if 3 in number and batch_size > 1:
            raise RuntimeError("three must be alone")
        assert data.shape == (batch_size, max(data_lengths), 2) and (data[data_lengths.argmin(), min(data_lengths) :] == -1).all()
        return data_lengths

    def postprocess_each(self, batch_idx, batch_size, output, data, data_lengths, name, result, **rest):
        with open(output.path, "w") as file:
            file.write(f"{data[:data_lengths].sum()} {result} {name}")


@moemoecue_torch_vanilla_v1(**common(collate_fn=pad_collate))
class CannotPad(Base):
    """Arrays that differ in their number of dimensions"""

    def load_data(self, input):
        n = int(os.path.basename(input.path).split(".")[0])
        return {"data": np.zeros((1,) * (n % 2 + 1))}


@moemoecue_torch_vanilla_v1(**common(collate_fn=nested_collate))
class Trees(Base):
    """Each item gets its own part of a tree"""

    def load_data(self, input):
        n = int(os.path.basename(input.path).split(".")[0])
        return {"tree": {"boxes": np.zeros((n % 3, 4)), "pair": (n, {"deep": np.full(2, n)})}, "place": Place(n, [n / 2, input.file_name])}

    def inference(self, device, batch_size, tree, place, input):
        assert tree["pair"][1]["deep"].shape == (batch_size, 2) and len(tree["boxes"]) == batch_size and place.x.shape == (batch_size,)
        return {"twice": {"sum": tree["pair"][0] * 2}}

    def postprocess_each(self, batch_idx, batch_size, output, tree, place, twice, **rest):
        boxes, (n, deep) = tree["boxes"], tree["pair"]
        with open(output.path, "w") as file:
            file.write(f"{boxes.shape} {n} {deep['deep'].tolist()} {place.x} {float(place.rest[0])} {place.rest[1]} {twice['sum']}")


@moemoecue_torch_vanilla_v1(**common(collate_fn=list_collate))
class Lists(Sizes):
    """Shapes that differ, under a collate that takes them"""


@moemoecue_torch_vanilla_v1(**common(collate_fn=lambda samples: list_collate(samples[1:] or samples)))
class Drops(Sizes):
    """A collate that loses an item"""


@moemoecue_torch_vanilla_v1(**common())
class Short(Base):
    """One result too few"""

    def inference(self, device, batch_size, **batch):
        return [0] * (batch_size - 1)


@moemoecue_torch_vanilla_v1(**common())
class Whole(Base):
    """Option B"""

    def postprocess(self, batch_size, results, input, text, **rest):
        if any("no-post" in t for t in text):
            raise KeyError("cannot be postprocessed")
        for i in range(batch_size):
            with open(input[i].path + ".whole", "w") as file:
                file.write(f"{results[i]}")


@moemoecue_torch_vanilla_v1(**{**common(), "finish_check_mode": None})
class Checks(Base):
    """Sees from the input alone what is finished"""

    def load_data(self, input):
        with open(input.path + ".loads", "a"):
            pass
        return super().load_data(input)

    def is_each_executed(self, input, output, **rest):
        return os.path.exists(output.path)


@moemoecue_torch_vanilla_v1(**{**common(), "finish_check_mode": None})
class ChecksData(Base):
    """Sees from what it loads what is finished"""

    def is_each_executed(self, length, **rest):
        return int(length) == 12


@moemoecue_torch_vanilla_v1(**common())
class Keeps(Base):
    """Writes what it has kept of earlier batches"""

    def __init__(self, args):
        self.kept = []

    def postprocess_each(self, batch_idx, batch_size, input, output, data, result, **rest):
        kept = self.kept
        kept.append(data)
        with open(output.path, "w") as file:
            file.write(" ".join(str(int(one[0])) for one in self.kept))


@moemoecue_torch_vanilla_v1(**common(collate_fn=list_collate))
class Nested(Base):
    """Structures in elements and in results"""

    def load_data(self, input):
        n = int(input.file_name.split(".")[0])
        return {"deep": {"array": np.arange(n, n + 3), "more": [None, {"same": input, "name": "ü" * n}]}}

    def inference(self, device, batch_size, deep, input):
        assert all(one["more"][1]["same"] == i for one, i in zip(deep, input))
        return [{"sum": one["array"].sum(), "twice": (one["array"] * 2.5, one["more"])} for one in deep]

    def postprocess_each(self, batch_idx, batch_size, input, output, deep, result):
        array, more = result["twice"]
        assert more[0] is None and deep["array"].dtype == np.arange(1).dtype
        with open(output.path, "w") as file:
            file.write(f"{result['sum']} {array.tolist()} {more[1]['name']} {more[1]['same'].file_name}")
