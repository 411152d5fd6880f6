"""make.py: writes the pictures beside it. Needs Pillow (made with 13.0, libjpeg-turbo 3.2)."""

import numpy as np
from PIL import Image

W, H = 48, 32
x, y = np.meshgrid(np.arange(W), np.arange(H))
rgb = np.stack([40 + 4 * x, 200 - 5 * y, 60 + x + 2 * y], axis=-1).astype(np.uint8)
alpha = (255 - 4 * x).astype(np.uint8)
picture = Image.fromarray(rgb, "RGB")
clear = Image.fromarray(np.dstack([rgb, alpha]), "RGBA")

picture.save("baseline-444.jpg", quality=95, subsampling=0)
picture.save("baseline-422.jpg", quality=95, subsampling=1)
picture.save("progressive.jpg", quality=95, progressive=True)
picture.save("rgb.jpg", quality=95, keep_rgb=True)
picture.convert("L").save("gray.jpg", quality=95)

# Inks: cyan, magenta and yellow are what is missing of red, green and blue; black is a constant 51, so the light that is left is 4/5.
black = np.full((H, W, 1), 51, np.uint8)
Image.fromarray(np.concatenate([255 - rgb, black], axis=-1), "CMYK").save("cmyk.jpg", quality=95)

# Pillow cannot write YCCK. It writes what it is given inverted, so it is given the inverted planes of such a file, and
# the kind in Adobe's marker is changed afterwards.
ycc = np.asarray(Image.fromarray(255 - rgb, "RGB").convert("YCbCr"))
Image.fromarray(np.concatenate([255 - ycc, black], axis=-1), "CMYK").save("ycck.jpg", quality=95)
data = bytearray(open("ycck.jpg", "rb").read())
data[data.index(b"Adobe") + 11] = 2
open("ycck.jpg", "wb").write(data)
check = np.asarray(Image.open("ycck.jpg").convert("RGB")).astype(int)
assert abs(check - rgb * 0.8).max() < 8, abs(check - rgb * 0.8).max()

picture.save("lossy.webp", quality=95)
picture.save("lossless.webp", lossless=True)
clear.save("alpha.webp", quality=95, exact=True)
exif = Image.Exif()
exif[0x0112] = 6
picture.save("orientation-6.webp", lossless=True, exif=exif)
picture.save("lzw.tif", compression="tiff_lzw")
picture.save("orientation-6.tif", tiffinfo={0x0112: 6})
picture.quantize(64).save("palette.png")

# Black on the left, white on the right; the standard's kind has 0 for white.
fax = Image.fromarray((x >= W // 2).astype(np.uint8) * 255, "L").convert("1")
fax.save("fax-black-is-0.tif", compression="group4")
fax.save("fax-white-is-0.tif", compression="group4", tiffinfo={262: 0})

picture.save("animated.webp", save_all=True, append_images=[Image.new("RGB", (W, H), "red")], lossless=True)
clear.save("animated-lossy.webp", save_all=True, append_images=[Image.new("RGB", (W, H), "red")], quality=95, exact=True)
