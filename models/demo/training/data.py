"""Speaks the training utterances: int16 samples, and a pickle with texts and word times, per process.

    python3 data.py --out work/train --count 56000

An utterance is (first sample, samples, words, starts, ends, phones, group); twelve in a row share a speaker, the group.
"""
import argparse
import multiprocessing
import pathlib
import pickle
import random
import sys

import numpy as np

from textgen import Generator
from tts import RATE, Synthesizer, random_speaker

PER_SPEAKER = 12
RANDOM_SHARE = 0.15


def held_out_texts(seed=9001, count=600):
    """The word sequences that are kept for the test recordings and never spoken for training."""
    generator = Generator(seed)
    return [tuple(generator.utterance(0.35)) for _ in range(count)]


def usable(pcm):
    return 2000 <= len(pcm) <= 9 * RATE and np.abs(pcm).max() >= 500


def speak(share):
    """Speaks one process's share; returns its number, its utterances and its hours."""
    part, count, seed, path = share
    draw, generator = random.Random(seed * 1000 + part), Generator(seed * 1000 + 500 + part)
    held_out, synthesizer = set(held_out_texts()), Synthesizer()
    utterances, position = [], 0
    with open("%s.%d.pcm" % (path, part), "wb") as f:
        while len(utterances) < count:
            speaker = random_speaker(draw)
            for _ in range(PER_SPEAKER):
                words = generator.utterance(RANDOM_SHARE)
                if tuple(words) in held_out:
                    continue
                try:
                    pcm, starts, ends, phones = synthesizer.say(words, speaker)
                except (IndexError, StopIteration, ValueError) as e:    # silence, or no word times: say so, go on
                    print("left out:", speaker, " ".join(words), repr(e), file=sys.stderr, flush=True)
                    continue
                if not usable(pcm):
                    continue
                pcm.tofile(f)
                group = part * 1000000 + len(utterances) // PER_SPEAKER
                utterances.append((position, len(pcm), words, starts, ends, phones, group))
                position += len(pcm)
    with open("%s.%d.pkl" % (path, part), "wb") as f:
        pickle.dump(utterances, f)
    return part, len(utterances), position / RATE / 3600


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=pathlib.Path, default="work/train", help="path without the ending")
    p.add_argument("--count", type=int, default=56000, help="utterances")
    p.add_argument("--processes", type=int, default=2, help="a part of its own each: part of the seed")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    a.out.parent.mkdir(parents=True, exist_ok=True)
    shares = [(i, a.count // a.processes, a.seed, a.out) for i in range(a.processes)]
    with multiprocessing.Pool(a.processes) as pool:
        for part, count, hours in pool.imap_unordered(speak, shares):
            print("part %d: %d utterances, %.1f hours" % (part, count, hours), flush=True)


if __name__ == "__main__":
    main()
