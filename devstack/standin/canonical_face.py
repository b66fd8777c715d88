"""The canonical face inside the model file: a mean face in millimetres, which a head's pose is measured against."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"
_VERTEX_FIELD = 3
_FLOATS_PER_VERTEX = 5  # x, y, z and two texture coordinates
_LEAST_MESH_BYTES = 1000
_MOST_BASIS_BYTES = 30

# Protocol buffers' wire types, as far as the file uses them.
_VARINT, _FIXED32 = 0, 5


@dataclass(frozen=True)
class CanonicalFace:
    """Vertices (468 x 3) in mm, axes as OpenFace's camera has them: x right, y down, z away from the camera."""

    vertices: FloatArray
    rigid: npt.NDArray[np.intp]
    """Indices of the vertices that move least with the expression: the pose is fitted to these."""


def read(bundle: bytes) -> CanonicalFace:
    """Read the canonical face out of the model file's content."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as parts:
        top = list(_fields(parts.read(_GEOMETRY)))
    messages = [value for _, value in top if isinstance(value, bytes)]
    mesh = next(message for message in messages if len(message) > _LEAST_MESH_BYTES)
    floats = [value for number, value in _fields(mesh) if number == _VERTEX_FIELD]
    vertices = np.array(floats, dtype=np.float64).reshape(-1, _FLOATS_PER_VERTEX)[:, :3]
    basis = [dict(_fields(message))[1] for message in messages if 0 < len(message) < _MOST_BASIS_BYTES]
    # The file has centimetres, y up and z towards the camera.
    return CanonicalFace(vertices * (10, -10, -10), np.array(basis, dtype=np.intp))


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """A protocol buffer's fields as (number, value)."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        wire_type = key & 7
        value: int | float | bytes
        if wire_type == _FIXED32:
            (value,) = struct.unpack_from("<f", message, position)
            position += 4
        else:
            number, position = _varint(message, position)
            value = number
            if wire_type != _VARINT:
                value = message[position : position + number]
                position += number
        yield key >> 3, value


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the bit that says "more follows"
            return value, position
