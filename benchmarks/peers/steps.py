"""Outer steps of the methods by PyTorch's autograd, compared with `idarts parity --step`.

    python3 steps.py IDARTS [METHOD ...]

Both sides work in float64 on a small supernet. What a step draws is read from the
program's result: the coefficients of every pass. All else is computed here: gradients by
autograd, clipping, momentum, Adam and what the method adds, from docs/methods.md.
"""

import math
import os
import subprocess
import sys
import tempfile

import torch
from torch.nn import functional as F

import fixture
import networks
from step import Result, Step

BATCH, SIZE, CLASSES = 8, 8, 10


def add(a, b, factor=1):
    return [x + factor * y for x, y in zip(a, b)]


def darts(step, mixture=None, penalty=lambda step, alpha: 0, weights=None):
    """First-order DARTS with another mixture, a penalty on alpha, another weight step."""
    mixture = mixture or (lambda alpha: step.edged(step.softmax(alpha)))

    def arch():
        alpha = step.leaf()
        p = step.known("valid", mixture(alpha))
        loss = step.loss("valid", p) + penalty(step, alpha)
        step.adam(torch.autograd.grad(loss, alpha)[0])

    step.order(weights or (lambda: step.weight_step(step.known("train", mixture(step.alpha)))), arch)


def darts_second(step):
    s, rate = step.settings["weights"], step.rate()
    alpha = step.leaf()
    p = step.softmax(alpha)
    before = [w.detach().clone() for w in step.weights]
    grads = torch.autograd.grad(step.loss("train", step.known("train", p)), step.weights, create_graph=True)
    with torch.no_grad():
        for w, g, b in zip(step.weights, grads, step.buffers):
            w.sub_(rate * (s["momentum"] * b + g + s["weight_decay"] * w))
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", step.softmax(alpha))), step.weights + [alpha])
    with torch.no_grad():
        for w, old in zip(step.weights, before):
            w.copy_(old)
    grads = torch.autograd.grad(step.loss("train", step.softmax(alpha)), step.weights, create_graph=True)
    mixed = torch.autograd.grad(sum((g * d).sum() for g, d in zip(grads, v)), alpha)[0]
    step.adam(direct - rate * mixed)
    step.weight_step(step.known("train", step.softmax(step.alpha)))


def neumann(step, grads, v, rate):
    total = u = v
    for _ in range(step.settings["neumann_terms"]):
        u = add(u, torch.autograd.grad(grads, step.weights, grad_outputs=u, retain_graph=True), -rate)
        total = add(total, u)
    return total


def idarts(step):
    rate = step.settings["gamma"] or step.rate()
    for _ in range(step.settings["inner_steps"]):
        step.weight_step(step.known("train", step.softmax(step.alpha)))
    alpha = step.leaf()
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", step.softmax(alpha))), step.weights + [alpha])
    grads = torch.autograd.grad(step.loss("train", step.softmax(alpha)), step.weights, create_graph=True)
    total = neumann(step, grads, v, rate)
    mixed = torch.autograd.grad(grads, alpha, grad_outputs=total)[0]
    step.adam(direct - rate * mixed)


def differences(step, alpha, v, s, rate):
    """The mixed product of s as the authors' code has it; the weights end at w + eps (v - s)."""
    eps = 0.01 / torch.sqrt(sum((x * x).sum() for x in v))
    sides = []
    for change in eps, -2 * eps:
        with torch.no_grad():
            for w, x in zip(step.weights, s):
                w.add_(change * x)
        p = step.known("train", step.softmax(alpha))
        sides.append(torch.autograd.grad(step.loss("train", p), alpha)[0])
    with torch.no_grad():
        for w, x in zip(step.weights, v):
            w.add_(eps * x)
    return rate * (sides[0] - sides[1]) / (2 * eps)


def idarts_hess(step):
    rate = step.settings["gamma"] or step.rate()
    alpha, left, piled = step.leaf(), None, 0
    for _ in range(step.settings["inner_steps"]):
        p = step.known("train", step.softmax(alpha))
        *left, dalpha = torch.autograd.grad(step.loss("train", p), step.weights + [alpha])
        piled = piled + dalpha
        step.sgd(left)
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", step.softmax(alpha))), step.weights + [alpha])
    v = add(v, step.clipped(left))
    grads = torch.autograd.grad(step.loss("train", step.softmax(alpha)), step.weights, create_graph=True)
    s = [x.detach() for x in neumann(step, grads, v, rate)]
    step.adam(direct + piled - differences(step, alpha, v, s, rate))


