"""Teaches the encoder of a trained model the telephone band, without a change to anything else.

    python3 telephone.py work/stage2.pt work/telephone.pt

The encoder learns to give for a window that came through a telephone line what it gave for the same window without
one. Its features stay those that the decoder knows: the decoder needs no training, and the windows may be short. What
is written lies between the weights of before and those learnt, which keeps more of what full windows need.
"""
import argparse
import copy
import math
import time

import torch

from model import Whisper
from train import save
from windows import Corpus, Maker

REPORT_STEPS, SAVE_SECONDS = 50, 120


class Pairs(torch.utils.data.IterableDataset):
    """Batches without end of Maker.pairs, made in the loader's process."""

    def __init__(self, corpus, a):
        self.corpus, self.a = corpus, a

    def __iter__(self):
        torch.set_num_threads(1)
        a = self.a
        maker = Maker(self.corpus, a.seconds, a.seconds == 30, a.seed, dense=0.1, packed=0.4, telephone=a.telephone)
        while True:
            yield maker.pairs(a.batch)


def encoder_parameters(model):
    return [p for name, p in model.named_parameters() if name.startswith(("conv", "enc.", "ln_post"))]


def between(old, new, share):
    """A model with weights that far on the way from the old to the new ones."""
    middle, weights = copy.deepcopy(old), new.state_dict()
    middle.load_state_dict({name: torch.lerp(value, weights[name], share) for name, value in old.state_dict().items()})
    return middle


def adapt(model, corpus, a):
    teacher = copy.deepcopy(model).requires_grad_(False)
    parameters = encoder_parameters(model)
    optimizer = torch.optim.AdamW(parameters, lr=a.rate, betas=(0.9, 0.98), weight_decay=0.0)
    loader = torch.utils.data.DataLoader(Pairs(corpus, a), batch_size=None, num_workers=1, prefetch_factor=4)
    began = saved = time.time()
    losses = []
    for step, (spoken, heard, offset) in enumerate(loader, 1):
        progress = (time.time() - began) / (a.minutes * 60)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1.0, step / a.warmup) * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))
        with torch.no_grad():
            wanted, _ = teacher.encode(spoken, offset)
        given, _ = model.encode(heard, offset)
        loss = (given - wanted).square().mean() / wanted.var()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % REPORT_STEPS == 0:
            print("step %d, minute %.1f: loss %.4f" % (step, (time.time() - began) / 60, sum(losses) / len(losses)),
                  flush=True)
            losses.clear()
        if time.time() - saved > SAVE_SECONDS:
            save(between(teacher, model, a.share), a.out)
            saved = time.time()
    save(between(teacher, model, a.share), a.out)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("checkpoint")
    p.add_argument("out")
    p.add_argument("--data", nargs="+", default=["work/train"], help="what data.py was given as --out")
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--seconds", type=int, default=6, help="length of the windows")
    p.add_argument("--batch", type=int, default=12, help="windows in a batch")
    p.add_argument("--telephone", type=float, default=0.6, help="share of windows with the telephone band only")
    p.add_argument("--rate", type=float, default=5e-4, help="learning rate")
    p.add_argument("--share", type=float, default=0.6, help="of the way from the old weights to those learnt")
    p.add_argument("--warmup", type=int, default=30, help="steps over which the learning rate rises")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=6000)
    return p.parse_args()


def main():
    a = arguments()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    checkpoint = torch.load(a.checkpoint, map_location="cpu")
    model = Whisper(**checkpoint["cfg"])
    model.load_state_dict(checkpoint["model"])
    adapt(model, Corpus(a.data), a)


if __name__ == "__main__":
    main()
