"""The three supernets as PyTorch modules.

Parameters have the names of docs/parity.md, so a state_dict is a fixture's weights.
alpha is one vector, row after row; each module's `rows` are the lengths of its rows.
Operations that give zero are left out, which is in PyTorch's favour.
"""

import torch
from torch import nn
from torch.nn import functional as F


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm."""

    def __init__(self, cin, cout, k, stride=1, affine=True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2, bias=False)
        self.norm = nn.BatchNorm2d(cout, affine=affine)

    def forward(self, x):
        return self.norm(self.conv(x))


class ReLUConvNorm(ConvNorm):
    def forward(self, x):
        return super().forward(F.relu(x))


class ConvNormReLU(ConvNorm):
    def forward(self, x):
        return F.relu(super().forward(x))


class MixedOp(nn.ModuleDict):
    """sum_o p[o] op_o(x); `places` are where the operations stand in p."""

    def __init__(self, ops, places):
        super().__init__(ops)
        self.places = places

    def forward(self, x, p):
        return sum(p[place] * op(x) for place, op in zip(self.places, self.values()))


class Network(nn.Module):
    """What all have in common: mixture of alpha, pooling, classifier."""

    def mixture(self, alpha):
        """softmax over each row; stacked where all rows have one length."""
        if len(set(self.rows)) == 1:
            return alpha.view(len(self.rows), -1).softmax(1)
        return [row.softmax(0) for row in alpha.split(self.rows)]

    def forward(self, images, alpha):
        x = self.features(images, self.mixture(alpha))
        return self.classifier(x.mean((2, 3)))


# NAS-Bench-201


def shuffled(x, k):
    """Blocks of the k groups of channels in turn, as docs/methods.md has them for pc-darts."""
    batch, channels, *size = x.shape
    group = channels // k
    block = group // k if group % k == 0 else 1
    return x.view(batch, k, group // block, block, *size).transpose(1, 2).reshape(x.shape)


# The operations of an edge but none, on c channels.
OPERATIONS201 = {
    "skip_connect": lambda c, affine: nn.Identity(),
    "nor_conv_1x1": lambda c, affine: ReLUConvNorm(c, c, 1, affine=affine),
    "nor_conv_3x3": lambda c, affine: ReLUConvNorm(c, c, 3, affine=affine),
    "avg_pool_3x3": lambda c, affine: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
}


class Cell201(nn.Module):
    """With partial > 1 the first channels of each node are mixed, the others go around."""

    edges = [(to, source) for to in range(1, 4) for source in range(to)]

    def __init__(self, c, partial=1):
        super().__init__()
        self.partial = partial
        c //= partial
        for to, source in self.edges:
            ops = {name: make(c, False) for name, make in OPERATIONS201.items()}
            self.add_module(f"{to}<-{source}", MixedOp(ops, [1, 2, 3, 4]))

    def forward(self, x, p):
        nodes, mixed = [x], x.shape[1] // self.partial
        for to in range(1, 4):
            node = sum(
                getattr(self, f"{to}<-{source}")(nodes[source][:, :mixed], p[self.edges.index((to, source))])
                for source in range(to))
            if self.partial > 1:
                node = shuffled(torch.cat([node, sum(x[:, mixed:] for x in nodes)], 1), self.partial)
            nodes.append(node)
        return nodes[-1]


class Reduction(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.a = ReLUConvNorm(cin, cout, 3, 2)
        self.b = ReLUConvNorm(cout, cout, 3)
        self.shortcut = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x):
        return self.b(self.a(x)) + self.shortcut(F.avg_pool2d(x, 2, 2))


class NB201(Network):
    rows = [5] * 6

    def __init__(self, c, n, channels, classes, partial=1):
        super().__init__()
        self.n = n
        self.stem = ConvNorm(channels, c, 3)
        for layer in range(3 * n):
            stage = layer // n
            if stage > 0 and layer % n == 0:
                self.add_module(f"reduction{stage}", Reduction(c << (stage - 1), c << stage))
            self.add_module(f"cell{layer}", Cell201(c << stage, partial))
        self.last = nn.BatchNorm2d(4 * c)
        self.classifier = nn.Linear(4 * c, classes)

    def features(self, x, p):
        x = self.stem(x)
        for layer in range(3 * self.n):
            if layer > 0 and layer % self.n == 0:
                x = getattr(self, f"reduction{layer // self.n}")(x)
            x = getattr(self, f"cell{layer}")(x, p if p.dim() == 2 else p[layer])
        return F.relu(self.last(x))


# NAS-Bench-1Shot1


class CellOneShot(nn.Module):
    """With partial > 1 a block mixes the first channels, the others go around."""

    def __init__(self, cin, width, parents, partial=1):
        super().__init__()
        self.partial, part = partial, width // partial
        self.blocks = len(parents) - 1
        self.chooses = [p < v for v, p in enumerate(parents, 1)]
        for v in range(1, self.blocks + 1):
            ops = {
                "maxpool3x3": nn.MaxPool2d(3, 1, 1),
                "conv3x3-bn-relu": ConvNormReLU(part, part, 3),
                "conv1x1-bn-relu": ConvNormReLU(part, part, 1),
            }
            self.add_module(f"{v}<-0", nn.ModuleDict({"projection": ConvNormReLU(cin, width, 1)}))
            self.add_module(str(v), MixedOp(ops, [0, 1, 2]))
        self.add_module("output<-0", nn.ModuleDict({"projection": ConvNormReLU(cin, self.blocks * width, 1)}))

    def project(self, x, to):
        return getattr(self, f"{to}<-0")["projection"](x)

    def forward(self, x, p):
        """p: the operations of each block, the output's row, then rows of parents."""
        output, inputs = p[self.blocks], iter(p[self.blocks + 1:])
        nodes = [x]
        for v in range(1, self.blocks + 1):
            read = [self.project(x, v)] + nodes[1:]
            if self.chooses[v - 1]:
                row = next(inputs)
                read = [row[u] * node for u, node in enumerate(read)]
            read = sum(read)
            part = read.shape[1] // self.partial
            node = getattr(self, str(v))(read[:, :part], p[v - 1])
            if self.partial > 1:
                node = shuffled(torch.cat([node, read[:, part:]], 1), self.partial)
            nodes.append(node)
        side = torch.cat([output[v] * nodes[v] for v in range(1, self.blocks + 1)], 1)
        return output[0] * self.project(x, "output") + side