def idarts_released(step):
    rate = step.settings["gamma"] or step.rate()
    for _ in range(step.settings["inner_steps"]):
        step.known("train", step.softmax(step.alpha))  # moves nothing
    alpha = step.leaf()
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", step.softmax(alpha))), step.weights + [alpha])
    grads = torch.autograd.grad(step.loss("train", step.softmax(alpha)), step.weights, create_graph=True)
    s = [x.detach() for x in neumann(step, grads, v, rate)]
    step.adam(direct - differences(step, alpha, v, s, rate))


def idarts_approx(step):
    """The Hessian is replaced by the gradient of the norm of the training gradient."""
    rate = step.settings["gamma"] or step.rate()
    for _ in range(step.settings["inner_steps"]):
        step.weight_step(step.known("train", step.softmax(step.alpha)))
    alpha = step.leaf()
    grads = torch.autograd.grad(step.loss("train", step.known("train", step.softmax(alpha))), step.weights, create_graph=True)
    norm = torch.sqrt(sum((g * g).sum() for g in grads))
    slopes = torch.autograd.grad(norm, step.weights, retain_graph=True)
    *v, direct = torch.autograd.grad(step.loss("valid", step.known("valid", step.softmax(alpha))), step.weights + [alpha])
    u = [rate * x * sum((1 - rate * h) ** k for k in range(step.settings["neumann_terms"] + 1)) for x, h in zip(v, slopes)]
    step.adam(direct - torch.autograd.grad(grads, alpha, grad_outputs=u)[0])


def lambda_darts(step):
    s = step.settings

    def terms(p, grads):
        cells = len(step.result.passes[0][1])
        p = p.detach().expand(cells, -1).clone().requires_grad_()
        g = torch.autograd.grad(step.loss("train", p), p)[0].requires_grad_()
        pairs = [(i, j) for i in range(cells) for j in range(i)]
        if s["align"] == "corr":
            measure = sum(F.cosine_similarity(g[i], g[j], 0, 1e-300) for i, j in pairs)
        else:
            measure = sum(g[i] @ g[j] / (g[i].abs() @ g[j].abs()) for i, j in pairs)
        delta = torch.autograd.grad(measure / len(pairs), g)[0]
        weight = s["lambda"] * step.epoch / max(s["epochs"] - 1, 1)
        if weight == 0:
            return grads
        eps = s["epsilon"] / delta.norm()
        sides = []
        for side in -1, 1:
            at = step.known("train", p.detach() + side * eps * delta, 1e-9)
            sides.append(torch.autograd.grad(step.loss("train", at), step.weights))
        return [g + weight * (a - b) / (2 * eps) for g, a, b in zip(grads, *sides)]

    darts(step, weights=lambda: step.weight_step(step.known("train", step.softmax(step.alpha)), terms))


def drawn_weights(step):
    """Weight steps whose coefficients are drawn, or perturbed at random."""
    return lambda: step.weight_step(step.drawn("train"))


def beta(step):
    weight = step.settings["decay"] * step.epoch / step.settings["epochs"]
    darts(step, penalty=lambda _, alpha: weight * torch.stack([row.logsumexp(0) for row in step.parts(alpha)]).mean())


def perturbed(step):
    darts(step, weights=drawn_weights(step))


def sdarts_adv(step):
    """The adversary starts where the program drew; all that follows is computed."""
    s = step.settings
    eps = s["radius"]["start"] + (s["radius"]["end"] - s["radius"]["start"]) * step.epoch / s["epochs"]

    def weights():
        clean = step.known("train", step.softmax(step.alpha))
        before = step.loss("train", clean).item()
        p = step.drawn("train")
        for k in range(s["ascent_steps"]):
            p = (step.known("train", p) if k > 0 else p).detach().requires_grad_()
            g = torch.autograd.grad(step.loss("train", p), p)[0]
            p = p.detach() + 2 * eps / s["ascent_steps"] * g.sign()
            p = torch.maximum(torch.minimum(p, clean + eps), clean - eps).clamp(0, 1)
            p = torch.cat([row / row.sum() for row in step.parts(p)])
        after = step.loss("train", step.known("train", p)).item()
        step.weight_step(step.known("train", clean if after < before else p))

    darts(step, weights=weights)


