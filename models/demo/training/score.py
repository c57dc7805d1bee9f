"""Word error rate and segment boundary error of a model on recordings whose texts are known.

    python3 score.py --verify ./verify --model ../../ggml-demo.en.bin ../test
    python3 score.py --verify ./verify --model ../../ggml-demo.en.bin --window 30 ../test

Every NAME.json of the folder is paired with NAME.flac. A recording whose segments name a channel is scored channel by
channel. Needs ffmpeg and the built verify.c; no package beyond the standard library.
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile
from collections import defaultdict


def words(text):
    """The words of a text as they are compared: lower case, letters and apostrophes only."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def distance(a, b):
    """Levenshtein distance between two sequences."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def boundary_errors(reference, result):
    """Seconds between the boundaries of segments that belong together, and how many segments found no partner."""
    errors, unpaired, first = [], 0, 0
    for ref in reference:
        ref_words, best = words(ref["text"]), None
        for i in range(first, min(len(result), first + 4)):
            d = distance(ref_words, words(result[i]["text"]))
            if d <= len(ref_words) // 2 and (best is None or d < best[0]):
                best = (d, i)
        if best is None:
            unpaired += 1
            continue
        hyp, first = result[best[1]], best[1] + 1
        errors += [abs(hyp["t0"] - ref["t0"]), abs(hyp["t1"] - ref["t1"])]
    return errors, unpaired


def prepare(folder, work, rate):
    """Writes one mono wav per recording and channel into work, its sound limited to what that sample rate carries;
    returns {wav name: reference segments}."""
    references = {}
    for path in sorted(folder.glob("*.json")):
        segments = json.loads(path.read_text())["segments"]
        channels = sorted({s["channel"] for s in segments if "channel" in s})
        for channel in channels or [None]:
            name = path.stem if channel is None else "%s.%d" % (path.stem, channel)
            pick = "aformat=channel_layouts=mono" if channel is None else "pan=mono|c0=c%d" % channel
            subprocess.run(["ffmpeg", "-loglevel", "error", "-i", path.with_suffix(".flac"),
                            "-af", "%s,aresample=%d" % (pick, rate), "-ar", "16000", "-c:a", "pcm_s16le",
                            work / (name + ".wav")], check=True)
            references[name] = [s for s in segments if s.get("channel") == channel]
    return references


def report(references, lines):
    """Prints each recording, each group of recordings (their names without the number) and the boundary errors."""
    groups, errors, unpaired, wall, audio = defaultdict(lambda: [0, 0]), [], 0, 0.0, 0.0
    for line in lines:
        result = json.loads(line)
        name = pathlib.Path(result["file"]).stem
        reference = references[name]
        ref_words = [w for s in reference for w in words(s["text"])]
        wrong = distance(ref_words, [w for s in result["segments"] for w in words(s["text"])])
        for group in (re.sub(r"[.\d]+$", "", name), "all"):
            groups[group][0] += wrong
            groups[group][1] += len(ref_words)
        off, alone = boundary_errors(reference, result["segments"])
        errors, unpaired = errors + off, unpaired + alone
        wall, audio = wall + result["wall"], audio + result["audio"]
        print("%-9s errors %3d of %3d words, %2d segments of %2d, %d windows, %.2f s for %.1f s" % (
            name, wrong, len(ref_words), len(result["segments"]), len(reference), result["windows"], result["wall"],
            result["audio"]))
    for group, (wrong, total) in groups.items():
        print("%-9s WER %s (%d of %d)" % (group, "%5.2f %%" % (100 * wrong / total) if total else "  -", wrong, total))
    errors.sort()
    if errors:
        print("boundaries: median %.3f s, 95 %% below %.3f s (%d boundaries; %d segments without a partner)" % (
            errors[len(errors) // 2], errors[int(len(errors) * 0.95)], len(errors), unpaired))
    print("real-time factor %.3f" % (wall / audio))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path, help="folder of NAME.flac and NAME.json")
    p.add_argument("--verify", type=pathlib.Path, default="./verify", help="the built verify.c")
    p.add_argument("--model", required=True, help="ggml model file")
    p.add_argument("--backends", help="folder of ggml's backends, when they are not in the installed place")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rate", type=int, default=16000, help="sample rate that the recordings go through")
    p.add_argument("--window", type=float, default=0, help="cut in silences into windows of at most this many seconds")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        references = prepare(a.folder, pathlib.Path(work), a.rate)
        if not references:
            p.error("no recordings in %s" % a.folder)
        command = [a.verify.resolve(), "--threads", str(a.threads), "--window", str(a.window)]
        if a.backends:
            command += ["--backends", a.backends]
        command += [a.model, *sorted(pathlib.Path(work).glob("*.wav"))]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report(references, result.stdout.splitlines())


if __name__ == "__main__":
    main()
