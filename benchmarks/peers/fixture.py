"""Reads and writes safetensors files, and makes fixtures for `idarts parity`."""

import json
import struct

import numpy
import torch

TYPES = {"F32": numpy.dtype("<f4"), "F64": numpy.dtype("<f8"), "I64": numpy.dtype("<i8")}


def read(path):
    """The tensors by name, and the metadata."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = numpy.frombuffer(data[begin:end], TYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return tensors, metadata


def write(path, tensors, metadata):
    header, parts, at = {"__metadata__": metadata}, [], 0
    names = {t.newbyteorder("=").name: name for name, t in TYPES.items()}
    # Eight bytes wide first, so that all are aligned.
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        array = tensor.detach().contiguous().numpy()
        part = array.tobytes()
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def make(path, model, space, c, n, batch, size, channels, classes, gamma, seed, partial=1, edge_weights=False):
    """A fixture of random numbers: PyTorch's starting weights, scales around 1."""
    torch.manual_seed(seed)
    tensors = {"alpha": 0.5 * torch.randn(sum(model.rows))}
    for name, weight in model.named_parameters():
        tensors["w." + name] = weight.detach()
        if name.endswith("norm.weight") or name == "last.weight":
            tensors["w." + name] = 1 + 0.1 * torch.randn_like(weight)
        elif name.endswith("bias"):
            tensors["w." + name] = 0.1 * torch.randn_like(weight)
        tensors["v." + name] = torch.randn_like(weight) / 10
    for half in "train", "valid":
        tensors[half + ".images"] = torch.randn(batch, channels, size, size)
        tensors[half + ".labels"] = torch.randint(classes, (batch,))
    write(path, tensors, {"space": space, "C": str(c), "N": str(n), "classes": str(classes), "gamma": str(gamma), "partial": str(partial),
                            "edge_weights": str(int(edge_weights))})


class Fixture:
    """A fixture as a model and leaves to differentiate in."""

    def __init__(self, path, build, dtype=torch.float32, layout=torch.contiguous_format, device="cpu"):
        tensors, self.metadata = read(path)
        self.gamma = float(self.metadata["gamma"])
        channels = tensors["train.images"].shape[1]
        m = self.metadata
        self.model = build(m["space"], int(m["C"]), int(m["N"]), channels, int(m["classes"]), int(m.get("partial", "1")),
                           m.get("edge_weights") == "1")
        weights = {name[2:]: t for name, t in tensors.items() if name.startswith("w.")}
        missing, unexpected = self.model.load_state_dict(weights, strict=False)
        missing = [name for name in missing if name in dict(self.model.named_parameters())]
        if missing or unexpected:
            raise SystemExit(f"fixture {path}: missing {missing}, unexpected {unexpected}")
        self.model.to(device=device, dtype=dtype, memory_format=layout)
        self.names = [name for name, _ in self.model.named_parameters()]
        self.weights = list(self.model.parameters())
        self.alpha = tensors["alpha"].to(device, dtype).requires_grad_()
        # The direction in the layout of the weights that it belongs to.
        self.v = [torch.empty_like(w).copy_(tensors["v." + name]).detach() for name, w in zip(self.names, self.weights)]
        self.batches = {half: (tensors[half + ".images"].to(device, dtype).contiguous(memory_format=layout),
                               tensors[half + ".labels"].to(device)) for half in ("train", "valid")}

    def loss(self, half):
        images, labels = self.batches[half]
        logits = self.model(images, self.alpha)
        return torch.nn.functional.cross_entropy(logits, labels), logits

    def forward(self):
        """The loss of a training batch, without anything to differentiate."""
        with torch.no_grad():
            return self.loss("train")[0]

    def gradients(self, half):
        """Loss, logits, gradient in the weights, gradient in alpha."""
        loss, logits = self.loss(half)
        *dw, dalpha = torch.autograd.grad(loss, self.weights + [self.alpha])
        return loss.detach(), logits.detach(), dw, dalpha

    def linearize(self):
        """The gradient in the weights on the training batch, to differentiate again."""
        loss, _ = self.loss("train")
        return torch.autograd.grad(loss, self.weights, create_graph=True)

    def product(self, dw, v, retain=False):
        """H v and the mixed product of v."""
        dot = sum((g * d).sum() for g, d in zip(dw, v))
        *hv, mixed = torch.autograd.grad(dot, self.weights + [self.alpha], retain_graph=retain)
        return hv, mixed

    def second_order(self):
        """H v and the mixed product from nothing but weights, alpha and a batch."""
        return self.product(self.linearize(), self.v)

    def tangent(self):
        """A function that gives the same, and its arguments: in forward mode, the derivative of
        the gradient in the direction v, by torch.func.

        Batch norms keep no running averages there, which is in PyTorch's favour; the
        model is of no use for the other stages any more."""
        from torch import func
        func.replace_all_batch_norm_modules_(self.model)
        images, labels = self.batches["train"]
        alpha = self.alpha.detach()

        def loss(weights, alpha):
            logits = func.functional_call(self.model, dict(zip(self.names, weights)), (images, alpha))
            return torch.nn.functional.cross_entropy(logits, labels)

        def product(weights, v):
            gradient = func.grad(loss, argnums=(0, 1))
            return func.jvp(lambda w: gradient(w, alpha), (weights,), (v,))[1]

        weights, v = tuple(w.detach() for w in self.weights), tuple(self.v)
        return product, (weights, v)

    def results(self, terms=4):
        """What `idarts parity` writes."""
        out = {}
        for half in "train", "valid":
            out["loss." + half], out["logits." + half], dw, dalpha = self.gradients(half)
            out.update({f"grad.{half}.w.{name}": g for name, g in zip(self.names, dw)})
            out[f"grad.{half}.alpha"] = dalpha
        v, direct = dw, dalpha  # of the validation batch
        grad = self.linearize()
        hv, out["mixed"] = self.product(grad, self.v, True)
        out.update({"hv." + name: h for name, h in zip(self.names, hv)})
        u, s = v, v
        for k in range(terms):
            if k > 0:
                hu, _ = self.product(grad, u, True)
                u = [a - self.gamma * b for a, b in zip(u, hu)]
                s = [a + b for a, b in zip(s, u)]
            _, mixed = self.product(grad, s, True)
            out[f"hypergradient.{k}"] = direct - self.gamma * mixed
        return out