def fair(step):
    def gates(alpha):
        return step.with_none(alpha.sigmoid())

    darts(step, gates, lambda _, alpha: -step.settings["zero_one"] * ((alpha.sigmoid() - 0.5) ** 2).mean())


def temperature(step):
    t, e = step.settings["temperature"], step.settings["epochs"]
    return t["start"] + (t["end"] - t["start"]) * step.epoch / max(e - 1, 1)


def snas(step):
    """p = softmax((alpha + g)/tau); with p given, its logits are ln p and alpha moves them by 1/tau."""
    drawn_weights(step)()
    p = step.drawn("valid")
    alpha = torch.zeros_like(p, requires_grad=True)
    step.adam(step.gradient(step.softmax(p.log() + alpha / temperature(step)), alpha))


def straight_through(step, alpha):
    """The hard draw of the program's next pass, with the gradient of the soft one."""
    noisy = step.result.tensors[f"drawn.{step.at}"]
    hard = step.drawn("valid")
    soft = step.softmax(noisy + (alpha - alpha.detach()) / temperature(step))
    for h, s in zip(step.parts(hard), step.parts(soft)):
        if h.max() != 1 or h.argmax() != s.argmax():
            raise SystemExit("the hard draw is not the largest of the soft one")
    return hard + soft - soft.detach()


def gdas(step):
    drawn_weights(step)()
    alpha = step.leaf()
    step.adam(step.gradient(straight_through(step, alpha), alpha))


def gaea_gdas(step):
    if step.epoch == 0:
        step.alpha = step.softmax(step.alpha)
    theta = step.leaf()
    step.exponentiated(step.alpha, step.gradient(straight_through(step, theta.log()), theta), True)
    drawn_weights(step)()


def drnas(step):
    """PyTorch's gradient of a Dirichlet draw is an approximation, good to three or four digits."""
    def arch():
        x = step.drawn("valid")
        alpha = step.leaf()
        concentration = F.elu(alpha) + 1
        leaf = x.clone().requires_grad_()
        g = step.gradient(leaf, leaf)
        rows = []
        for xs, gs, cs in zip(*map(step.parts, (x, g, concentration.detach()))):
            total = cs.sum().expand(len(cs)).contiguous()
            slope = torch._dirichlet_grad(xs.contiguous(), cs.contiguous(), total)
            rows.append(slope * (gs - (xs * gs).sum()))
        step.adam(torch.autograd.grad(concentration, alpha, torch.cat(rows))[0])

    step.order(drawn_weights(step), arch)


def gaea(step):
    if step.epoch == 0:
        step.alpha = step.softmax(step.alpha)

    def arch():
        theta = step.leaf()
        step.exponentiated(step.alpha, step.gradient(step.known("valid", step.edged(theta)), theta), False)

    step.order(lambda: step.weight_step(step.known("train", step.edged(step.alpha))), arch)


def lasso(a, b, weight):
    """argmin |a z - b|^2 / 2 + weight |z|_1 by coordinate descent."""
    z = torch.zeros(a.shape[1], dtype=torch.float64)
    for _ in range(200000):
        before = z.clone()
        for j in range(len(z)):
            c = a[:, j] @ (b - a @ z + a[:, j] * z[j])
            z[j] = c.sign() * (c.abs() - weight).clamp(min=0) / (a[:, j] @ a[:, j])
        if (z - before).abs().max() < 1e-13:
            break
    return z


