"""Small files that promise, or decode to, far more than they hold; and large ones with nothing in them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pillow_heif
from PIL import Image

from tests.support.samples import sample
from tests.support.video_encoding import Recipe, encode

pillow_heif.register_heif_opener()

_PNG = b"\x89PNG\r\n\x1a\n"
_MIB = 1024**2
_MATROSKA_TRACKS = b"\x16\x54\xae\x6b"
_MOST_32_BITS = 0xFFFFFFFF
_MP4_TYPE = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp42")


def png_header(width: int, height: int) -> bytes:
    return _PNG + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + _chunk(b"IDAT", b"x")


def png_of_most_pixels() -> bytes:
    return _saved(Image.new("RGB", (7071, 7071)), "PNG")


def png_with_inflating_text() -> bytes:
    text = _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100 * _MIB)))
    return _inserted_after_header(text * 5)


def png_with_inflating_profile() -> bytes:
    return _inserted_after_header(_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(300 * _MIB))))


def png_with_endless_chunk() -> bytes:
    return _inserted_after_header(struct.pack(">I4s", 0x7FFFFFFF, b"prVt"))


def webp_canvas(side: int) -> bytes:
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + (side - 1).to_bytes(3, "little") * 2
    animation = b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    picture = _saved(Image.new("RGB", (16, 16)), "WEBP")[12:]
    place = bytes(6) + (15).to_bytes(3, "little") * 2 + (40).to_bytes(3, "little") + b"\0"
    frame = b"ANMF" + struct.pack("<I", len(place) + len(picture)) + place + picture
    content = b"WEBP" + extended + animation + frame
    return b"RIFF" + struct.pack("<I", len(content)) + content


def webp_of_many_frames() -> bytes:
    frames = [Image.new("RGB", (16, 16), ("navy", "teal")[number % 2]) for number in range(3000)]
    return _saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])


def gif_frame(width: int, height: int) -> bytes:
    """A GIF of 16 x 16 pixels with a frame that is larger."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\x00;"
    return b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + bytes(6) + frame


def gif_of_many_frames() -> bytes:
    whole = _saved(Image.new("P", (16, 16)), "GIF")
    start = whole.index(b",")
    return whole[:start] + whole[start:-1] * 300_000 + b";"


def tiff_of_many_pages() -> bytes:
    page = Image.new("L", (8, 8))
    return _saved(page, "TIFF", save_all=True, append_images=[page] * 1200)


def tiff_of_pages_in_a_circle() -> bytes:
    content = bytearray(_saved(Image.new("L", (8, 8)), "TIFF"))
    start = struct.unpack_from("<I", content, 4)[0]
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    return bytes(content)


