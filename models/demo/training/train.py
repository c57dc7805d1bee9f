"""Trains the demo model from scratch and exports it for whisper.cpp.

    python3 data.py --out work/train
    python3 train.py --data work/train --work work --out ggml-demo.en.bin

Stage 0: only the encoder, with the word and the phone of every frame. Stage 1 (a and b): everything, on short windows
at random positions of the 30 s range; between a and b the decoder gets the head start of warmstart.py. Stage 2: full
30 s windows. Each stage runs for a number of minutes; the learning rate halves over stages 0 and 1 and follows a cosine
to nearly nothing in stage 2. Every stage leaves work/STAGE.pt, from which --resume and --start go on.
"""
import argparse
import math
import pathlib
import time
from collections import defaultdict
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from export import export
from model import Whisper
from textgen import VOCAB
from warmstart import warm_start
from windows import IGNORE, Corpus, Maker, Stream

REPORT_STEPS, SAVE_SECONDS = 50, 240


@dataclass
class Stage:
    """One stage; the weights are those of the frame's word, its phone and the attention, at the start and the end."""
    name: str
    minutes: float
    rate: float                       # learning rate
    seed: int
    batch: int
    seconds: int
    full: bool = False                # whole 30 s windows
    dense: float = 0.5                # share of windows with little silence
    packed: float = 0.0               # share of windows as the workers pack them
    decoder: bool = True
    word: float = 1.0
    phone: float = 0.5
    attention: tuple = (0.3, 0.2)


def frame_loss(model, batch, encoded, middle):
    """Word and phone of every third and every second frame; silence counts little."""
    r, s = int(torch.randint(0, 3, ())), int(torch.randint(0, 2, ()))
    word_weight = torch.ones(model.n_words + 1, device=encoded.device)
    phone_weight = torch.ones(model.cfg["n_phones"], device=encoded.device)
    word_weight[model.n_words - 1] = phone_weight[0] = 0.15
    word = F.cross_entropy(model.word_head(encoded[:, r::3]).flatten(0, 1), batch["fword"][:, r::3].flatten(),
                           weight=word_weight)
    phone = F.cross_entropy(model.phone_head(middle[:, s::2]).flatten(0, 1), batch["fphone"][:, s::2].flatten(),
                            weight=phone_weight, ignore_index=IGNORE)
    return word, phone


def token_weights(model, batch, full):
    """In full windows a word that comes more than once is harder to follow: its successor counts twice."""
    seq = batch["seq"]
    same = (seq[:, :, None] == seq[:, None, :]) & (batch["tgt"] >= 0)[:, None, :]
    repeated = (same.sum(-1) > 1) & (seq < model.n_words - 1)
    return 1.0 + repeated.float() * (1.0 if full else 0.0)


def attention_loss(model, batch, attentions, weights, n_positions):
    """Leads the cross attention to where the next token is heard (last layer, both heads) and where the token just
    read was heard: first layer, one head for words and one for time stamps; middle layer, one head for both."""
    span, tgt, seq = batch["span"], batch["tgt"], batch["seq"]
    t = torch.arange(n_positions, device=span.device)
    inside = (t >= span[..., :1] - 2) & (t <= span[..., 1:] + 2)
    heard = (span[..., 1] >= 0) & (tgt >= 0) & inside.any(-1)

    def miss(attention, where, which, weight):
        mass = (attention * where).sum(-1)[which]
        return -((mass + 1e-4).log() * weight[which]).sum() / weight[which].sum().clamp_min(1e-6)

    loss = 0.5 * sum(miss(attentions[-1][:, head], inside, heard, weights) for head in (0, 1))
    read = heard[:, :-1] & (seq[:, 1:] == tgt[:, :-1])
    where, weights, seq = inside[:, :-1], weights[:, 1:], seq[:, 1:]
    loss = loss + 0.25 * (miss(attentions[0][:, 0, 1:], where, read & (seq < model.n_words), weights) +
                          miss(attentions[0][:, 1, 1:], where, read & (seq >= model.n_plain), weights))
    if len(attentions) > 2:
        loss = loss + miss(attentions[1][:, 0, 1:], where, read, weights)
    return loss


def loss_of(model, batch, stage, progress):
    """The loss of a batch and figures for the log."""
    encoded, middle = model.encode(batch["mel"], None if stage.full else batch["off"])
    word, phone = frame_loss(model, batch, encoded, middle)
    loss = stage.word * word + stage.phone * phone
    figures = dict(frame_word=word.item(), frame_phone=phone.item())
    if not stage.decoder:
        return loss, figures
    hidden, rows, attentions = model.decode(batch["seq"], encoded, batch["pos0"])
    chosen = batch["tgt"] >= 0
    scores, target = model.logits(hidden[chosen], rows), batch["tgt"][chosen]
    weights = token_weights(model, batch, stage.full)
    cross = (F.cross_entropy(scores, target, reduction="none") * weights[chosen]).sum() / weights[chosen].sum()
    attention = attention_loss(model, batch, attentions, weights, encoded.shape[1])
    first, last = stage.attention
    loss = loss + cross + (first + (last - first) * progress) * attention
    right, is_word = scores.argmax(-1) == target, target < model.n_words
    figures.update(ce=cross.item(), words_right=right[is_word].float().mean().item(),
                   others_right=right[~is_word].float().mean().item(), attention=attention.item())
    return loss, figures