def ista(step):
    """A node's code has its edges' operations as atoms, and as many entries as edges."""
    nodes, ops = [[0], [1, 2], [3, 4, 5]], 4
    atoms = [[5 * row + 1 + o for row in node for o in range(ops)] for node in nodes]
    dictionaries = [d.view(ops, -1) for d in step.result.tensors["drawn.0"].split([ops * len(a) for a in atoms])]
    if step.epoch == 0:  # what the first codes give beside their dictionaries' products
        first = step.result.passes[0][1][0]
        step.at_support = [first[a] != 0 for a in atoms]
        step.offset = [d.T @ b - first[a] for d, b, a in zip(dictionaries, step.alpha.split(ops), atoms)]

    def mixture(b):
        p = torch.zeros(30, dtype=torch.float64)
        for d, own, a, support, offset in zip(dictionaries, b.split(ops), atoms, step.at_support, step.offset):
            p = p.index_add(0, torch.tensor(a), torch.where(support, d.T @ own - offset, torch.zeros(())))
        return p

    step.settings["arch_first"] = True
    darts(step, mixture)
    step.at_support, step.offset = [], []
    for d, b, node in zip(dictionaries, step.alpha.split(ops), nodes):
        z = lasso(d, b, step.settings["lambda"])
        kept = torch.zeros_like(z)
        largest = z.abs().topk(len(node)).indices
        kept[largest] = z[largest]
        step.at_support.append(kept != 0)
        step.offset.append(d.T @ (d @ kept) - kept)


def darts_pt(step):
    """An epoch of its base, then one decision by the loss and a step of tuning."""
    if step.epoch == 1:
        for b in step.buffers:
            b.zero_()
        step.tuning = step.settings["tune"]
        p, losses, row = step.softmax(step.alpha), [], None
        for option in range(step.rows[0]):
            coefs, loss, _ = step.evaluation()
            gone = (coefs != p) & ((coefs - p).abs() > 1e-12)
            places = gone.nonzero().flatten().tolist()
            row = places[0] // 5 if row is None else row
            if places != [5 * row + option] or coefs[places[0]] != 0:
                raise SystemExit(f"evaluation {option} has {places} changed, want {[5 * row + option]}")
            losses.append(loss)
        step.pins[row] = losses.index(max(losses))
    darts(step)


def shapley(step):
    """An estimate by permutations, read from who is out, then a weight step."""
    s = step.settings
    p, players = step.with_none(torch.cat([r.softmax(0) for r in step.parts(step.alpha, [4] * 6)])), len(step.alpha)
    places = (p != 0).nonzero().flatten()
    gains = torch.zeros(s["samples"], players, dtype=torch.float64)
    for sample in range(s["samples"]):
        _, _, before = step.evaluation()
        out = torch.zeros(players, dtype=torch.bool)
        for _ in range(players):
            coefs, _, now = step.evaluation()
            leaves = ((coefs[places] == 0) & ~out).nonzero().flatten()
            if len(leaves) != 1 or not torch.allclose(coefs[places][~out & (coefs[places] != 0)], p[places][~out & (coefs[places] != 0)], atol=1e-12):
                raise SystemExit("an evaluation is not the mixture without one more player")
            out[leaves] = True
            gains[sample, leaves], before = before - now, now
    score = gains.mean(0) - gains.std(0, unbiased=False)
    score = (score - score.mean()) / score.std()
    step.first = s["shapley_momentum"] * step.first + (1 - s["shapley_momentum"]) * score
    step.alpha = step.alpha + s["step"] * step.first
    p = step.with_none(torch.cat([r.softmax(0) for r in step.parts(step.alpha, [4] * 6)]))
    step.weight_step(step.known("train", p))


def rsps(step):
    drawn_weights(step)()


def sgas(step):
    """A step, then a decision: the row that is most important and certain gets its best operation."""
    darts(step)
    rows = [row.softmax(0) for row in step.parts(step.alpha)]
    open_rows = [r for r in range(len(rows)) if r not in step.pins]
    importance = torch.stack([1 - rows[r][0] for r in open_rows])
    certainty = []
    for r in open_rows:
        q = rows[r][1:] / rows[r][1:].sum()
        certainty.append(1 + (q * q.log()).sum() / math.log(len(q)))
    score = 1
    for values in importance, torch.stack(certainty):
        span = values.max() - values.min()
        score = score * ((values - values.min()) / span if span > 0 else torch.ones_like(values))
    row = open_rows[score.argmax()]
    step.pins[row] = rows[row].argmax().item()  # none too, where every edge is kept


def darts_es(step):
    """After the step the largest eigenvalue of the exact Hessian in alpha."""
    darts_second(step)
    hessian = torch.autograd.functional.hessian(lambda a: step.loss("valid", step.softmax(a)), step.alpha)
    top = torch.linalg.eigvalsh(hessian)[-1].item()
    step.scalars.append((step.result.tensors[f"extra.largest_eigenvalue.{step.epoch}"].item(), top))


