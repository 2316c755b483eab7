"""A cell of NAS-Bench-201 trained by PyTorch, beside `idarts retrain --space nb201 --protocol less`.

    python3 train.py CIFAR-FOLDER CELL [SEED ...]

The benchmark's recipe (CIFAR.config, LESS.config: SGD 0.1 falling to 0 along half a cosine
with every step, Nesterov 0.9, decay 5e-4 on all weights, batches of 256, the last of an
epoch smaller, flip, then crop with 4 black pixels around) on the half of CIFAR-10 that fits
the weights in a search. Layers, their start, gradients and the optimiser are PyTorch's own,
so are its random streams: what is compared is the accuracy of many seeds, not bits.
Prints the accuracy on the other half after each epoch, in percent.
"""

import json
import os
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

from networks import OPERATIONS201, ConvNorm, Reduction

EPOCHS = int(os.environ.get("EPOCHS", 12))
BATCH, PAD = 256, 4
MEAN = torch.tensor([125.3, 123.0, 113.9]).view(1, 3, 1, 1) / 255
STD = torch.tensor([63.0, 62.1, 66.7]).view(1, 3, 1, 1) / 255


class Cell(nn.Module):
    """Nodes 1 to 3 of a cell in its text form, "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"."""

    def __init__(self, text, c):
        super().__init__()
        self.ops = nn.ModuleDict()
        for to, node in enumerate(text.split("+"), 1):
            for edge in node.strip("|").split("|"):
                op, source = edge.split("~")
                if op != "none":
                    self.ops[f"{to}<-{source}"] = OPERATIONS201[op](c, True)

    def forward(self, x):
        nodes = [x]
        for to in range(1, 4):
            terms = [self.ops[f"{to}<-{i}"](nodes[i]) for i in range(to) if f"{to}<-{i}" in self.ops]
            nodes.append(sum(terms) if terms else torch.zeros_like(x))
        return nodes[-1]


def network(text, c=16, n=5, classes=10):
    stages = [ConvNorm(3, c, 3)]
    for stage in range(3):
        if stage:
            stages.append(Reduction(c << (stage - 1), c << stage))
        stages += [Cell(text, c << stage) for _ in range(n)]
    c <<= 2
    return nn.Sequential(*stages, nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes))


def read(folder):
    records = numpy.concatenate([
        numpy.fromfile(os.path.join(folder, f"data_batch_{i}.bin"), numpy.uint8).reshape(-1, 3073) for i in range(1, 6)])
    with open(os.path.join(folder, "cifar-split.txt")) as f:
        split = json.load(f)
    parts = [torch.tensor([int(i) for i in split[name][1]]) for name in ("train", "valid")]
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32)), torch.from_numpy(records[:, 0].astype(int)), parts


def augmented(images):
    n = len(images)
    flip = torch.rand(n) < 0.5
    images = torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)
    padded = F.pad(images, [PAD] * 4)
    at = torch.randint(0, 2 * PAD + 1, (n, 2))
    return torch.stack([padded[i, :, y:y + 32, x:x + 32] for i, (y, x) in enumerate(at.tolist())])


def normal(images):
    return (images.float() / 255 - MEAN) / STD


def train(data, text, seed):
    torch.manual_seed(seed)
    images, labels, (fit, held) = data
    net = network(text)
    opt = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = -(-len(fit) // BATCH)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * steps)
    for epoch in range(1, EPOCHS + 1):
        net.train()
        loss_sum = 0
        for ids in fit[torch.randperm(len(fit))].split(BATCH):
            loss = F.cross_entropy(net(normal(augmented(images[ids]))), labels[ids])
            opt.zero_grad()
            loss.backward()
            opt.step()
            fall.step()
            loss_sum += loss.item()
        net.eval()
        with torch.no_grad():
            right = sum((net(normal(images[ids])).argmax(1) == labels[ids]).sum().item() for ids in held.split(500))
        print(f"seed {seed}, epoch {epoch}: loss {loss_sum / steps:.4f}, valid {100 * right / len(held):.2f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    data = read(sys.argv[1])
    for seed in sys.argv[3:] or ["0"]:
        train(data, sys.argv[2], int(seed))
