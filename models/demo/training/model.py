"""A small Whisper (pre-LN encoder/decoder transformer) in plain PyTorch, with two training-only heads."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

N_AUDIO_CTX, N_TEXT_CTX, N_VOCAB, N_TS = 1500, 448, 51864, 1501
EOT, SOT, PREV, NOSP, NOT, BEG = 50256, 50257, 50360, 50361, 50362, 50363    # ids of English-only Whisper models
N_FREQ = 24                                           # of the positions: they fill 48 channels


def frequencies():
    return torch.exp(torch.linspace(math.log(1.2), math.log(0.002), N_FREQ))


def sinusoids(length, channels):
    """Positions in the first 48 channels only; the other channels are left to the sound."""
    t = torch.arange(length)[:, None] * frequencies()[None]
    p = torch.zeros(length, channels)
    p[:, :N_FREQ], p[:, N_FREQ:2 * N_FREQ] = t.sin(), t.cos()
    return p


class Attention(nn.Module):
    """Multi-head attention; query and value have a bias, key has none, as in Whisper."""

    def __init__(self, d, heads):
        super().__init__()
        self.h = heads
        self.q, self.k = nn.Linear(d, d), nn.Linear(d, d, bias=False)
        self.v, self.o = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        b, t, d = x.shape
        return x.view(b, t, self.h, d // self.h).transpose(1, 2)

    def forward(self, x, kv=None, mask=None, want=False):
        src = x if kv is None else kv
        hd = x.shape[-1] // self.h
        q = self.split(self.q(x)) * hd ** -0.5
        k, v = self.split(self.k(src)), self.split(self.v(src))
        s = q @ k.transpose(-1, -2)
        if mask is not None:
            s = s + mask
        a = s.softmax(-1)
        y = a @ v
        if mask is None and src.shape[1] == N_AUDIO_CTX:
            # whisper.cpp's flash attention runs over 1536 keys: 36 zero rows, not masked, share in the softmax
            share = torch.sigmoid(torch.logsumexp(s, -1, keepdim=True) - math.log(-N_AUDIO_CTX % 256))
            y = y * share
            a = a * share if want else a
        y = y.transpose(1, 2).reshape(x.shape)
        return (self.o(y), a) if want else self.o(y)


class Block(nn.Module):
    """One layer of the encoder, or with cross attention of the decoder."""

    def __init__(self, d, heads, cross):
        super().__init__()
        self.attn_ln, self.attn = nn.LayerNorm(d), Attention(d, heads)
        if cross:
            self.cross_attn_ln, self.cross_attn = nn.LayerNorm(d), Attention(d, heads)
        self.mlp_ln, self.fc1, self.fc2 = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, enc=None, mask=None):
        x = x + self.attn(self.attn_ln(x), mask=mask)
        att = None
        if enc is not None:
            y, att = self.cross_attn(self.cross_attn_ln(x), kv=enc, want=True)
            x = x + y
        x = x + self.fc2(F.gelu(self.fc1(self.mlp_ln(x)), approximate="tanh"))
        return x, att


class Whisper(nn.Module):
    """The model over compact token ids: words and ".", EOT SOT PREV NOSP NOT, time stamps. All the other ids of the
    Whisper vocabulary share one embedding."""

    def __init__(self, n_words, d=128, heads=2, enc_layers=4, dec_layers=3, n_phones=80, n_mels=80):
        super().__init__()
        self.cfg = dict(n_words=n_words, d=d, heads=heads, enc_layers=enc_layers, dec_layers=dec_layers,
                        n_phones=n_phones, n_mels=n_mels)
        self.n_words = n_words                        # words and "."
        self.n_plain = n_words + 5                    # + EOT SOT PREV NOSP NOT
        self.conv1, self.conv2 = nn.Linear(3 * n_mels, d), nn.Linear(3 * d, d)   # see conv
        self.register_buffer("pos", sinusoids(N_AUDIO_CTX, d))
        self.enc = nn.ModuleList(Block(d, heads, False) for _ in range(enc_layers))
        self.ln_post = nn.LayerNorm(d)
        self.emb = nn.Parameter(torch.randn(self.n_plain, d) * 0.05)
        self.unused = nn.Parameter(torch.zeros(d))    # the one row that all unused ids share
        self.ts_base = nn.Parameter(torch.randn(d) * 0.05)
        self.ts_proj = nn.Parameter(torch.randn(d, d) * 0.01)
        self.ts_free = nn.Parameter(torch.zeros(N_TS, d))
        self.dpos = nn.Parameter(torch.randn(N_TEXT_CTX, d) * 0.01)
        self.dec = nn.ModuleList(Block(d, heads, True) for _ in range(dec_layers))
        self.ln = nn.LayerNorm(d)
        # training only: word and phone of each frame
        self.word_head, self.phone_head = nn.Linear(d, n_words + 1), nn.Linear(d, n_phones)
        for n, p in self.named_parameters():
            if n.endswith(".o.weight") or n.endswith("fc2.weight"):
                p.data.mul_((2 * max(enc_layers, dec_layers)) ** -0.5)
        self.local_init()
        self.n_unused = N_VOCAB - self.n_plain - N_TS

    def local_init(self):
        """The start: the encoder's heads look a few positions back or ahead; nothing else reads these channels."""
        w, n = frequencies(), 2 * N_FREQ
        self.conv1.weight.data.mul_(2.0)
        self.conv1.bias.data += 0.6 * self.conv1.weight.data.sum(1)      # the mean of the features is about -0.6
        self.conv2.weight.data.mul_(5.0)
        self.conv2.weight.data[:n] = 0
        self.conv2.bias.data[:n] = 0
        for lyr in [b.attn.v for b in self.enc] + [b.fc1 for b in self.enc] + [self.word_head, self.phone_head]:
            lyr.weight.data[:, :n] = 0
        for i, b in enumerate(self.enc):
            hd = b.attn.q.weight.shape[0] // b.attn.h
            for h in range(b.attn.h):
                off = (1, 3, 5, 9)[i % 4] * (-1, 1, 0)[h % 3]
                for lyr in (b.attn.q, b.attn.k):
                    lyr.weight.data[h * hd:h * hd + n] = 0
                for j in range(N_FREQ):
                    c, s = math.cos(w[j] * off), math.sin(w[j] * off)
                    r, a = h * hd + 2 * j, 2.0
                    q, k = b.attn.q.weight.data, b.attn.k.weight.data
                    q[r, j], q[r, N_FREQ + j] = a * c, a * s
                    q[r + 1, j], q[r + 1, N_FREQ + j] = -a * s, a * c
                    k[r, j], k[r + 1, N_FREQ + j] = a, a

    def rows(self):
        """The embeddings of the used ids, in compact order."""
        p = torch.cat([self.pos, self.pos[-1:]], 0)
        return torch.cat([self.emb, self.ts_base + p @ self.ts_proj + self.ts_free], 0)

    @staticmethod
    def conv(x, layer, stride):
        """A convolution over three frames, written as one matrix product."""
        x = F.pad(x, (0, 0, 1, 1))
        n = x.shape[1]
        cols = torch.cat([x[:, 0:n - 2:stride], x[:, 1:n - 1:stride], x[:, 2:n:stride]], -1)
        return F.gelu(layer(cols), approximate="tanh")

    def encode(self, mel, offset=None):
        """Features (B, T/2, d) of mel (B, T, 80), and the input of the phone head; offset: position of the first."""
        x = self.conv(self.conv(mel, self.conv1, 1), self.conv2, 2)
        n = x.shape[1]
        if offset is None:
            x = x + self.pos[:n]
        else:
            x = x + self.pos[offset[:, None] + torch.arange(n, device=x.device)[None]]
        mid = None
        for i, b in enumerate(self.enc):
            x, _ = b(x)
            if i == len(self.enc) // 2 - 1:
                mid = x
        return self.ln_post(x), mid

    def decode(self, tok, enc, pos0=None):
        """Hidden states of compact ids (B, L), the embeddings, and the cross attention of each layer."""
        rows = self.rows()
        n = tok.shape[1]
        idx = torch.arange(n, device=tok.device)[None] + (0 if pos0 is None else pos0[:, None])
        x = F.embedding(tok, rows) + F.embedding(idx.expand_as(tok), self.dpos)
        mask = torch.full((n, n), -1e9, device=x.device).triu(1)
        atts = []
        for b in self.dec:
            x, a = b(x, enc, mask)
            atts.append(a)
        return self.ln(x), rows, atts

    def logits(self, h, rows):
        """Scores of the compact ids; the last column stands for all the unused ids together."""
        return torch.cat([h @ rows.t(), (h @ self.unused)[..., None] + math.log(self.n_unused)], -1)
