"""Outer steps of the methods by PyTorch's autograd, compared with `idarts parity --step`.

    python3 steps.py IDARTS [METHOD ...]

Both sides work in float64 on a NAS-Bench-201 supernet. What a step draws is read from the
program's result: the coefficients of every pass. All else is computed here: gradients by
autograd, clipping, momentum, Adam and what the method adds, from docs/methods.md.
"""

import json
import math
import os
import subprocess
import sys
import tempfile

import torch
from torch.nn import functional as F

import fixture
import networks

SPACE, C, N, BATCH, SIZE, CLASSES = "nb201", 4, 1, 8, 8, 10
ROWS = (6, 5)


class Step:
    """The state of a search on the fixture, with what all methods have in common."""

    def __init__(self, path, result):
        self.fixture = fixture.Fixture(path, networks.build, torch.float64)
        self.model, self.weights = self.fixture.model, self.fixture.weights
        self.settings = json.loads(result.metadata["settings"])
        self.passes, self.at = result.passes, 0
        self.buffers = [torch.zeros_like(w) for w in self.weights]
        self.first, self.second, self.moves = 0, 0, 0
        self.alpha = self.fixture.alpha.detach().reshape(ROWS).clone()
        self.epoch = 0

    # Passes

    def loss(self, half, p):
        """The loss at coefficients p, [6, 5] for all cells or [cells, 6, 5]."""
        images, labels = self.fixture.batches[half]
        x = self.model.stem(images)
        for layer in range(3 * N):
            if layer > 0 and layer % N == 0:
                x = getattr(self.model, f"reduction{layer // N}")(x)
            x = getattr(self.model, f"cell{layer}")(x, p if p.dim() == 2 else p[layer])
        x = F.relu(self.model.last(x))
        return F.cross_entropy(self.model.classifier(x.mean((2, 3))), labels)

    def drawn(self, half):
        """The coefficients of the program's next pass, which has to be on this half."""
        name, coefs = self.passes[self.at]
        if name != half:
            raise SystemExit(f"pass {self.at} is on the {name} half, want {half}")
        self.at += 1
        return coefs.reshape(-1, *ROWS)

    def known(self, half, p):
        """Coefficients that follow from alpha; they have to be the program's."""
        drawn = self.drawn(half)
        if not torch.allclose(drawn, p.detach().expand_as(drawn), rtol=1e-12, atol=1e-12):
            raise SystemExit(f"pass {self.at - 1}: other coefficients, by {(drawn - p).abs().max():.1e}")
        return p

    # Updates

    def rate(self):
        s, e = self.settings["weights"], self.epoch / self.settings["epochs"]
        return s["min_lr"] + (s["lr"] - s["min_lr"]) * (1 + math.cos(math.pi * e)) / 2

    def sgd(self, grads):
        s = self.settings["weights"]
        norm = torch.sqrt(sum((g * g).sum() for g in grads))
        if s["clip"] > 0 and norm > s["clip"]:
            grads = [g * (s["clip"] / (norm + 1e-6)) for g in grads]
        with torch.no_grad():
            for w, g, b in zip(self.weights, grads, self.buffers):
                g = g + s["weight_decay"] * w
                b.mul_(s["momentum"]).add_(g)
                w.sub_(self.rate() * (g + s["momentum"] * b if s["nesterov"] else b))

    def adam(self, grad):
        s = self.settings["arch"]
        grad = grad + s["weight_decay"] * self.alpha
        self.moves += 1
        self.first = s["beta1"] * self.first + (1 - s["beta1"]) * grad
        self.second = s["beta2"] * self.second + (1 - s["beta2"]) * grad * grad
        m, v = self.first / (1 - s["beta1"] ** self.moves), self.second / (1 - s["beta2"] ** self.moves)
        self.alpha = self.alpha - s["lr"] * m / (v.sqrt() + s["eps"])

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


def softmax(alpha):
    return alpha.softmax(1)


def darts(step, mixture=softmax, penalty=lambda step, alpha: 0, weights=None):
    """First-order DARTS with another mixture, a penalty on alpha, another weight step."""
    def arch():
        alpha = step.leaf()
        p = step.known("valid", mixture(alpha))
        loss = step.loss("valid", p) + penalty(step, alpha)
        step.adam(torch.autograd.grad(loss, alpha)[0])

    step.order(weights or (lambda: step.weight_step(step.known("train", mixture(step.alpha)))), arch)