def tiff_with_strips(count: int) -> bytes:
    """A TIFF whose every tag that may hold many values says that it has this many."""
    content = bytearray(_saved(Image.new("L", (64, 64)), "TIFF"))
    start = struct.unpack_from("<I", content, 4)[0]
    (entries,) = struct.unpack_from("<H", content, start)
    for entry in range(start + 2, start + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", content, entry)[0] in (273, 279):  # offsets and lengths of strips
            struct.pack_into("<I", content, entry + 4, count)
    return bytes(content)


def bmp_of(width: int, height: int) -> bytes:
    content = bytearray(_saved(Image.new("RGB", (16, 16)), "BMP"))
    struct.pack_into("<ii", content, 18, width, height)
    return bytes(content)


def heif_header(kind: str, width: int, height: int) -> bytes:
    content = bytearray(_saved(Image.new("RGB", (64, 64)), kind))
    struct.pack_into(">II", content, content.index(b"ispe") + 8, width, height)
    return bytes(content)


def mp4_with_zeros() -> bytes:
    return _MP4_TYPE + struct.pack(">I4s", 100 * _MIB + 8, b"moov") + bytes(100 * _MIB)


def mp4_nested() -> bytes:
    depth = 100_000
    return _MP4_TYPE + b"".join(struct.pack(">I4s", 8 * (depth - level), b"moov") for level in range(depth))


def mp4_of_frames(clip: bytes, count: int) -> bytes:
    """An MP4 whose tables say that it has this many frames of one byte each."""
    content = bytearray(clip)
    for box, values in ((b"stsz", (0, 1, count)), (b"stts", (0, 1, count, 1)), (b"stsc", (0, 1, 1, count, 1))):
        struct.pack_into(f">{len(values)}I", content, content.index(box) + 4, *values)
    return bytes(content)


def mp4_of_size(clip: bytes, side: int) -> bytes:
    """An MP4 whose headers say that its pictures have this width and height."""
    content = bytearray(clip)
    struct.pack_into(">HH", content, content.index(b"jpeg", content.index(b"stsd")) + 28, side, side)
    return bytes(content)


def avi_of_frames(clip: bytes, count: int) -> bytes:
    content = bytearray(clip)
    struct.pack_into("<I", content, content.index(b"avih") + 8 + 16, count)
    struct.pack_into("<I", content, content.index(b"strh") + 8 + 32, count)
    return bytes(content)


def mkv_with_lengths(clip: bytes) -> bytes:
    """A Matroska file whose tracks say that they have 2^56 - 2 bytes."""
    start = clip.index(_MATROSKA_TRACKS) + len(_MATROSKA_TRACKS)
    size = 9 - clip[start].bit_length()  # the number of leading zero bits tells how many bytes the length takes
    return clip[:start] + b"\x01\xff\xff\xff\xff\xff\xff\xfe" + clip[start + size :]


def clip_that_grows(folder: Path, side: int) -> bytes:
    """A clip of motion JPEG that asks to be turned, whose pictures become that large in its middle."""
    small = encode(sample("face.mp4"), folder / "small.mov", motion_jpeg(rotation=180))
    large = _saved(Image.new("L", (side, side)), "JPEG")
    with av.open(str(small)) as container, av.open(str(folder / "grows.mov"), "w") as output:
        stream = container.streams.video[0]
        copied = output.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
            written = av.Packet(large if number >= 6 else bytes(packet))
            written.stream, written.time_base, written.pts, written.dts = copied, Fraction(1, 25), number, number
            output.mux(written)
    return (folder / "grows.mov").read_bytes()


def motion_jpeg(*, rotation: int = 0) -> Recipe:
    return Recipe(codec="mjpeg", pixels="yuvj420p", chain=("scale=96:96",), rotation=rotation)


def write_progressive(path: Path, *, scans: int) -> None:
    """A JPEG that repeats its last scan so many times."""
    content = _saved(Image.effect_noise((512, 512), 50), "JPEG", progressive=True, quality=90)
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:-2] + content[last:-2] * scans + content[-2:])


def write_hollow(path: Path, head: bytes, size: int) -> Path:
    """A file of that many bytes that takes no room on the disk: zeros behind its head."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a PNG of 60000 x 60000 pixels": (lambda: png_header(60_000, 60_000), "too_large"),
    "a PNG of as many pixels as are taken": (png_of_most_pixels, "image"),
    "a PNG with texts that inflate to 500 MiB": (png_with_inflating_text, "unreadable"),
    "a PNG with a profile that inflates to 300 MiB": (png_with_inflating_profile, "unreadable"),
    "a PNG with a chunk of 2 GiB": (png_with_endless_chunk, "unreadable"),
    "a WebP with a canvas of 16384 x 16384 pixels": (lambda: webp_canvas(16_384), "too_large"),
    "a WebP of 3000 frames": (webp_of_many_frames, "image"),
    "a GIF with a frame of 65535 x 65535 pixels": (lambda: gif_frame(65_535, 65_535), "too_large"),
    "a GIF of 300000 frames": (gif_of_many_frames, "image"),
    "a TIFF of 1200 pages": (tiff_of_many_pages, "image"),
    "a TIFF whose only page follows itself": (tiff_of_pages_in_a_circle, "image"),
    "a TIFF with 2^31 strips": (lambda: tiff_with_strips(2**31), "unreadable"),
    "a TIFF with 2^32 - 1 strips": (lambda: tiff_with_strips(_MOST_32_BITS), "unreadable"),
    "a BMP of 2^31 - 1 x 2^31 - 1 pixels": (lambda: bmp_of(2**31 - 1, 2**31 - 1), "too_large"),
    "a BMP that lies about its height": (lambda: bmp_of(16, 3_000_000), "unreadable"),
    "a HEIC of 60000 x 60000 pixels": (lambda: heif_header("HEIF", 60_000, 60_000), "too_large"),
    "an AVIF of 60000 x 60000 pixels": (lambda: heif_header("AVIF", 60_000, 60_000), "unreadable"),
}
"""What each is, how to make it, and what becomes of it."""


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _inserted_after_header(chunks: bytes) -> bytes:
    picture = _saved(Image.new("RGB", (16, 16)), "PNG")
    header = len(_PNG) + 25
    return picture[:header] + chunks + picture[header:]
