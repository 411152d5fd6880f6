"""A picture task (needs Pillow): a thumbnail and the average colour of every JPEG and PNG below a folder.

    kagurazaka examples/python/thumbnails.py Thumbnails --size 128 \
        --mixin hard_shard_mode.input_path=photos hard_shard_mode.output_path=thumbnails

Each picture gets a folder of its own with two files. Half of the work on one of two machines:
--mixin soft_shard.shard_idx=0 soft_shard.shard_num=2
"""

import argparse
import json

from PIL import Image

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByFilenameSubfoldering,
    SoftShard,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER


@moemoecue_normal(
    hard_shard_mode=NoHardShard(input_path=KAGURAZAKA_MIXIN_PLACEHOLDER, output_path=KAGURAZAKA_MIXIN_PLACEHOLDER),
    soft_shard=SoftShard(shard_idx=0, shard_num=1),
    input_mode=InputByExts(exts=[".jpg", ".jpeg", ".png"]),
    # `output` is the picture's folder, `output_thumbnail` and `output_colour` the files in it.
    output_mode=OutputByFilenameSubfoldering(file_to_write={"thumbnail": "thumbnail.jpg", "colour": "colour.json"}),
    # A picture is finished when this file of its folder exists.
    finish_check_mode=FinishCheckByOutputFileExistence(output_field_suffix="thumbnail"),
)
class Thumbnails(KagurazakaTask):
    """Make thumbnails and say which colour pictures have on average"""

    def __init__(self, args):
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=int, default=256, help="longest side of a thumbnail")
        parser.add_argument("--quality", type=int, default=85, choices=range(1, 101), metavar="1..100", help="JPEG quality")
        self.args = parser.parse_args(args)

    def process(self, input, output, output_thumbnail, output_colour):
        # A picture that cannot be read raises here: that item is reported as failed, the others go on.
        with Image.open(input.path) as picture:
            picture.draft("RGB", (2 * self.args.size, 2 * self.args.size))
            picture = picture.convert("RGB")
        picture.thumbnail((self.args.size, self.args.size))
        picture.save(output_thumbnail.path, quality=self.args.quality)
        red, green, blue = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        with open(output_colour.path, "w") as file:
            json.dump({"red": red, "green": green, "blue": blue}, file)
