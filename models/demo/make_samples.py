"""Speaks the sample recordings: samples/NAME.flac with NAME.json (segments, speakers) and NAME.txt (the text).

    python3 make_samples.py samples

Every speaker is drawn once, from the training voices (training/tts.py), by the seed of the recording. MODEL_CARD.md
says how the other draws did. Needs ffmpeg, the Debian packages named in training/tts.py, python3-numpy and
python3-scipy.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent / "training"))
from textgen import VOCAB  # noqa: E402
from tts import RATE, Synthesizer, random_speaker  # noqa: E402

# speaker, sentence; a number is that many seconds of silence
MEETING = [
    ("Anna", "hello this is Anna from the project team"),
    ("Anna", "thank you for your time this morning"),
    ("Anna", "we finished the first version of the software on Friday"),
    ("Anna", "Robert tested the upload and found two small problems"),
    ("Anna", "the server was slow but the queue is working again"),
    ("Peter", "hello this is Peter"),
    ("Peter", "yesterday I checked the budget for the next year"),
    ("Peter", "the annual cost is forty five thousand euros"),
    ("Peter", "the director will sign the contract next week"),
    ("Peter", "please send me the invoice before Thursday"),
    ("Anna", "yes I will send it this afternoon"),
    ("Anna", "the next meeting is on Monday at ten o'clock"),
    ("Anna", "please review the report and write your questions in the document"),
    ("Anna", "thank you and have a good weekend"),
]
CALL = [
    ("Sarah", "good afternoon this is Sarah from the service team"),
    ("Sarah", "how can I help you"),
    ("Thomas", "hello Sarah this is Thomas"),
    ("Thomas", "my camera arrived yesterday but it is broken"),
    ("Sarah", "what is the number of your order"),
    ("Thomas", "it is seven hundred and twelve"),
    ("Sarah", "thank you I found the order"),
    ("Sarah", "we will deliver a new camera on Friday morning"),
    ("Thomas", "what should I do with the old camera"),
    ("Sarah", "please bring it to the shop in your town"),
    ("Thomas", "thank you for your help"),
]
PAUSES = [
    3.0,
    ("David", "this is the first message of the day"),
    ("David", "the bus to the airport was late"),
    10.0,
    ("David", "this is the second message"),
    ("David", "the conference has started and the room is full"),
]
# name, script, seed, whether every speaker has a channel of their own
RECORDINGS = [("meeting", MEETING, 11, False), ("call", CALL, 2, True), ("pauses", PAUSES, 3, False)]


def silence(seconds):
    return np.zeros(int(seconds * RATE), np.float32)


def check(script):
    """Refuses a sentence that the model has no words for."""
    unknown = {w for line in script if isinstance(line, tuple) for w in line[1].split()} - set(VOCAB)
    if unknown:
        raise SystemExit("not in the vocabulary: " + " ".join(sorted(unknown)))


def record(script, seed, own_channels, synthesizer):
    """Speaks a script: samples (channels, n), segments in order, and the speakers that were drawn."""
    draw = random.Random(seed)
    names = list(dict.fromkeys(line[0] for line in script if isinstance(line, tuple)))
    speakers = {name: random_speaker(draw) for name in names}
    tracks = {name: [] for name in (names if own_channels else ["all"])}
    segments, at, before = [], 0, None

    def append(samples, track=None):
        nonlocal at
        for name, parts in tracks.items():
            parts.append(samples if track in (None, name) else np.zeros_like(samples))
        at += len(samples)

    append(silence(draw.uniform(0.2, 0.6)))
    for line in script:
        if isinstance(line, float):
            append(silence(line))
            continue
        name, sentence = line
        if before:
            append(silence(draw.uniform(0.4, 0.9) if name == before else draw.uniform(0.8, 1.2)))
        before = name
        pcm = synthesizer.say(sentence.split(), speakers[name])[0].astype(np.float32)
        segment = dict(t0=round(at / RATE, 3), t1=round((at + len(pcm)) / RATE, 3), speaker=name, text=sentence + ".")
        if own_channels:
            segment["channel"] = names.index(name)
        segments.append(segment)
        append(pcm * 0.35 / np.abs(pcm).max(), name if own_channels else None)
    append(silence(0.7))
    return np.stack([np.concatenate(parts) for parts in tracks.values()]), segments, speakers


def write(path, x, segments, speakers, noise):
    """Writes the recording with the faint noise of a microphone, its segments and its text."""
    x = x + noise.standard_normal(x.shape).astype(np.float32) * 1e-4
    pcm = (np.clip(x, -1, 1) * 32767).astype("<i2").T.tobytes()
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-f", "s16le", "-ar", str(RATE), "-ac", str(len(x)),
                    "-i", "-", "-compression_level", "12", "-fflags", "+bitexact", "-flags:a", "+bitexact",
                    path.with_suffix(".flac")], input=pcm, check=True)
    path.with_suffix(".json").write_text(json.dumps(dict(speakers=speakers, segments=segments), indent=1) + "\n")
    path.with_suffix(".txt").write_text("".join(s["text"] + "\n" for s in segments))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path)
    a = p.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)
    synthesizer = Synthesizer()
    for name, script, seed, channels in RECORDINGS:
        check(script)
        x, segments, speakers = record(script, seed, channels, synthesizer)
        write(a.folder / name, x, segments, speakers, np.random.default_rng(seed))


if __name__ == "__main__":
    main()