def darts_second(step):
    s, rate = step.settings["weights"], step.rate()
    alpha = step.leaf()
    p = softmax(alpha)
    before = [w.detach().clone() for w in step.weights]
    grads = torch.autograd.grad(step.loss("train", step.known("train", p)), step.weights, create_graph=True)
    with torch.no_grad():
        for w, g, b in zip(step.weights, grads, step.buffers):
            w.sub_(rate * (s["momentum"] * b + g + s["weight_decay"] * w))
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", softmax(alpha))), step.weights + [alpha])
    with torch.no_grad():
        for w, old in zip(step.weights, before):
            w.copy_(old)
    grads = torch.autograd.grad(step.loss("train", softmax(alpha)), step.weights, create_graph=True)
    mixed = torch.autograd.grad(sum((g * d).sum() for g, d in zip(grads, v)), alpha)[0]
    step.adam(direct - rate * mixed)
    step.weight_step(step.known("train", softmax(step.alpha)))


def idarts(step):
    rate = step.settings["gamma"] or step.rate()
    for _ in range(step.settings["inner_steps"]):
        step.weight_step(step.known("train", softmax(step.alpha)))
    alpha = step.leaf()
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", softmax(alpha))), step.weights + [alpha])
    grads = torch.autograd.grad(step.loss("train", softmax(alpha)), step.weights, create_graph=True)
    u = total = v
    for _ in range(step.settings["neumann_terms"]):
        hu = torch.autograd.grad(grads, step.weights, grad_outputs=u, retain_graph=True)
        u = [a - rate * b for a, b in zip(u, hu)]
        total = [a + b for a, b in zip(total, u)]
    mixed = torch.autograd.grad(grads, alpha, grad_outputs=total)[0]
    step.adam(direct - rate * mixed)


def lambda_darts(step):
    s = step.settings

    def terms(p, grads):
        cells = p.detach().expand(3 * N, *ROWS).clone().requires_grad_()
        g = torch.autograd.grad(step.loss("train", cells), cells)[0].reshape(3 * N, -1).requires_grad_()
        pairs = [(i, j) for i in range(len(g)) for j in range(i)]
        if s["align"] == "corr":
            measure = sum(F.cosine_similarity(g[i], g[j], 0, 1e-300) for i, j in pairs)
        else:
            measure = sum(g[i] @ g[j] / (g[i].abs() @ g[j].abs()) for i, j in pairs)
        delta = torch.autograd.grad(measure / len(pairs), g)[0].reshape(cells.shape)
        weight = s["lambda"] * step.epoch / max(s["epochs"] - 1, 1)
        if weight == 0:
            return grads
        eps = s["epsilon"] / delta.norm()
        sides = []
        for side in -1, 1:
            drawn = step.drawn("train")
            at = cells.detach() + side * eps * delta
            if not torch.allclose(drawn, at, rtol=1e-9, atol=1e-12):
                raise SystemExit(f"the change of the mixture is another, by {(drawn - at).abs().max():.1e}")
            sides.append(torch.autograd.grad(step.loss("train", at), step.weights))
        return [g + weight * (a - b) / (2 * eps) for g, a, b in zip(grads, *sides)]

    darts(step, weights=lambda: step.weight_step(step.known("train", softmax(step.alpha)), terms))


def drawn_weights(step):
    """Weight steps whose coefficients are drawn, or perturbed at random."""
    return lambda: step.weight_step(step.drawn("train")[0])


def beta(step):
    weight = step.settings["decay"] * step.epoch / step.settings["epochs"]
    darts(step, penalty=lambda _, alpha: weight * alpha.logsumexp(1).mean())


def sdarts(step):
    darts(step, weights=drawn_weights(step))


def setn(step):
    darts(step, weights=drawn_weights(step))


def snas(step):
    """p = softmax((alpha + g)/tau); with p given, its logits are ln p and alpha moves them by 1/tau."""
    t, e = step.settings["temperature"], step.settings["epochs"]
    tau = t["start"] + (t["end"] - t["start"]) * step.epoch / max(e - 1, 1)
    drawn_weights(step)()
    p = step.drawn("valid")[0]
    alpha = torch.zeros(ROWS, dtype=torch.float64, requires_grad=True)
    step.adam(step.gradient((p.log() + alpha / tau).softmax(1), alpha))