def lookahead(step):
    """The loss of the program's next candidate, after weight steps that are taken back."""
    delta = step.result.tensors[f"drawn.{step.at}"]
    p = step.softmax(step.alpha + delta)
    kept = [[x.detach().clone() for x in part] for part in (step.weights, step.buffers)]
    for _ in range(step.settings["lookahead_steps"]):
        step.weight_step(step.known("train", p))
    coefs, loss, _ = step.evaluation()
    if not torch.allclose(coefs, p, rtol=1e-10, atol=1e-10):
        raise SystemExit("a candidate is looked at with other coefficients than those it was trained with")
    with torch.no_grad():
        for part, old in zip((step.weights, step.buffers), kept):
            for x, y in zip(part, old):
                x.copy_(y)
    return delta, loss


def candidates(step):
    """The candidates of a step beside alpha itself, which comes first, and their losses."""
    found = [lookahead(step) for _ in range(step.settings["candidates"] + 1)]
    if found[0][0].any():
        raise SystemExit("the first candidate is not alpha itself")
    return found[0][1], found[1:]


def zarts(step):
    """Importance-weighted directions."""
    s, alpha = step.settings, step.leaf()
    base = step.loss("valid", step.known("valid", step.softmax(alpha)))
    g, base = torch.autograd.grad(base, alpha)[0], base.item()
    sigma = s["sigma"] * (1 + math.cos(math.pi * step.epoch / s["epochs"])) / 2
    found = [lookahead(step) for _ in range(s["candidates"])]
    log = []
    for delta, loss in found:
        near, far = (torch.exp(-(x @ x) / (2 * sigma ** 2)) for x in (delta + g, delta))
        log.append(-(loss - base) / s["tau"] - torch.log((1 - s["wide"]) * near + s["wide"] * far + 1e-4))
    weights = torch.stack(log).softmax(0)
    step.alpha = step.alpha + sum(w * delta for w, (delta, _) in zip(weights, found))
    step.weight_step(step.known("train", step.softmax(step.alpha)))


def zarts_rs(step):
    s = step.settings
    base, found = candidates(step)
    slope = sum((loss - base) / s["mu"] * delta / s["mu"] for delta, loss in found) / len(found)
    step.alpha = step.alpha - s["arch_lr"] * slope
    step.weight_step(step.known("train", step.softmax(step.alpha)))


def zarts_gld(step):
    base, found = candidates(step)
    for k, (delta, _) in enumerate(found):
        if abs(delta.norm() / (step.settings["radius"] * 0.5 ** k) - 1) > 1e-12:
            raise SystemExit(f"candidate {k} is at {delta.norm()}")
    delta, loss = min(found, key=lambda f: f[1])
    if loss < base:
        step.alpha = step.alpha + delta
    step.weight_step(step.known("train", step.softmax(step.alpha)))


def controller(step, theta, path):
    """log p and entropy of the decisions of a path, one a row, by the LSTM in theta."""
    h, options, at = step.settings["hidden"], 30 + 6, 0

    def take(*shape):
        nonlocal at
        at += math.prod(shape)
        return theta[at - math.prod(shape):at].view(shape)

    embeddings = take(options + 1, h)
    layers = [(take(4 * h, 2 * h), take(4 * h)) for _ in range(step.settings["layers"])]
    head = take(5, h), take(5)
    if at != len(theta):
        raise SystemExit(f"the controller has {len(theta)} weights, want {at}")
    states = [(torch.zeros(h, dtype=torch.float64),) * 2 for _ in layers]
    x, log, entropy = embeddings[options], 0, 0
    for row, chosen in enumerate(path.view(6, 5).argmax(1).tolist()):
        for k, (w, b) in enumerate(layers):
            state, cell = states[k]
            i, f, g, o = (w @ torch.cat([x, state]) + b).chunk(4)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            x = o.sigmoid() * cell.tanh()
            states[k] = x, cell
        p = (2.5 * torch.tanh((head[0] @ x + head[1]) / 5)).log_softmax(0)
        log, entropy = log + p[chosen], entropy - (p.exp() * p).sum()
        x = embeddings[5 * row + chosen]
    return log, entropy


