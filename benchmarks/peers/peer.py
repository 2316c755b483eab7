"""PyTorch's side of benchmarks/peers. Every command prints one line of JSON.

    peer.py versions
    peer.py fixture FILE --space nb201 --c 16 --n 1 --batch 64
    peer.py time FILE --stages forward,forward-backward --layout channels_last --samples 3
    peer.py compare FIXTURE RESULT32 RESULT64

`python3 -c 'import torch'` must work; numpy comes with it.
"""

import argparse
import json
import platform
import re
import resource
import sys
import time

import torch

import fixture
import networks

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}

# The stages, see benchmarks/stages.go for ours.
STAGES = {
    "forward": lambda f: f.forward(),
    "forward-backward": lambda f: f.gradients("train"),
    "second-order": lambda f: f.second_order(),
}


def versions(_):
    """What PyTorch says of itself; only names that it prints are found."""
    said = torch.__config__.show() + torch.__config__.parallel_info()
    found = [re.search(pattern, said) for pattern in (r"MKL-DNN v[0-9.]+", r"CPU capability usage: \S+")]
    return {"versions": [f"PyTorch {torch.__version__}"] + [m.group() for m in found if m]
            + [f"Python {platform.python_version()}"]}


def make(args):
    torch.manual_seed(args.seed)
    model = networks.build(args.space, args.c, args.n, args.channels, args.classes)
    fixture.make(args.file, model, args.space, args.c, args.n, args.batch, args.size, args.channels, args.classes,
                 args.gamma, args.seed)
    return {"weights": sum(p.numel() for p in model.parameters()), "alpha": sum(model.rows)}


def measure(args):
    """Seconds of each sample of each stage, after one run that is not counted."""
    try:  # where memory runs out, let it be this process that ends
        with open("/proc/self/oom_score_adj", "w") as adjust:
            adjust.write("1000")
    except OSError:
        pass
    f = fixture.Fixture(args.file, networks.build, layout=LAYOUTS[args.layout])
    samples = {}
    for stage in args.stages.split(","):
        run = STAGES[stage]
        run(f)
        samples[stage] = []
        while len(samples[stage]) < args.samples and sum(samples[stage]) < args.seconds:
            began = time.perf_counter()
            run(f)
            samples[stage].append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": samples, "peak": peak}


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
    sub.add_argument("--stages", default=",".join(STAGES))
    sub.add_argument("--layout", choices=LAYOUTS, default="nchw")
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
    print(json.dumps(args.run(args)))


if __name__ == "__main__":
    main()
