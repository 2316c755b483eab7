"""The state of a search on a fixture, and what the steps of all methods have in common."""

import json
import math

import torch
from torch.nn import functional as F

import fixture
import networks


class Result:
    """What `idarts parity --step` wrote."""

    def __init__(self, path):
        self.tensors, self.metadata = fixture.read(path)
        names = sorted((n for n in self.tensors if n.startswith("pass.")), key=lambda n: int(n.split(".")[1]))
        self.passes = [(n.split(".")[2], self.tensors[n]) for n in names]
        self.settings = json.loads(self.metadata["settings"])


class Step:
    def __init__(self, path, result):
        self.fixture = fixture.Fixture(path, networks.build, torch.float64)
        self.model, self.weights = self.fixture.model, self.fixture.weights
        self.rows = self.model.rows
        self.result, self.settings = result, result.settings
        self.at = self.evaluations = 0
        self.buffers = [torch.zeros_like(w) for w in self.weights]
        self.first, self.second, self.moves = 0, 0, 0
        self.alpha = self.fixture.alpha.detach()[:len(result.tensors["alpha"])].clone()
        if "alpha.start" in result.tensors:  # a controller's
            self.alpha = result.tensors["alpha.start"].clone()
        self.edges = []  # of each node, where edges have weights, which stand behind the mixtures
        if self.fixture.metadata["edge_weights"] == "1" and len(result.tensors["alpha"]) > len(self.alpha):
            self.edges = [2, 3, 4, 5] * 2
            self.alpha = F.pad(self.alpha, (0, sum(self.edges)))
        self.epoch = 0
        self.pins = {}  # rows that are decided, and the option of each
        self.scalars = []  # numbers of a decision beside the program's
        self.tuning = self.baseline = None

    # Mixtures

    def parts(self, x, lengths=None):
        return x.split(lengths or self.rows + self.edges, -1)

    def softmax(self, alpha):
        rows = [row.softmax(-1) for row in self.parts(alpha)]
        for row, option in self.pins.items():
            rows[row] = F.one_hot(torch.tensor(option), self.rows[row]).double()
        return torch.cat(rows)

    def edged(self, p):
        """Mixtures, times the weights of their edges where these stand behind them."""
        if not self.edges:
            return p
        mixtures, weights = p[:-sum(self.edges)], p[-sum(self.edges):]
        return (mixtures.view(len(self.rows), -1) * weights[:, None]).flatten()

    def with_none(self, x):
        """Rows without their first option, which is none, as rows of all options."""
        return torch.cat([F.pad(row, (1, 0)) for row in self.parts(x, [n - 1 for n in self.rows])])

    # Passes

    def loss(self, half, p):
        """The loss at coefficients p, [A] for all cells or [cells, A]."""
        images, labels = self.fixture.batches[half]
        rows = self.parts(p, self.rows)
        if len(set(self.rows)) == 1:
            rows = p.unflatten(-1, (len(self.rows), -1))
        x = self.model.features(images, rows)
        return F.cross_entropy(self.model.classifier(x.mean((2, 3))), labels)

    def drawn(self, half):
        """The coefficients of the program's next pass, which has to be on this half: [A]
        where the cells share them."""
        name, coefs = self.result.passes[self.at]
        if name != half:
            raise SystemExit(f"pass {self.at} is on the {name} half, want {half}")
        self.at += 1
        return coefs[0] if bool((coefs == coefs[0]).all()) else coefs

    def known(self, half, p, near=1e-10):
        """Coefficients that follow from alpha; they have to be the program's."""
        drawn = self.drawn(half)
        if not torch.allclose(drawn, p.detach().expand_as(drawn), rtol=near, atol=near):
            raise SystemExit(f"pass {self.at - 1}: other coefficients, by {(drawn - p).abs().max():.1e}")
        return p

    def evaluation(self):
        """The program's next evaluation of the validation batch, done again: coefficients,
        loss and accuracy. The program's loss goes to the scalars."""
        name = f"evaluation.{self.evaluations}"
        tensors = self.result.tensors
        self.evaluations += 1
        coefs = tensors[name][0]
        images, labels = self.fixture.batches["valid"]
        with torch.no_grad():
            x = self.model.features(images, coefs.unflatten(-1, (len(self.rows), -1)))
            logits = self.model.classifier(x.mean((2, 3)))
        loss = F.cross_entropy(logits, labels).item()
        accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
        self.scalars.append((tensors[name + ".loss"].item(), loss))
        if abs(accuracy - tensors[name + ".accuracy"].item()) > 1e-9:
            raise SystemExit(f"{name}: accuracy {tensors[name + '.accuracy'].item()}, want {accuracy}")
        return coefs, loss, accuracy

    # Updates

    def rate(self):
        s, e = self.tuning or self.settings["weights"], self.epoch / self.settings["epochs"]
        return s["min_lr"] + (s["lr"] - s["min_lr"]) * (1 + math.cos(math.pi * e)) / 2

    def clipped(self, grads):
        norm, limit = torch.sqrt(sum((g * g).sum() for g in grads)), self.settings["weights"].get("clip", 0)
        return [g * (limit / (norm + 1e-6)) for g in grads] if 0 < limit < norm else grads

    def sgd(self, grads):
        s = self.settings["weights"]
        with torch.no_grad():
            for w, g, b in zip(self.weights, self.clipped(grads), self.buffers):
                g = g + s["weight_decay"] * w
                b.mul_(s["momentum"]).add_(g)
                w.sub_(self.rate() * (g + s["momentum"] * b if s["nesterov"] else b))

    def adam(self, grad):
        s, limit = self.settings["arch"], self.settings.get("arch_clip", 0)
        if 0 < limit < grad.norm():
            grad = grad * (limit / (grad.norm() + 1e-6))
        grad = grad + s["weight_decay"] * self.alpha
        self.moves += 1
        self.first = s["beta1"] * self.first + (1 - s["beta1"]) * grad
        self.second = s["beta2"] * self.second + (1 - s["beta2"]) * grad * grad
        m, v = self.first / (1 - s["beta1"] ** self.moves), self.second / (1 - s["beta2"] ** self.moves)
        self.alpha = self.alpha - s["lr"] * m / (v.sqrt() + s["eps"])

    def exponentiated(self, theta, grad, floor_last):
        """Exponentiated gradient on rows of the simplex."""
        s, rows = self.settings["arch"], []
        for p, g in zip(self.parts(theta), self.parts(grad)):
            g = g + s["entropy"] * ((p * len(p)).log() + 1)
            p = p * (-s["lr"] * g).exp()
            if not floor_last:
                p = p.clamp(min=s["floor"])
            p = p / p.sum()
            rows.append(p.clamp(min=s["floor"]) if floor_last else p)
        self.alpha = torch.cat(rows)

    # Steps that several methods have

    def weight_step(self, p, terms=None):
        grads = torch.autograd.grad(self.loss("train", p), self.weights)
        self.sgd(grads if terms is None else terms(p, grads))

    def gradient(self, p, variable):
        """The gradient of the validation loss in variable, of which p is a function."""
        return torch.autograd.grad(self.loss("valid", p), variable)[0]

    def leaf(self):
        return self.alpha.clone().requires_grad_()

    def order(self, weights, arch):
        for move in (arch, weights) if self.settings.get("arch_first") else (weights, arch):
            move()