def drnas(step):
    """PyTorch's gradient of a Dirichlet draw is an approximation, good to three or four digits."""
    def arch():
        x = step.drawn("valid")[0]
        alpha = step.leaf()
        concentration = F.elu(alpha) + 1
        total = concentration.detach().sum(1, True).expand(ROWS)
        leaf = x.clone().requires_grad_()
        g = step.gradient(leaf, leaf)
        slope = torch._dirichlet_grad(x, concentration.detach(), total.contiguous())
        step.adam(torch.autograd.grad(concentration, alpha, slope * (g - (x * g).sum(1, True)))[0])

    step.order(drawn_weights(step), arch)


def gaea(step):
    s = step.settings["arch"]
    if step.epoch == 0:
        step.alpha = softmax(step.alpha)

    def arch():
        theta = step.leaf()
        g = step.gradient(step.known("valid", theta), theta)
        theta = (step.alpha * (-s["lr"] * g).exp()).clamp(min=s["floor"])
        step.alpha = theta / theta.sum(1, True)

    step.order(lambda: step.weight_step(step.known("train", step.alpha)), arch)


METHODS = {
    "darts-v1": (darts, [], 1e-9), "darts-v2": (darts_second, [], 1e-9), "idarts": (idarts, [], 1e-9),
    "lambda-darts": (lambda_darts, [], 1e-7), "lambda-darts (signcorr)": (lambda_darts, ["align=signcorr"], 1e-7),
    "drnas": (drnas, [], 1e-3), "gaea": (gaea, ["without_none=false", "best_epoch=false"], 1e-9),
    "setn": (setn, ["sampling.samples=1", "sampling.batches=1"], 1e-9), "snas": (snas, [], 1e-9),
    "sdarts-rs": (sdarts, [], 1e-9), "beta-darts": (beta, [], 1e-9),
}


class Result:
    def __init__(self, path):
        self.tensors, self.metadata = fixture.read(path)
        names = sorted((n for n in self.tensors if n.startswith("pass.")), key=lambda n: int(n.split(".")[1]))
        self.passes = [(n.split(".")[2], self.tensors[n]) for n in names]


def far(ours, theirs, before):
    """The largest difference beside the largest change that the steps made."""
    return ((ours - theirs).abs().max() / (theirs - before).abs().max()).item()


def main():
    program, wanted = sys.argv[1], sys.argv[2:] or list(METHODS)
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "step.safetensors"), os.path.join(folder, "out.safetensors")
        torch.manual_seed(1)
        model = networks.build(SPACE, C, N, 3, CLASSES)
        fixture.make(path, model, SPACE, C, N, BATCH, SIZE, 3, CLASSES, 0.1, 1)
        print(f"{'method':<26}{'alpha':>10}{'weights':>10}{'passes':>10}   want")
        failed = 0
        for name in wanted:
            run, changes, limit = METHODS[name]
            command = [program, "parity", path, "--step", name.split()[0], "--steps", "3", "--precision", "float64", "--out", out]
            if run is not gaea:  # a step of Adam that sees how large a gradient is
                changes = changes + ["arch.eps=1", "arch.lr=1"]
            subprocess.run(command + [f"--set={c}" for c in changes + ["epochs=4"]], check=True, stdout=subprocess.DEVNULL)
            result = Result(out)
            step = Step(path, result)
            start = [w.detach().clone() for w in step.weights]
            alpha = softmax(step.alpha) if run is gaea else step.alpha
            for step.epoch in range(3):
                run(step)
            alpha = far(step.alpha.reshape(-1), result.tensors["alpha"], alpha.reshape(-1))
            weights = max(far(w.detach(), result.tensors["w." + n], b) for n, w, b in zip(step.fixture.names, step.weights, start))
            good = alpha <= limit and weights <= limit and step.at == len(result.passes)
            failed += not good
            print(f"{name:<26}{alpha:>10.1e}{weights:>10.1e}{step.at:>5}/{len(result.passes):<5}  {limit:.0e}{'' if good else '  FAR'}")
        sys.exit(failed > 0)


if __name__ == "__main__":
    main()