class OneShot(Network):
    parents = {"nb1b1-s1": [1, 2, 2, 2, 2], "nb1b1-s2": [1, 1, 2, 2, 3], "nb1b1-s3": [1, 1, 1, 2, 2, 2]}

    def __init__(self, space, c, n, channels, classes, partial=1):
        super().__init__()
        parents = self.parents[space]
        self.n, blocks = n, len(parents) - 1
        self.rows = [3] * blocks + [blocks + 1] + [v for v, p in enumerate(parents[:-1], 1) if p < v]
        self.stem = ConvNormReLU(channels, c, 3)
        cin = c
        for layer in range(3 * n):
            width = c << (layer // n)
            self.add_module(f"cell{layer}", CellOneShot(cin, width, parents, partial))
            cin = blocks * width
        self.head = ReLUConvNorm(cin, cin // blocks, 1, affine=False)
        self.classifier = nn.Linear(cin // blocks, classes)

    def features(self, x, p):
        x = self.stem(x)
        for layer in range(3 * self.n):
            if layer > 0 and layer % self.n == 0:
                x = F.max_pool2d(x, 2, 2, 1)
            x = getattr(self, f"cell{layer}")(x, p)
        return self.head(x)


# DARTS


class Normed(nn.Module):
    """An operation without weights, then batch norm."""

    def __init__(self, op, c):
        super().__init__()
        self.op, self.norm = op, nn.BatchNorm2d(c, affine=False)

    def forward(self, x):
        return self.norm(self.op(x))


class Separable(nn.Module):
    """ReLU, depthwise and 1x1 convolution, batch norm."""

    def __init__(self, c, k, stride=1, dilation=1):
        super().__init__()
        self.depth = nn.Conv2d(c, c, k, stride, dilation * (k - 1) // 2, dilation, groups=c, bias=False)
        self.point = ConvNorm(c, c, 1, affine=False)

    def forward(self, x):
        return self.point(self.depth(F.relu(x)))


class Twice(nn.Module):
    def __init__(self, c, k, stride):
        super().__init__()
        self.a, self.b = Separable(c, k, stride), Separable(c, k)

    def forward(self, x):
        return self.b(self.a(x))


class FactorizedReduce(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.even = nn.Conv2d(cin, cout // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(cin, cout // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(cout, affine=False)

    def forward(self, x):
        x = F.relu(x)
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))


class CellDARTS(nn.Module):
    """With partial > 1 the first channels of each node are mixed; the others go around, times
    the sum of the edge's coefficients where edges have weights."""

    edges = [(to, source) for to in range(2, 6) for source in range(to)]

    def __init__(self, before, last, c, reduce, behind_reduction, partial=1, edge_weights=False):
        super().__init__()
        self.partial, self.edge_weights, self.reduce = partial, edge_weights, reduce
        self.first_row = len(self.edges) if reduce else 0
        self.input0 = FactorizedReduce(before, c) if behind_reduction else ReLUConvNorm(before, c, 1, affine=False)
        self.input1 = ReLUConvNorm(last, c, 1, affine=False)
        c //= partial
        for to, source in self.edges:
            stride = 2 if reduce and source < 2 else 1
            ops = {
                "max_pool_3x3": Normed(nn.MaxPool2d(3, stride, 1), c),
                "avg_pool_3x3": Normed(nn.AvgPool2d(3, stride, 1, count_include_pad=False), c),
                "skip_connect": nn.Identity() if stride == 1 else FactorizedReduce(c, c),
                "sep_conv_3x3": Twice(c, 3, stride),
                "sep_conv_5x5": Twice(c, 5, stride),
                "dil_conv_3x3": Separable(c, 3, stride, 2),
                "dil_conv_5x5": Separable(c, 5, stride, 2),
            }
            self.add_module(f"{to}<-{source}", MixedOp(ops, range(1, 8)))

    def forward(self, before, last, p):
        nodes = [self.input0(before), self.input1(last)]
        mixed = nodes[0].shape[1] // self.partial
        for to in range(2, 6):
            rows = [p[self.first_row + self.edges.index((to, source))] for source in range(to)]
            node = sum(getattr(self, f"{to}<-{source}")(nodes[source][:, :mixed], rows[source]) for source in range(to))
            if self.partial > 1:
                around = sum(self.around(nodes[source][:, mixed:], source, rows[source]) for source in range(to))
                node = shuffled(torch.cat([node, around], 1), self.partial)
            nodes.append(node)
        return torch.cat(nodes[2:], 1)

    def around(self, x, source, p):
        if self.reduce and source < 2:
            x = F.max_pool2d(x, 2, 2)
        return p.sum() * x if self.edge_weights else x


class DARTS(Network):
    rows = [8] * 28

    def __init__(self, c, n, channels, classes, partial=1, edge_weights=False):
        super().__init__()
        self.n = n
        self.stem = ConvNorm(channels, 3 * c, 3)
        before, last, behind = 3 * c, 3 * c, False
        for layer in range(n):
            reduce = layer in (n // 3, 2 * n // 3)
            if reduce:
                c *= 2
            self.add_module(f"cell{layer}", CellDARTS(before, last, c, reduce, behind, partial, edge_weights))
            before, last, behind = last, 4 * c, reduce
        self.classifier = nn.Linear(last, classes)

    def features(self, x, p):
        before = last = self.stem(x)
        for layer in range(self.n):
            before, last = last, getattr(self, f"cell{layer}")(before, last, p)
        return last


def build(space, c, n, channels, classes, partial=1, edge_weights=False):
    """The supernet of a space of idarts, in training mode. Weights of edges are something
    else than coefficients on a part of the channels of darts alone."""
    if space == "nb201":
        return NB201(c, n, channels, classes, partial)
    if space == "darts":
        return DARTS(c, n, channels, classes, partial, edge_weights)
    return OneShot(space, c, n, channels, classes, partial)
