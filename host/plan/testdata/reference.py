"""Runs cases.json through kagurazaka 0.1.1 and prints what it answers: `python3 reference.py > reference.json`.

It needs an environment of its own with that package: `pip install kagurazaka==0.1.1`.
"""

import contextlib
import json
import os
import sys
import tempfile

with contextlib.redirect_stdout(sys.stderr):
    from kagurazaka.template import io


def plain(item):
    return {k: v.to_dict() if hasattr(v, "to_dict") else v for k, v in item.items()}


def soft(spec):
    # The package takes a list alone where there is a subshard.
    sub = soft(spec["subshard"]) if spec.get("subshard") else None
    return io.SoftShard(spec["shard_idx"], spec["shard_num"], sub)


def main():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json")) as f:
        cases = json.load(f)
    work = tempfile.mkdtemp()
    os.chdir(work)
    for folder in cases["tree"]["folders"]:
        os.makedirs(folder)
    for file in cases["tree"]["files"]:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        open(file, "w").close()
    for link, to in cases["tree"]["links"].items():
        os.symlink(to, link)
    answers = {"inputs": [], "outputs": [], "hard_shards": [], "soft_shards": []}
    for case in cases["inputs"]:
        args = case.get("args")
        if args is None:
            with open("lines.jsonl", "w", newline="") as f:
                f.write(case["lines"])
            args = {"jsonl_path": "lines.jsonl"}
        items = getattr(io, case["mode"])(**args).generate_tasks(case["input_path"])
        answers["inputs"].append([plain(i) for i in items])
        if "lines" in case:
            os.remove("lines.jsonl")
    for case in cases["outputs"]:
        mode = getattr(io, case["mode"])(**case["args"])
        answers["outputs"].append(plain(mode.get_output_params(case["output_path"], input=io.FileTriplet(*case["input"]))))
    for case in cases["hard_shards"]:
        mode = io.HardShardModeV1(**case)
        answers["hard_shards"].append([mode.get_shard_input(), mode.get_shard_output()])
    for case in cases["soft_shards"]:
        mode = soft(case)
        answers["soft_shards"].append([i for i in range(60) if mode.check_in_shard(i)])
    # One answer a line.
    lists = []
    for name, of in answers.items():
        lines = [json.dumps(a, separators=(",", ":")) for a in of]
        lists.append(json.dumps(name) + ": [\n" + ",\n".join(lines) + "\n]")
    print("{\n" + ",\n".join(lists) + "\n}")


main()