def optimizer_of(model, rate):
    """AdamW; embeddings, positions, biases and norms do not decay."""
    decays, rest = [], []
    for name, parameter in model.named_parameters():
        plain = parameter.dim() > 1 and not any(part in name for part in ("emb", "dpos", "ts_"))
        (decays if plain else rest).append(parameter)
    return torch.optim.AdamW([dict(params=decays, weight_decay=0.02), dict(params=rest, weight_decay=0.0)], lr=rate,
                             betas=(0.9, 0.98), eps=1e-8)


def save(model, path):
    torch.save(dict(cfg=model.cfg, model=model.state_dict()), path)


def run(model, corpus, stage, a):
    """Trains one stage."""
    stream = Stream(stage.batch, stage.seed, corpus=corpus, seconds=stage.seconds, full=stage.full, dense=stage.dense,
                    packed=stage.packed)
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=a.workers, prefetch_factor=4)
    optimizer, began, figures = optimizer_of(model, stage.rate), time.time(), defaultdict(list)
    saved = began
    for step, batch in enumerate(loader, 1):
        progress = (time.time() - began) / (stage.minutes * 60)
        if progress >= 1:
            break
        rate = stage.rate * min(1.0, step / a.warmup)
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)) if stage.full else 1 - 0.5 * progress
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, now = loss_of(model, {k: v.to(a.device) for k, v in batch.items()}, stage, progress)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)):
            optimizer.step()
        for name, value in now.items():
            figures[name].append(value)
        if step % REPORT_STEPS == 0:
            print("%s step %d, minute %.1f, rate %.1e:" % (stage.name, step, (time.time() - began) / 60, rate),
                  " ".join("%s %.3f" % (name, sum(v) / len(v)) for name, v in figures.items()), flush=True)
            figures.clear()
        if time.time() - saved > SAVE_SECONDS:
            save(model, a.work / "latest.pt")
            saved = time.time()
    save(model, a.work / (stage.name + ".pt"))


def stages(a):
    short = dict(batch=a.batch1, seconds=a.seconds1)
    return [
        Stage("stage0", a.minutes0, a.rate0, a.seed + 900, dense=1.0, decoder=False, phone=1.0, **short),
        Stage("stage1a", a.minutes1a, a.rate1, a.seed, **short),
        Stage("stage1b", a.minutes1b, a.rate1, a.seed + 300, **short),
        Stage("stage2", a.minutes2, a.rate2, a.seed + 500, a.batch2, 30, full=True, dense=0.1, packed=0.4, word=0.5,
              phone=0.2, attention=(0.5, 0.2)),
    ]


def head_start(model, corpus, a):
    maker = Maker(corpus, a.seconds1, False, a.seed + 4000, 1.0)
    batches = [maker.batch(12) for _ in range(12)]
    warm_start(model, [{k: v.to(a.device) for k, v in batch.items()} for batch in batches])


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=pathlib.Path, default="work", help="folder of the checkpoints")
    p.add_argument("--data", nargs="+", default=["work/train"], help="what data.py was given as --out")
    p.add_argument("--out", default="work/ggml-demo.en.bin")
    p.add_argument("--d", type=int, default=128, help="width; heads have 64")
    p.add_argument("--enc-layers", type=int, default=4)
    p.add_argument("--dec-layers", type=int, default=3,
                   help="not 2: whisper.cpp takes two for a distilled model and turns time stamps off")
    p.add_argument("--minutes0", type=float, default=8)
    p.add_argument("--minutes1a", type=float, default=4)
    p.add_argument("--minutes1b", type=float, default=8)
    p.add_argument("--minutes2", type=float, default=30)
    p.add_argument("--batch1", type=int, default=12, help="windows in a batch of stages 0 and 1")
    p.add_argument("--batch2", type=int, default=4, help="windows in a batch of stage 2")
    p.add_argument("--seconds1", type=int, default=6, help="length of the windows of stages 0 and 1")
    p.add_argument("--rate0", type=float, default=2e-3, help="learning rate of stage 0")
    p.add_argument("--rate1", type=float, default=1e-3)
    p.add_argument("--rate2", type=float, default=5e-4)
    p.add_argument("--warmup", type=int, default=80, help="steps over which the learning rate rises")
    p.add_argument("--workers", type=int, default=1, help="processes that make windows")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--resume", help="checkpoint to go on from")
    p.add_argument("--start", default="stage0", choices=["stage0", "stage1a", "stage1b", "stage2"])
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


def main():
    a = arguments()
    a.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    corpus = Corpus(a.data)
    model = Whisper(len(VOCAB) + 1, a.d, a.d // 64, a.enc_layers, a.dec_layers, max(120, corpus.n_phones)).to(a.device)
    print("%d utterances, %d phones, %d words, %d parameters" % (
        len(corpus.utterances), corpus.n_phones, len(VOCAB), sum(p.numel() for p in model.parameters())), flush=True)
    if a.resume:
        model.load_state_dict(torch.load(a.resume, map_location=a.device)["model"])
    plan = stages(a)
    for stage in plan[[s.name for s in plan].index(a.start):]:
        if stage.name == "stage1b":
            head_start(model, corpus, a)
        run(model, corpus, stage, a)
    export(model, a.out)


if __name__ == "__main__":
    main()
