"""Speaks the held-out test recordings: NAME.flac and NAME.json for each, and texts.txt.

    python3 testset.py ../test

The texts are never spoken for training (data.py). "held" speakers are voices that the training never heard, "seen" and
"flite" ones it did, "mix" draws from all. Needs ffmpeg.
"""
import argparse
import json
import pathlib
import random
import subprocess

import numpy as np

from data import held_out_texts
from tts import RATE, Synthesizer, random_speaker
from windows import background

SEED = 4242


def plan(draw):
    """(name, seconds, dB of the noise below the speech or None, kind of speaker)"""
    kinds = ["held"] * 8 + ["flite"] * 2 + ["seen"] * 2
    recordings = [("short%02d" % i, draw.uniform(6, 14), None, kind) for i, kind in enumerate(kinds, 1)]
    recordings += [("long1", 70, None, "held"), ("long2", 90, None, "mix"), ("long3", 110, None, "held"),
                   ("long4", 120, None, "mix")]
    return recordings + [("noisy1", 20, 15, "held"), ("noisy2", 45, 20, "mix")]


def draw_speaker(draw, kind):
    if kind == "mix":
        kind = draw.choice(["held", "held", "flite", "seen"])
    while True:
        speaker = random_speaker(draw, held_out=kind == "held")
        if kind == "held" or (speaker["kind"] == "flite") == (kind == "flite"):
            return speaker


def speak(draw, texts, synthesizer, seconds, kind):
    """Sentences with pauses until the recording is nearly that long: samples and segments."""
    speaker = draw_speaker(draw, kind)
    x, segments = np.zeros(int(draw.uniform(0.1, 0.9) * RATE), np.float32), []
    while len(x) < (seconds - 3) * RATE:
        if kind == "mix" and draw.random() < 0.5:
            speaker = draw_speaker(draw, kind)
        words = next(texts)
        y = synthesizer.say(words, speaker)[0].astype(np.float32) / 32768
        y *= 0.35 / max(0.05, np.abs(y).max())
        start = len(x) / RATE
        x = np.concatenate([x, y])
        segments.append(dict(t0=round(start, 3), t1=round(len(x) / RATE, 3), text=" ".join(words) + "."))
        long_pause = len(segments) % 5 == 0 and seconds >= 30
        pause = draw.uniform(1.5, 3.5) if long_pause else draw.uniform(0.4, 1.4)
        x = np.concatenate([x, np.zeros(int(pause * RATE), np.float32)])
    return x, segments


def write(folder, name, kind, x, segments):
    pcm = (np.clip(x, -1, 1) * 32767).astype("<i2").tobytes()
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-",
                    "-compression_level", "12", folder / (name + ".flac")], input=pcm, check=True)
    (folder / (name + ".json")).write_text(json.dumps(dict(kind=kind, segments=segments), indent=1) + "\n")
    return "%s.flac\t%s\n" % (name, " ".join(s["text"] for s in segments))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path)
    folder = p.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    draw, texts = random.Random(SEED), held_out_texts()
    draw.shuffle(texts)
    texts, synthesizer = iter(texts), Synthesizer()
    noise_draw, noise = random.Random(SEED + 1), np.random.default_rng(SEED)
    lines = []
    for name, seconds, below, kind in plan(draw):
        x, segments = speak(draw, texts, synthesizer, seconds, kind)
        if below is None:
            x = x + noise.standard_normal(len(x)).astype(np.float32) * 2e-4
        else:
            x = x + background(noise_draw, noise, len(x)) * np.sqrt((x * x).mean()) * 10 ** (-below / 20)
        lines.append(write(folder, name, kind, x, segments))
    lines.append(write(folder, "silent1", "silent", np.zeros(12 * RATE, np.float32), []))
    lines.append(write(folder, "silent2", "silent", noise.standard_normal(40 * RATE).astype(np.float32) * 0.01, []))
    (folder / "texts.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