def enas(step):
    """A weight step on a sampled path, then policy gradients of the controller."""
    s = step.settings
    drawn_weights(step)()
    for _ in range(s["updates"]):
        theta, objective = step.leaf(), 0
        for _ in range(s["rollouts"]):
            path, _, accuracy = step.evaluation()
            log, entropy = controller(step, theta, path)
            reward = accuracy / 100 + s["entropy"] * entropy
            step.baseline = step.baseline if step.baseline is not None else accuracy / 100
            step.baseline += s["baseline"] * (reward.item() - step.baseline)
            objective = objective - log * (reward - step.baseline) / s["rollouts"]
        step.adam(torch.autograd.grad(objective, theta)[0])
    step.evaluation()  # of the architecture that is sampled for an answer


# A network: space, C, N, partial, weights of edges. All cells of a network share the mixture.
NB201, DARTS, ONESHOT = ("nb201", 4, 1, 1, False), ("darts", 4, 3, 1, False), ("nb1b1-s3", 4, 1, 1, False)
PART, PART_DARTS, PART_ONESHOT = ("nb201", 4, 1, 2, False), ("darts", 4, 3, 2, True), ("nb1b1-s3", 4, 1, 2, False)

# Title, network, step, changes of settings, limit.
CASES = [
    ("darts-v1", NB201, darts, [], 1e-9),
    ("darts-v2", NB201, darts_second, [], 1e-9),
    ("idarts", NB201, idarts, [], 1e-9),
    ("idarts-released", NB201, idarts_released, [], 1e-7),
    ("idarts-hess", NB201, idarts_hess, [], 1e-7),
    ("idarts-approx", NB201, idarts_approx, [], 1e-9),
    ("lambda-darts", NB201, lambda_darts, [], 1e-7),
    ("lambda-darts (signcorr)", NB201, lambda_darts, ["align=signcorr"], 1e-7),
    ("shapley-nas", NB201, shapley, ["warm_up=0", "samples=2", "batches=1", "truncate=0", "init_scale=0"], 1e-9),
    ("darts-pt", NB201, darts_pt, ["epochs=1", "every=1", "batches=1", "criterion=loss"], 1e-9),
    ("zarts", NB201, zarts, ["warm_up=0", "every=1", "candidates=3", "lookahead_steps=2"], 1e-9),
    ("zarts-rs", NB201, zarts_rs, ["warm_up=0", "every=1", "candidates=3", "lookahead_steps=2"], 1e-9),
    ("zarts-gld", NB201, zarts_gld, ["warm_up=0", "every=1", "candidates=3", "lookahead_steps=2"], 1e-9),
    ("enas", NB201, enas, ["restart=0", "hidden=7", "updates=2", "rollouts=2", "sampling.samples=1", "sampling.batches=1"], 1e-9),
    ("ista-nas", NB201, ista, ["lambda=0.1"], 1e-7),
    ("drnas", NB201, drnas, [], 1e-3),
    ("gaea", NB201, gaea, ["without_none=false", "best_epoch=false"], 1e-9),
    ("gaea-gdas", NB201, gaea_gdas, ["warm_up=0"], 1e-9),
    ("gdas", NB201, gdas, [], 1e-9),
    ("setn", NB201, perturbed, ["sampling.samples=1", "sampling.batches=1"], 1e-9),
    ("drnas-p", PART, drnas, ["partials=[2]", "options=[0]", "warm_up=0"], 1e-3),
    ("gaea-pc", PART, gaea, ["partial=2", "edge_weights=false"], 1e-9),
    ("rsps", NB201, rsps, ["sampling.samples=1", "sampling.batches=1"], 1e-9),
    ("p-darts", NB201, darts, ["depths=[0]", "options=[0]", "warm_up=0"], 1e-9),
    ("sgas", NB201, sgas, ["warm_up=0", "every=1"], 1e-9),
    ("rdarts-l2", NB201, darts_second, [], 1e-9),
    ("darts-ada", NB201, darts_es, ["every=1", "from_epoch=0", "factor=1e9"], 1e-7),
    ("pc-darts", PART, darts, ["partial=2", "warm_up=0"], 1e-9),
    ("snas", NB201, snas, [], 1e-9),
    ("sdarts-rs", NB201, perturbed, [], 1e-9),
    ("sdarts-adv", NB201, sdarts_adv, [], 1e-9),
    ("fair-darts", NB201, fair, [], 1e-9),
    ("beta-darts", NB201, beta, [], 1e-9),
    ("darts-es", NB201, darts_es, ["every=1", "from_epoch=0"], 1e-7),
    ("darts-v1 on darts", DARTS, darts, [], 1e-9),
    ("darts-v2 on darts", DARTS, darts_second, [], 1e-9),
    ("idarts on darts", DARTS, idarts, [], 1e-9),
    ("darts-v1 on nb1b1-s3", ONESHOT, darts, [], 1e-9),
    ("darts-v2 on nb1b1-s3", ONESHOT, darts_second, [], 1e-9),
    ("idarts on nb1b1-s3", ONESHOT, idarts, [], 1e-9),
    ("pc-darts on darts", PART_DARTS, darts, ["partial=2", "warm_up=0"], 1e-9),
    ("gaea-pc on darts", PART_DARTS, gaea, ["partial=2"], 1e-9),
    ("pc-darts on nb1b1-s3", PART_ONESHOT, darts, ["partial=2", "warm_up=0"], 1e-9),
]

