"""A head start for the decoder, once the encoder knows words and the cross attention has begun to follow them."""
import torch


@torch.no_grad()
def warm_start(m, batches, gain=0.4):
    """Makes the encoder's word classifier the embedding of the words, lets head 0 of the first decoder layer find the
    word just read by that embedding, and the last layer pass on what it hears. Everything stays trainable."""
    d = m.cfg["d"]
    head = d // m.cfg["heads"]
    first, second = slice(0, head), slice(head, 2 * head)
    mean = torch.cat([m.encode(b["mel"], b["off"])[0].flatten(0, 1) for b in batches]).mean(0)
    words = m.word_head.weight[:m.n_words - 1]
    words = words - words.mean(0)
    m.emb[:m.n_words - 1] = words
    directions = torch.linalg.svd(words, full_matrices=False)[2]

    c = m.dec[0].cross_attn
    for layer in (c.q, c.k, c.v):                          # head 1 goes on with what head 0 has learnt
        layer.weight[second] = layer.weight[first].clone()
        if layer.bias is not None:
            layer.bias[second] = layer.bias[first].clone()
    c.o.weight[:, second] = c.o.weight[:, first].clone()
    c.q.weight[first], c.k.weight[first] = directions[:head], directions[:head]
    c.q.bias[first] = 0

    c = m.dec[-1].cross_attn
    identity = torch.eye(d, device=words.device)
    c.v.weight.copy_(identity)
    c.v.bias.copy_(-mean)
    c.o.weight.copy_(identity * gain)
    c.o.bias.zero_()
    if m.cfg["heads"] > 1:                                 # both heads listen at the same place
        c.q.weight[second], c.k.weight[second] = c.q.weight[first].clone(), c.k.weight[first].clone()
        c.q.bias[second] = c.q.bias[first].clone()
