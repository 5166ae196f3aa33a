"""Several runs of one network as one program: their channels lie side by side in every map, and never mix.

A small network keeps a GPU busy with launches; S of them as one launch as much as one. Depthwise convolutions have S
times the channels, dense ones become grouped or batched products, batch norms are per channel anyway. Images, order,
rates, noise, clipping and averages are each run's own, so what comes out is what S runs apart give, to rounding.
"""
