"""Quantises the matrices of a whisper ggml file from f16 to q8_0.

    python3 quantize.py ggml-demo.en.bin ggml-demo.en-q8_0.bin
"""
import argparse
import math
import pathlib
import struct

import numpy as np

MOSTLY_Q8_0 = 2007                    # file type 7, quantisation version 2
F32, F16, Q8_0 = 0, 1, 8
BLOCK = 32


def q8_0(values):
    """Blocks of 32 values: a scale in f16 and 32 signed bytes."""
    blocks = values.astype(np.float32).reshape(-1, BLOCK)
    scale = (np.abs(blocks).max(1) / 127).astype(np.float16)
    s = scale.astype(np.float32)[:, None]
    out = np.zeros(len(blocks), dtype=[("scale", "<f2"), ("values", "i1", BLOCK)])
    out["scale"] = scale
    out["values"] = np.clip(np.where(s > 0, np.round(blocks / np.where(s > 0, s, 1)), 0), -127, 127)
    return out.tobytes()


def head_size(raw):
    """Bytes before the first tensor: the parameters, the mel filters, the vocabulary."""
    n_mels, n_bins = struct.unpack_from("<2i", raw, 48)
    at = 56 + n_mels * n_bins * 4
    n_words, = struct.unpack_from("<i", raw, at)
    at += 4
    for _ in range(n_words):
        at += 4 + struct.unpack_from("<I", raw, at)[0]
    return at


def quantize(raw):
    parameters = list(struct.unpack_from("<12i", raw))
    parameters[11] = MOSTLY_Q8_0
    at = head_size(raw)
    out = [struct.pack("<12i", *parameters), raw[48:at]]
    while at < len(raw):
        n_dims, n_name, kind = struct.unpack_from("<3i", raw, at)
        shape = struct.unpack_from("<%di" % n_dims, raw, at + 12)
        begin = at + 12 + 4 * n_dims + n_name
        end = begin + math.prod(shape) * (4 if kind == F32 else 2)
        names, data = raw[at + 12:begin], raw[begin:end]
        if kind == F16 and n_dims == 2:
            kind, data = Q8_0, q8_0(np.frombuffer(data, np.float16))
        out += [struct.pack("<3i", n_dims, n_name, kind), names, data]
        at = end
    return b"".join(out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    a = p.parse_args()
    a.out.write_bytes(quantize(a.model.read_bytes()))


if __name__ == "__main__":
    main()
