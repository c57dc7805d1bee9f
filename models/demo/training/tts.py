"""Synthetic speech with exact word times, in process, through libespeak-ng and libflite (ctypes).

Debian: apt-get install libespeak-ng1 espeak-ng-data libflite1

A speaker is a dict: {"kind": "espeak", "voice", "rate", "pitch", "range", "gap", "down"} or
{"kind": "flite", "voice", "stretch", "f0", "warp"}. "down" and "warp" resample the voice a little, which makes it
higher or lower and so another person's.
"""
import ctypes as C

import numpy as np
from scipy.signal import resample_poly

RATE = 16000
ACCENTS = {"gmw/en-US": 55, "gmw/en": 30, "gmw/en-GB-scotland": 5, "gmw/en-GB-x-rp": 10}   # with their weights
VARIANTS = "m1 m2 m3 m4 m7 f1 f2 f3 f5 adam Alex Andrea david Gene Marco steph".split()
HELD_OUT_VARIANTS = "m5 f4 Andy linda".split()          # never used in training
FLITE_VOICES = ["slt", "rms", "awb", "kal16"]

# values of espeak-ng's speak_lib.h
_SYNCHRONOUS, _PHONEME_EVENTS, _CHARS_UTF8 = 2, 1, 1
_RATE, _PITCH, _RANGE, _WORDGAP = 1, 3, 4, 7
_EVENT_WORD, _EVENT_PHONEME = 1, 7


def held_out_setting(rate, pitch):
    """Whether the training speech never uses this combination of speed and pitch."""
    return 158 <= rate <= 170 and pitch >= 55


def random_speaker(random, held_out=False):
    """Draws a speaker: one of the training voices or, held out, one that the training never heard."""
    if not held_out and random.random() < 0.05:
        return dict(kind="flite", voice=random.choice(FLITE_VOICES), stretch=random.uniform(0.8, 1.3),
                    f0=random.uniform(80, 150), warp=random.uniform(0.93, 1.07))
    accent = random.choices(list(ACCENTS), list(ACCENTS.values()))[0]
    while True:
        rate, pitch = random.randint(130, 190), random.randint(25, 75)
        if held_out:
            rate, pitch = random.randint(158, 170), random.randint(55, 85)
        if held_out == held_out_setting(rate, pitch):
            break
    if held_out:
        variant = random.choice(HELD_OUT_VARIANTS)
    else:
        variant = "" if random.random() < 0.25 else random.choice(VARIANTS)
    return dict(kind="espeak", voice=accent + ("+" + variant if variant else ""), rate=rate, pitch=pitch,
                range=random.randint(25, 75), gap=0 if random.random() < 0.7 else random.randint(1, 6),
                down=random.randint(418, 464))


class _Id(C.Union):
    _fields_ = [("number", C.c_int), ("name", C.c_char_p), ("string", C.c_char * 8)]


class _Event(C.Structure):
    _fields_ = [("type", C.c_int), ("uid", C.c_uint), ("text_position", C.c_int), ("length", C.c_int),
                ("audio_position", C.c_int), ("sample", C.c_int), ("user_data", C.c_void_p), ("id", _Id)]


class _Wave(C.Structure):
    _fields_ = [("type", C.c_char_p), ("rate", C.c_int), ("count", C.c_int), ("channels", C.c_int),
                ("samples", C.POINTER(C.c_short))]


class _Voice(C.Structure):
    _fields_ = [("name", C.c_char_p), ("features", C.c_void_p)]


class Synthesizer:
    """Speaks words. One per process: libespeak-ng keeps its state in globals."""

    def __init__(self):
        self._espeak = Espeak()
        self._flite = None

    def say(self, words, speaker):
        """Returns int16 samples at 16 kHz without silence at either end, the first and the last sample of every
        word, and the phones as [(first sample, name)] (none from flite)."""
        if speaker["kind"] == "espeak":
            pcm, starts, ends, phones = self._espeak.say(words, speaker)
        else:
            self._flite = self._flite or Flite()
            pcm, starts, ends, phones = self._flite.say(words, speaker)
        loudness = np.abs(pcm.astype(np.float32))
        loud = np.nonzero(loudness > max(60.0, 0.012 * loudness.max()))[0]
        first, last = max(0, loud[0] - 160), min(len(pcm), loud[-1] + 320)
        pcm = pcm[first:last]
        starts = np.clip(np.array(starts) - first, 0, len(pcm)).astype(np.int32)
        ends = np.clip(np.array(ends) - first, 0, len(pcm)).astype(np.int32)
        return pcm, starts, ends, [(max(0, at - first), name) for at, name in phones]


