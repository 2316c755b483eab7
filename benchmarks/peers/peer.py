"""PyTorch's side of benchmarks/peers. Every command prints one line of JSON.

    peer.py versions
    peer.py fixture FILE --space nb201 --c 16 --n 1 --batch 64
    peer.py time FILE --stages forward,forward-backward --layout channels_last --way compiled --samples 3
    peer.py compare FIXTURE RESULT32 RESULT64

`python3 -c 'import torch'` must work; numpy comes with it. Any version from 1.13 on will do. torch.compile needs
2.0, a C++ compiler and the headers of Python and PyTorch. --device cuda, on a card of NVIDIA, has not run yet.
"""

import argparse
import json
import math
import platform
import re
import resource
import sys
import time

import torch

import fixture
import networks

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


# The ways: each returns what computes a stage of a fixture. See benchmarks/stages.go for our stages.


def eager(f, stage):
    return {"forward": f.forward, "forward-backward": lambda: f.gradients("train"), "second-order": f.second_order}[stage]


def tangent(f, stage):
    """Only of the second-order stage."""
    product, arguments = {"second-order": f.tangent}[stage]()
    return lambda: product(*arguments)


def compiled(f, stage):
    """torch.compile cannot differentiate twice what it made, so the second-order stage is compiled as a tangent."""
    if stage == "second-order":
        product, arguments = f.tangent()
        product = torch.compile(product)
        return lambda: product(*arguments)
    f.loss = torch.compile(f.loss)
    return eager(f, stage)


def graphs(f, stage):
    """Of a card only: what eager does, captured once as a CUDA graph. Capturing wants some runs on another stream before."""
    run, stream = eager(f, stage), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = run()

    def replay():
        graph.replay()
        return result

    return replay


WAYS = {"eager": eager, "tangent": tangent, "compiled": compiled, "graphs": graphs}


def finish(device):
    """Waits until a card has done all that it was asked for."""
    if device == "cuda":
        torch.cuda.synchronize()


def try_tangent():
    from torch import func
    func.jvp(func.grad(torch.sin), (torch.ones(()),), (torch.ones(()),))


def try_compiled():
    torch.compile(lambda x: x.sin().sum())(torch.ones(64))


def reason(e):
    """One line of an exception: of a compiler's many the one that says what it misses."""
    lines = [line.strip() for line in str(e).splitlines() if line.strip()] or [""]
    line = next((line for line in lines if "error:" in line), lines[0])
    return f"{type(e).__name__}: {line}"[:300]


def versions(_):
    """What PyTorch says of itself, only names that it prints are found, and why it lacks a way."""
    said = torch.__config__.show() + torch.__config__.parallel_info()
    found = [re.search(pattern, said) for pattern in (r"MKL-DNN v[0-9.]+", r"CPU capability usage: \S+")]
    lacks = {}
    for way, attempt in ("tangent", try_tangent), ("compiled", try_compiled):
        try:
            attempt()
        except Exception as e:
            lacks[way] = reason(e)
    return {"versions": [f"PyTorch {torch.__version__}"] + [m.group() for m in found if m]
            + [f"Python {platform.python_version()}"], "lacks": lacks,
            "card": torch.cuda.get_device_name() if torch.cuda.is_available() else ""}


def make(args):
    torch.manual_seed(args.seed)
    model = networks.build(args.space, args.c, args.n, args.channels, args.classes)
    fixture.make(args.file, model, args.space, args.c, args.n, args.batch, args.size, args.channels, args.classes,
                 args.gamma, args.seed)
    return {"weights": sum(p.numel() for p in model.parameters()), "alpha": sum(model.rows)}


def norm(result):
    """Of all numbers of a stage together."""
    if torch.is_tensor(result):
        return float(result.detach().double().norm())
    return math.sqrt(sum(norm(part) ** 2 for part in result))


def measure(args):
    """Of each stage: seconds of each sample, those of the first run, which is no sample, its norm; or why it failed."""
    try:  # where memory runs out, let it be this process that ends
        with open("/proc/self/oom_score_adj", "w") as adjust:
            adjust.write("1000")
    except OSError:
        pass
    out = {"seconds": {}, "first": {}, "norm": {}, "failed": {}}
    for stage in args.stages.split(","):
        try:
            f = fixture.Fixture(args.file, networks.build, layout=LAYOUTS[args.layout], device=args.device)
            began = time.perf_counter()
            run = WAYS[args.way](f, stage)
            result = run()
            finish(args.device)
            out["first"][stage] = time.perf_counter() - began
            out["norm"][stage] = norm(result)
            del result
            samples = []
            while len(samples) < args.samples and sum(samples) < args.seconds:
                began = time.perf_counter()
                run()
                finish(args.device)
                samples.append(time.perf_counter() - began)
            out["seconds"][stage] = samples
        except Exception as e:
            out["failed"][stage] = reason(e)
    out["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if args.device == "cuda":
        out["peak"] = torch.cuda.max_memory_reserved()
    return out


# What is compared, by the beginning of the names, and what may be off.
GROUPS = [("loss.", 1e-5), ("logits.", 1e-5), ("grad.train.w.", 1e-5), ("grad.valid.w.", 1e-5), ("grad.train.alpha", 1e-5),
          ("grad.valid.alpha", 1e-5), ("hv.", 1e-3), ("mixed", 1e-3)] + [(f"hypergradient.{k}", 1e-3) for k in range(4)]


def compare(args):
    """|a-b|/|b| of each group, b being PyTorch in float64: of the results in float32
    and in float64, and of PyTorch in float32."""
    want = fixture.Fixture(args.file, networks.build, torch.float64).results()
    others = {"ours": fixture.read(args.single)[0], "ours64": fixture.read(args.double)[0],
              "peer": fixture.Fixture(args.file, networks.build).results()}
    for name, got in others.items():
        if got.keys() != want.keys():
            raise SystemExit(f"{name}: other tensors than PyTorch's: {sorted(got.keys() ^ want.keys())[:5]}")

    def off(got, prefix):
        a, b = (torch.cat([t[name].detach().double().reshape(-1) for name in want if name.startswith(prefix)])
                for t in (got, want))
        return float((a - b).norm() / b.norm())

    return [{"group": prefix, "limit": limit, **{name: off(got, prefix) for name, got in others.items()}}
            for prefix, limit in GROUPS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=0, help="0: as PyTorch decides")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("versions").set_defaults(run=versions)
    sub = commands.add_parser("fixture")
    sub.set_defaults(run=make)
    sub.add_argument("file")
    sub.add_argument("--space", default="nb201")
    for name, default in ("c", 16), ("n", 1), ("batch", 64), ("size", 32), ("channels", 3), ("classes", 10), ("seed", 0):
        sub.add_argument("--" + name, type=int, default=default)
    sub.add_argument("--gamma", type=float, default=0.01)
    sub = commands.add_parser("time")
    sub.set_defaults(run=measure)
    sub.add_argument("file")
    sub.add_argument("--stages", default="forward,forward-backward,second-order")
    sub.add_argument("--layout", choices=LAYOUTS, default="nchw")
    sub.add_argument("--way", choices=WAYS, default="eager")
    sub.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    sub.add_argument("--samples", type=int, default=3)
    sub.add_argument("--seconds", type=float, default=40, help="no further sample of a stage after so many")
    sub = commands.add_parser("compare")
    sub.set_defaults(run=compare)
    sub.add_argument("file")
    sub.add_argument("single")
    sub.add_argument("double")
    args = parser.parse_args()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    # On a card: float32 as it says, and the fastest of cuDNN's kernels.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    print(json.dumps(args.run(args)))


if __name__ == "__main__":
    main()
