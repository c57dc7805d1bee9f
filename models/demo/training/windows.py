"""Mixes the spoken utterances into training windows and computes whisper.cpp's log mel features."""
import glob
import pickle
import random
from dataclasses import dataclass

import numpy as np
import torch
from scipy.signal import butter, fftconvolve, firwin, resample_poly, sosfilt

from model import N_AUDIO_CTX
from textgen import VOCAB, Generator
from tts import RATE

HOP, N_FFT, N_MELS = 160, 400, 80
FRAME = 2 * HOP                     # samples of one encoder position, and of one step of the time stamps
IGNORE = -100                       # target that the loss leaves out
MAX_TOKENS = 440
# how the project's workers pack a recording into windows (internal/audio): silence kept around speech, the most of a
# longer pause with it, and the longest window
PADDING, LONGEST_PAUSE, LONGEST_PACKED = RATE * 15 // 100, RATE * 9 // 10, RATE * 59 // 2
WORD_ID = {word: i for i, word in enumerate(VOCAB)}
# compact token ids: the words, these, then 1501 time stamps
DOT, EOT, SOT, PREV, NOSP, NOT, STAMPS = range(len(VOCAB), len(VOCAB) + 7)


def mel_filters():
    """80 Slaney mel bands over 201 bins of the spectrum (16 kHz, n_fft 400)."""
    def to_mel(f):
        return np.where(f < 1000, f * 3 / 200, 15 + np.log(np.maximum(f, 1e-9) / 1000) / (np.log(6.4) / 27))

    def to_hz(m):
        return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))
    edges = to_hz(np.linspace(to_mel(np.array(0.0)), to_mel(np.array(8000.0)), N_MELS + 2))
    f = np.linspace(0, 8000, N_FFT // 2 + 1)
    lower = (f[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    upper = (edges[2:, None] - f[None]) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(lower, upper)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return weights.astype(np.float32)


FILTERS = torch.from_numpy(mel_filters())
HANN = torch.hann_window(N_FFT, periodic=True)


def log_mel(samples, equalizer=None, louder=0.0):
    """Features (frames, 80) of samples with a margin of 200 on both sides. louder lifts the floor, as if a louder
    moment were in the same recording."""
    frames = torch.from_numpy(samples).unfold(0, N_FFT, HOP)[:(len(samples) - N_FFT) // HOP]
    spectrum = torch.fft.rfft(frames * HANN)
    mel = (spectrum.real ** 2 + spectrum.imag ** 2) @ FILTERS.t()
    if equalizer is not None:
        mel = mel * equalizer
    mel = mel.clamp_min(1e-10).log10()
    mel = torch.maximum(mel, mel.max() + louder - 8.0)
    return (mel + 4.0) / 4.0


def background(draw, noise, n):
    """n samples of white noise, coloured noise or hum, with an effective value of one."""
    kind = draw.random()
    if kind < 0.4:
        x = noise.standard_normal(n, dtype=np.float32)
    elif kind < 0.8:
        period = min(1 << (n - 1).bit_length(), 1 << 17)
        spectrum = np.fft.rfft(noise.standard_normal(period).astype(np.float32))
        f = np.arange(len(spectrum)) + 20.0
        x = np.fft.irfft(spectrum * f ** -draw.uniform(0.2, 1.0)).astype(np.float32)
        x = np.tile(x, n // period + 1)[:n]
    else:
        t = np.arange(n, dtype=np.float32) / RATE
        f0 = draw.choice([50, 60, 100, 120]) * draw.uniform(0.98, 1.02)
        x = sum(draw.random() / kind * np.sin(2 * np.pi * f0 * kind * t) for kind in (1, 2, 3, 5)).astype(np.float32)
        x += 0.1 * noise.standard_normal(n, dtype=np.float32)
    return x / (np.sqrt(np.mean(x * x)) + 1e-9)


def telephone(draw, samples):
    """What is left of them at 8 kHz: nothing above 4 kHz, a slope below it, and often no deep tones."""
    low_pass = firwin(2 * draw.randrange(16, 65) + 1, draw.uniform(3400, 4100), fs=RATE)
    x = resample_poly(samples, 1, 2, window=low_pass)
    if draw.random() < 0.4:
        x = sosfilt(butter(2, draw.uniform(150, 300), "highpass", fs=RATE // 2, output="sos"), x)
    return resample_poly(x, 2, 1, window=low_pass)[:len(samples)].astype(np.float32)


def coded(draw, noise, samples):
    """Adds noise that follows the sound, as that of a speech coder does."""
    level = np.float32(10 ** (-draw.uniform(15, 45) / 20))
    return samples * (1 + level * noise.standard_normal(len(samples), dtype=np.float32))


@dataclass
class Utterance:
    pcm: np.ndarray
    words: np.ndarray               # ids
    starts: np.ndarray              # of the words, in samples
    ends: np.ndarray
    phone_at: np.ndarray            # first samples of the phones
    phones: np.ndarray              # ids, 0 is none


class Corpus:
    """The utterances that data.py wrote, and which of them share a speaker."""

    def __init__(self, paths):
        self.utterances, self.groups, parts = [], [], {}
        for name in sorted(name for path in paths for name in glob.glob(path + ".*.pkl")):
            with open(name, "rb") as f:
                parts[name] = pickle.load(f)
        if not parts:
            raise SystemExit("no utterances at %s: run data.py first" % " ".join(paths))
        names = {phone for spoken in parts.values() for u in spoken for _, phone in u[5]}
        # sorted: any large corpus gives a phone the same id, which a checkpoint's phone head relies on
        phone_ids = {phone: i for i, phone in enumerate(sorted(names), 1)}
        for name, spoken in parts.items():
            self._add(np.fromfile(name[:-4] + ".pcm", np.int16), spoken, phone_ids)
        self.n_phones = len(phone_ids) + 1

    def _add(self, samples, spoken, phone_ids):
        last = None
        for position, n, words, starts, ends, phones, group in spoken:
            ids = [phone_ids[phone] for _, phone in phones]
            if group != last:
                self.groups.append([])
                last = group
            self.groups[-1].append(len(self.utterances))
            self.utterances.append(Utterance(
                samples[position:position + n], np.array([WORD_ID[w] for w in words]), starts, ends,
                np.array([at for at, _ in phones]), np.array(ids)))


@dataclass
class Segment:
    """What is heard of an utterance in a window; the times of the words in encoder positions."""
    start: int                      # samples
    end: int
    words: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    cut: bool                       # the window ends before it does


class Maker:
    """Makes training windows of that many seconds.

    full: they are whole 30 s windows; otherwise they lie at a random position of the 30 s range.
    dense: share of windows with little silence. packed: share of windows as the workers pack them, whole utterances
    with short pauses and then zeros. telephone: share of windows with that band only.
    """

    def __init__(self, corpus, seconds, full, seed, dense=0.0, packed=0.0, telephone=0.0):
        self.corpus, self.seconds, self.full = corpus, seconds, full
        self.dense, self.packed, self.telephone = dense, packed, telephone
        self.draw, self.noise = random.Random(seed), np.random.default_rng(seed)
        self.text = Generator(seed + 77)
        self.positions = seconds * 50                      # of the encoder

    def batch(self, size):
        windows = [self.window() for _ in range(size)]
        longest = max(len(w["seq"]) for w in windows)
        seq = torch.zeros(size, longest, dtype=torch.long)
        tgt = torch.full((size, longest), IGNORE, dtype=torch.long)
        span = torch.full((size, longest, 2), -1.0)
        for i, w in enumerate(windows):
            n = len(w["seq"])
            seq[i, :n], tgt[i, :n] = torch.from_numpy(w["seq"]), torch.from_numpy(w["tgt"])
            span[i, :n] = torch.from_numpy(w["span"])
        return dict(mel=torch.stack([w["mel"] for w in windows]),
                    fword=torch.from_numpy(np.stack([w["fword"] for w in windows])),
                    fphone=torch.from_numpy(np.stack([w["fphone"] for w in windows])),
                    off=torch.tensor([w["off"] for w in windows]), seq=seq, tgt=tgt, span=span,
                    pos0=torch.tensor([w["pos0"] for w in windows]))

    def window(self):
        """One window: features, word and phone of every encoder position, its offset in the 30 s range, tokens."""
        fword = np.full(self.positions, len(VOCAB), np.int64)
        fphone = np.zeros(self.positions, np.int64)
        samples, segments, silent = self.mix(fword, fphone)
        mel, offset = self.features(samples, silent), self.offset()
        seq, tgt, span, pos0 = self.tokens(segments, offset)
        return dict(mel=mel, fword=fword, fphone=fphone, off=offset, seq=seq, tgt=tgt, span=span, pos0=pos0)

    def pair(self):
        """Features of one window as it was spoken, and as it comes through microphone and line; its offset."""
        samples, _, silent = self.mix(np.zeros(self.positions, np.int64), np.zeros(self.positions, np.int64))
        return log_mel(np.clip(samples, -1, 1)), self.features(samples, silent), self.offset()

    def pairs(self, size):
        spoken, heard, offsets = zip(*[self.pair() for _ in range(size)])
        return torch.stack(spoken), torch.stack(heard), torch.tensor(offsets)

    def offset(self):
        return 0 if self.full else self.draw.randrange(0, N_AUDIO_CTX - self.positions + 1)

    def mix(self, fword, fphone):
        """Speech, room and noise of one window, its segments, and whether it has no speech; fills in word and phone
        of every position."""
        samples, segments = np.zeros(self.seconds * RATE + N_FFT, np.float32), []
        kind = self.draw.random()
        dense, packed = kind < self.dense, self.dense <= kind < self.dense + self.packed
        silent = not dense and not packed and self.draw.random() < 0.05
        if not silent:
            segments = self.fill(samples, fword, fphone, dense, packed)
        if segments and self.draw.random() < 0.03:
            samples = self.reverberate(samples)
        samples = self.noisy(samples, silent)
        if packed and segments:
            samples[200 + segments[-1].end + PADDING:] = 0
        return samples, segments, silent

    def fill(self, samples, fword, fphone, dense, packed):
        """Puts utterances one after the other into the window; returns what is heard of them."""
        r, n_window = self.draw, self.seconds * RATE
        t, segments = PADDING if packed else self.first_start(dense), []
        # the rest are windows in which the recording ends early
        stop = n_window if dense or r.random() < 0.6 else int(r.uniform(0.25, 1.0) * n_window)
        if packed:
            stop = min(stop, LONGEST_PACKED - PADDING)
        group, one_speaker = r.choice(self.corpus.groups), r.random() < 0.6
        tight = r.random() < 0.1
        gain = 10 ** (r.uniform(-26, 0) / 20)
        left = []                                          # no utterance twice in a row of twelve
        while t < stop - 4000:
            if not one_speaker or not left:
                group = group if one_speaker and not segments else r.choice(self.corpus.groups)
                left = r.sample(group, len(group))
            u = self.corpus.utterances[left.pop()]
            n = len(u.pcm)
            if t < 0 and t + n < 8000:
                t = 0
            if t + n > stop and stop < n_window:
                break
            self.place(samples, u, t, gain)
            segments.append(self.heard(u, t, n_window))
            self.label(fword, fphone, u, t)
            kind = r.random()
            gap = r.uniform(0.08, 0.35) if tight else r.uniform(0.3, 1.5) if kind < 0.85 else r.uniform(1.5, 4.0)
            if dense:
                gap = r.uniform(0.05, 0.4)
            t += n + min(int(gap * RATE), LONGEST_PAUSE if packed else n_window)
        if segments and not len(segments[0].words) and (len(segments) > 1 or not segments[0].cut):
            segments.pop(0)
        return segments

    def first_start(self, dense):
        """Sample at which the first utterance starts; negative where the window starts inside of it."""
        r, kind = self.draw, self.draw.random()
        if kind < 0.3:
            t = r.uniform(0, 0.1)
        elif kind < 0.75:
            t = r.uniform(0, 1.0)
        elif kind < 0.9 or self.seconds < 10:
            t = r.uniform(0, 3.0)
        else:
            t = r.uniform(0, 10.0)
        if dense:
            t = r.uniform(0, 0.15)
        if r.random() < 0.12:
            return -int(r.uniform(0.1, 1.5) * RATE)
        return int(t * RATE)

    def place(self, samples, utterance, t, gain):
        r, n = self.draw, len(utterance.pcm)
        x = utterance.pcm.astype(np.float32) / 32768.0
        peak = np.abs(x).max()
        x *= gain * 10 ** (r.uniform(-4, 0) / 20) * (0.9 / peak if r.random() < 0.5 else 1.0)
        first, last = max(t, -200), min(t + n, self.seconds * RATE + 200)
        samples[first + 200:last + 200] += x[first - t:last - t]

    @staticmethod
    def heard(u, t, n_window):
        n = len(u.pcm)
        inside = [i for i in range(len(u.words)) if u.starts[i] + t >= -480 and u.ends[i] + t <= n_window + 480]
        return Segment(max(t, 0), min(t + n, n_window), u.words[inside], (u.starts[inside] + t) / FRAME,
                       (u.ends[inside] + t) / FRAME, t + n > n_window)

    def label(self, fword, fphone, u, t):
        """Word and phone of the encoder positions that the utterance covers."""
        for word, start, end in zip(u.words, u.starts, u.ends):
            first, last = int((start + t) / FRAME + 0.5), int((end + t) / FRAME + 0.5)
            fword[max(first, 0):max(last, 0)] = word
        first = max(0, t // FRAME)
        last = max(0, min(self.positions, (t + len(u.pcm)) // FRAME))
        if not len(u.phones):
            fphone[first:last] = IGNORE
            return
        at = np.searchsorted(u.phone_at, (np.arange(first, last) + 0.5) * FRAME - t, side="right") - 1
        fphone[first:last] = np.where(at >= 0, u.phones[np.maximum(at, 0)], 0)

    def reverberate(self, samples):
        """A simple room."""
        n = int(RATE * self.draw.uniform(0.08, 0.35))
        decay = np.exp(-np.arange(n) * (6.9 / n)).astype(np.float32)
        response = self.noise.standard_normal(n).astype(np.float32) * decay
        response *= self.draw.uniform(0.1, 0.6) / np.sqrt((response * response).sum())
        response[0] = 1.0
        return fftconvolve(samples, response)[:len(samples)].astype(np.float32)

    def noisy(self, samples, silent):
        r = self.draw
        if silent and r.random() < 0.75:
            return background(r, self.noise, len(samples)) * 10 ** (r.uniform(-75, -15) / 20)
        if not silent and r.random() < 0.3:
            rms = np.sqrt(np.mean(samples * samples) + 1e-12)
            return samples + background(r, self.noise, len(samples)) * (rms * 10 ** (-r.uniform(18, 50) / 20))
        return samples

    def features(self, samples, silent):
        """Features as they come through a microphone and a line."""
        r = self.draw
        if r.random() < 0.15:
            samples = coded(r, self.noise, samples)
        if r.random() < self.telephone:
            samples = telephone(r, samples)
        samples = np.clip(samples, -1, 1)
        equalizer = None
        if r.random() < 0.25:
            f = np.linspace(0, 1, N_MELS)
            curve = sum(r.uniform(-0.5, 0.5) * np.cos(np.pi * k * f + r.uniform(0, 6.3)) for k in (0.5, 1, 2, 3))
            equalizer = torch.from_numpy((10 ** curve).astype(np.float32))
        samples = np.round(samples * 32767) / 32768 if r.random() < 0.7 else samples
        louder = r.uniform(0, 1.2) if r.random() < 0.2 and not silent else 0.0
        mel = log_mel(samples.astype(np.float32), equalizer, louder)
        if r.random() < 0.04 and not silent:
            width = r.randrange(1, 9)
            band = r.randrange(N_MELS - width)
            mel[:, band:band + width] = mel.mean()
        return mel

    def tokens(self, segments, offset):
        """Input ids, targets, the encoder positions that the target was heard at ((-1, -1): none) and the position of
        the first token in the text context."""
        r, steps, pos0 = self.draw, [], 0                  # a step: token, what has to come after it, where it is heard
        if self.full and r.random() < 0.2:
            steps += self.prompt()
        elif not self.full and r.random() < 0.4:
            pos0 = r.randrange(0, 200)
        no_stamps = r.random() < 0.15
        if not segments:
            steps += self.nothing(no_stamps, offset)
        else:
            first, items = self.plain(segments) if no_stamps else self.stamped(segments, offset)
            tokens = first + [token for token, _ in items]
            steps += [(SOT, IGNORE, (-1, -1))] if no_stamps else []
            steps += [(token, target, span) for token, (target, span) in zip(tokens, items)]
        seq, tgt, span = zip(*steps[:MAX_TOKENS])
        return np.array(seq), np.array(tgt), np.array(span, np.float32), pos0

    def prompt(self):
        """The text of before, as whisper.cpp gives it."""
        r, tokens = self.draw, []
        for _ in range(r.randrange(1, 12)):
            ids = [WORD_ID[w] for w in self.text.utterance(0.3)] + [DOT]
            if r.random() < 0.7:
                start = r.randrange(0, 1200)
                ids = [STAMPS + start] + ids + [STAMPS + start + r.randrange(50, 200)]
            tokens += ids
        return [(token, IGNORE, (-1, -1)) for token in [PREV] + tokens[:199]]

    def nothing(self, no_stamps, offset):
        """A window without speech: mostly "no speech" is right; the rest keeps the other ids possible."""
        r, words, none = self.draw, len(VOCAB), (-1, -1)
        start = STAMPS + offset
        if no_stamps:
            return [(SOT, IGNORE, none), (NOT, NOSP if r.random() < 0.9 else r.randrange(words), none),
                    (r.randrange(words), EOT, none)]
        word = r.randrange(words)
        return [(SOT, NOSP if r.random() < 0.9 else start, none), (start, word, none),
                (word, start + self.positions, none), (start + self.positions, EOT, none)]

    @staticmethod
    def plain(segments):
        """The tokens before the first and the (token, span) to predict, without time stamps."""
        items = []
        for s in segments:
            items += zip(s.words, zip(s.starts, s.ends))
            if not s.cut:
                items.append((DOT, (s.end / FRAME - 4, s.end / FRAME + 2)))
        return [NOT], items + [(EOT, (-1, -1))]

    def stamped(self, segments, offset):
        """The same with time stamps around every segment; of one that the window cuts only its start."""
        first, items = STAMPS + offset, []
        for i, s in enumerate(segments):
            start, end = int(s.start / FRAME), min(self.positions, int(s.end / FRAME + 0.5))
            stamp = start
            if i == 0 and offset == 0 and self.full and start > 50 and self.draw.random() < 0.3:
                stamp = 50                                 # the latest first time stamp that whisper.cpp allows
            items.append((first + stamp, (start - 3, start + 3)))
            if s.cut:
                break
            items += zip(s.words, zip(s.starts, s.ends))
            items += [(DOT, (end - 4, end + 2)), (first + end, (end - 3, end + 3))]
        return [SOT], items + [(EOT, (-1, -1))]


class Stream(torch.utils.data.IterableDataset):
    """Batches without end, made in the loader's processes."""

    def __init__(self, batch, seed, **window):
        self.window, self.size, self.seed = window, batch, seed

    def __iter__(self):
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        maker = Maker(seed=self.seed + 1000 * (info.id if info else 0), **self.window)
        while True:
            yield maker.batch(self.size)