class Espeak:
    """libespeak-ng, called synchronously; samples and events arrive in a callback."""

    def __init__(self):
        self._lib = C.CDLL("libespeak-ng.so.1")
        self._samples, self._events = [], []
        self._callback = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))(self._collect)
        if self._lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS) < 0:
            raise RuntimeError("espeak-ng does not start: is espeak-ng-data installed?")
        self._lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave, count, events):
        if count > 0 and wave:
            self._samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type:
            e = events[i]
            self._events.append((e.type, e.text_position, e.sample,
                                 e.id.string if e.type == _EVENT_PHONEME else None))
            i += 1
        return 0

    def say(self, words, speaker):
        if self._lib.espeak_SetVoiceByName(speaker["voice"].encode()) != 0:
            raise RuntimeError("espeak-ng has no voice " + speaker["voice"])
        for parameter, key in ((_RATE, "rate"), (_PITCH, "pitch"), (_RANGE, "range"), (_WORDGAP, "gap")):
            self._lib.espeak_SetParameter(parameter, speaker[key], 0)
        text = (" ".join(words) + ".").encode()
        self._samples.clear()
        self._events.clear()
        self._lib.espeak_Synth(text, len(text) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        self._lib.espeak_Synchronize()
        x = np.concatenate(self._samples)
        y = resample_poly(x.astype(np.float32), 320, speaker["down"])    # 22.05 kHz to about 16 kHz
        scale = len(y) / len(x)
        bounds, phones = self._bounds(words, len(x))
        bounds = [int(b * scale) for b in bounds]
        phones = [(int(at * scale), name) for at, name in phones]
        return np.clip(y, -32000, 32000).astype(np.int16), bounds[:-1], bounds[1:], phones

    def _bounds(self, words, end):
        """The start of every word and the end of the last, and the phones, in samples of espeak-ng."""
        word_at, position = {}, 1                          # espeak-ng counts characters from one
        for i, word in enumerate(words):
            word_at[position] = i
            position += len(word) + 1
        starts, phones, last_phone = [None] * len(words), [], 0
        for kind, position_in_text, sample, name in self._events:
            if kind == _EVENT_WORD and position_in_text in word_at and starts[word_at[position_in_text]] is None:
                starts[word_at[position_in_text]] = sample
            elif kind == _EVENT_PHONEME:
                if not name.startswith(b"_"):              # underscores are pauses
                    last_phone = sample
                elif position_in_text + 1 >= position - 2:
                    end = min(end, sample)
                phones.append((sample, name.decode("latin1")))
        if starts[0] is None:
            starts[0] = 0
        bounds = starts + [max(end, last_phone + 800)]
        for i in range(1, len(words)):                     # words that espeak-ng joined to the one before
            if bounds[i] is None:
                known = next(j for j in range(i, len(bounds)) if bounds[j] is not None)
                before = bounds[i - 1]
                for m in range(i, known):
                    bounds[m] = before + (bounds[known] - before) * (m - i + 1) // (known - i + 1)
        return bounds, phones


class Flite:
    """libflite with its four voices of 16 kHz."""

    def __init__(self):
        lib = self._lib = C.CDLL("libflite.so.1", mode=C.RTLD_GLOBAL)
        for name in ("cmulex", "usenglish"):
            C.CDLL("libflite_%s.so.1" % name, mode=C.RTLD_GLOBAL)
        pointer, string = C.c_void_p, C.c_char_p
        for name, result, arguments in (
                ("flite_synth_text", pointer, [string, pointer]),
                ("utt_wave", C.POINTER(_Wave), [pointer]),
                ("utt_relation", pointer, [pointer, string]),
                ("relation_head", pointer, [pointer]),
                ("item_next", pointer, [pointer]),
                ("item_feat_float", C.c_float, [pointer, string]),
                ("ffeature_string", string, [pointer, string]),
                ("delete_utterance", None, [pointer]),
                ("feat_set_float", None, [pointer, string, C.c_float])):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        lib.flite_init()
        self._voices = {}
        for name in FLITE_VOICES:
            voice = C.CDLL("libflite_cmu_us_%s.so.1" % name, mode=C.RTLD_GLOBAL)
            register = getattr(voice, "register_cmu_us_" + name)
            register.restype, register.argtypes = C.POINTER(_Voice), [string]
            self._voices[name] = register(None)

    def say(self, words, speaker):
        lib, voice = self._lib, self._voices[speaker["voice"]]
        lib.feat_set_float(voice.contents.features, b"duration_stretch", speaker["stretch"])
        lib.feat_set_float(voice.contents.features, b"int_f0_target_mean", speaker["f0"])
        utterance = lib.flite_synth_text(" ".join(words).encode(), C.cast(voice, C.c_void_p))
        wave = lib.utt_wave(utterance).contents
        x = np.ctypeslib.as_array(wave.samples, (wave.count,)).astype(np.float32)
        y = resample_poly(x, int(round(100 / speaker["warp"])), 100)
        scale = len(y) / len(x) * wave.rate
        starts, ends = self._times(words, self._segments(utterance))
        lib.delete_utterance(utterance)
        return np.clip(y, -32000, 32000).astype(np.int16), [int(s * scale) for s in starts], \
            [int(e * scale) for e in ends], []

    def _segments(self, utterance):
        """[(start, end, word, identity of the word)] of every phone, in seconds; the word of a pause is None."""
        lib, segments, start = self._lib, [], 0.0
        item = lib.relation_head(lib.utt_relation(utterance, b"Segment"))
        while item:
            end = lib.item_feat_float(item, b"end")
            word = lib.ffeature_string(item, b"R:SylStructure.parent.parent.name").decode()
            identity = lib.ffeature_string(item, b"R:SylStructure.parent.parent.addr") or b""
            segments.append((start, end, None if word == "0" else word, identity))
            start = end
            item = lib.item_next(item)
        return segments

    @staticmethod
    def _times(words, segments):
        starts, ends, i, previous = [None] * len(words), [None] * len(words), -1, None
        for start, end, word, identity in segments:
            if word is None:
                previous = None
                continue
            if (word, identity) != previous:
                i = min(i + 1, len(words) - 1)
                previous = (word, identity)
                starts[i] = start
            ends[i] = end
        if i == len(words) - 1 and None not in starts:
            return starts, ends
        # flite read the words otherwise than they are written: spread them by their letters
        first = next(start for start, _, word, _ in segments if word)
        last = max(end for _, end, word, _ in segments if word)
        letters = np.concatenate([[0], np.cumsum([len(word.replace("'", "")) + 1 for word in words])])
        bounds = list(first + (last - first) * letters / letters[-1])
        return bounds[:-1], bounds[1:]
