"""Writes a checkpoint as a ggml file for whisper.cpp.

    python3 export.py work/stage2.pt ggml-demo.en.bin
"""
import argparse
import struct

import numpy as np
import torch

from model import BEG, EOT, N_AUDIO_CTX, N_TEXT_CTX, N_TS, N_VOCAB, NOSP, NOT, PREV, SOT, Whisper
from textgen import VOCAB
from windows import mel_filters

MAGIC, F32, F16 = 0x67676d6c, 0, 1


def vocabulary():
    """The bytes of the ids from 0 on: words with a leading space, ".", " ", then the printable ASCII characters."""
    names = [" " + word for word in VOCAB] + ["."]
    names += [c for c in map(chr, range(32, 127)) if c not in names]
    return [name.encode() for name in names]


def block_tensors(state, source, target, cross):
    """One layer's tensors under whisper.cpp's names."""
    names = [(ln, ln) for ln in ["attn_ln", "mlp_ln"] + (["cross_attn_ln"] if cross else [])]
    for attention in ["attn"] + (["cross_attn"] if cross else []):
        names += [("%s.%s" % (attention, short), "%s.%s" % (attention, name))
                  for short, name in (("q", "query"), ("k", "key"), ("v", "value"), ("o", "out"))]
    names += [("fc1", "mlp.0"), ("fc2", "mlp.2")]
    for ours, theirs in names:
        for kind in ("weight", "bias"):
            if not ours.endswith("attn.k") or kind == "weight":
                yield "%s.%s.%s" % (target, theirs, kind), state["%s.%s.%s" % (source, ours, kind)]


def embedding(model, state):
    """The full table: every unused id gets the row that they share."""
    with torch.no_grad():
        rows = model.rows().float().cpu()
    n = model.n_words
    table = state["unused"].repeat(N_VOCAB, 1)
    table[:n] = rows[:n]
    table[[EOT, SOT, PREV, NOSP, NOT]] = rows[n:n + 5]
    table[BEG:BEG + N_TS] = rows[n + 5:]
    return table


def tensors(model):
    """(name, tensor) of everything that whisper.cpp reads."""
    state = {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
    d = model.cfg["d"]
    yield "encoder.positional_embedding", state["pos"]
    for i in (1, 2):
        weight = state["conv%d.weight" % i].view(d, 3, -1).transpose(1, 2).contiguous()    # [out, in, k]
        yield "encoder.conv%d.weight" % i, weight
        yield "encoder.conv%d.bias" % i, state["conv%d.bias" % i].view(-1, 1)
    for i in range(model.cfg["enc_layers"]):
        yield from block_tensors(state, "enc.%d" % i, "encoder.blocks.%d" % i, cross=False)
    for i in range(model.cfg["dec_layers"]):
        yield from block_tensors(state, "dec.%d" % i, "decoder.blocks.%d" % i, cross=True)
    for kind in ("weight", "bias"):
        yield "encoder.ln_post." + kind, state["ln_post." + kind]
        yield "decoder.ln." + kind, state["ln." + kind]
    yield "decoder.positional_embedding", state["dpos"]
    yield "decoder.token_embedding.weight", embedding(model, state)


def write_tensor(f, name, tensor):
    single = tensor.dim() < 2 or name.endswith(("positional_embedding", "bias"))
    array = tensor.numpy().astype(np.float32 if single else np.float16)
    f.write(struct.pack("<3i", array.ndim, len(name), F32 if single else F16))
    f.write(struct.pack("<%di" % array.ndim, *array.shape[::-1]))
    f.write(name.encode())
    array.tofile(f)


def export(model, path):
    c, filters, names = model.cfg, mel_filters(), vocabulary()
    with open(path, "wb") as f:
        f.write(struct.pack("<12i", MAGIC, N_VOCAB, N_AUDIO_CTX, c["d"], c["heads"], c["enc_layers"],
                            N_TEXT_CTX, c["d"], c["heads"], c["dec_layers"], c["n_mels"], F16))
        f.write(struct.pack("<2i", *filters.shape))
        f.write(filters.tobytes())
        f.write(struct.pack("<i", len(names)))
        for name in names:
            f.write(struct.pack("<I", len(name)) + name)
        for name, tensor in tensors(model):
            write_tensor(f, name, tensor)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("checkpoint")
    p.add_argument("out")
    a = p.parse_args()
    checkpoint = torch.load(a.checkpoint, map_location="cpu")
    model = Whisper(**checkpoint["cfg"])
    model.load_state_dict(checkpoint["model"])
    export(model, a.out)


if __name__ == "__main__":
    main()