# What Adam would make of a gradient hides how large it was; with a large eps it shows.
SHOWN = ["arch.eps=1", "arch.lr=1"]
WITHOUT_ADAM = {gaea, gaea_gdas, shapley, rsps, zarts, zarts_rs, zarts_gld}
# The method has no settings in protocol paper of the space.
PROTOCOLS = {"fair-darts": "quick", "darts-es": "quick", "idarts-hess": "quick", "idarts-approx": "quick",
             "drnas-p": "quick", "gaea-pc": "quick", "p-darts": "quick", "sgas": "quick", "rdarts-l2": "quick", "darts-ada": "quick"}


def far(ours, theirs, before):
    """The largest difference beside the largest change that the steps made."""
    return ((ours - theirs).abs().max() / (theirs - before).abs().max()).item() if len(ours) else None


def compare(program, case, path, out):
    """How far alpha, weights and scalars of three steps are from the program's, and passes."""
    title, (space, c, n, partial, edge_weights), run, changes, limit = case
    torch.manual_seed(1)
    fixture.make(path, networks.build(space, c, n, 3, CLASSES, partial, edge_weights), space, c, n, BATCH, SIZE, 3, CLASSES, 0.1, 1, partial, edge_weights)
    method, steps = title.split()[0], 2 if run is darts_pt else 3
    changes = ["epochs=4"] + changes + ([] if run in WITHOUT_ADAM else SHOWN)
    command = [program, "parity", path, "--step", method, "--steps", str(steps), "--precision", "float64", "--out", out]
    command += ["--protocol", PROTOCOLS.get(method, "paper")] + [f"--set={c}" for c in changes]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    result = Result(out)
    step = Step(path, result)
    start = [w.detach().clone() for w in step.weights]
    alpha = step.softmax(step.alpha) if run in (gaea, gaea_gdas) else step.alpha.clone()
    for step.epoch in range(steps):
        run(step)
    worst = [
        far(step.alpha, result.tensors["alpha"], alpha),
        max(far(w.detach(), result.tensors["w." + n], b) for n, w, b in zip(step.fixture.names, step.weights, start)),
        max((abs(a - b) / abs(b) for a, b in step.scalars), default=None),
    ]
    return worst, step.at, len(result.passes)


def main():
    program, wanted = sys.argv[1], sys.argv[2:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'method':<26}{'alpha':>10}{'weights':>10}{'scalars':>10}{'passes':>10}   want")
        for case in CASES:
            title, limit = case[0], case[4]
            if wanted and title not in wanted:
                continue
            worst, passes, whole = compare(program, case, os.path.join(folder, "step.safetensors"), os.path.join(folder, "out.safetensors"))
            good = all(x <= limit for x in worst if x is not None) and passes == whole
            failed += not good
            shown = "".join(f"{'' if x is None else format(x, '.1e'):>10}" for x in worst)
            print(f"{title:<26}{shown}{passes:>6}/{whole:<5} {limit:.0e}{'' if good else '  FAR'}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
