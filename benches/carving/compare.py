#!/usr/bin/env python3
"""Counts by hash what was found in images that corpus.py made, and prints a table.

    compare.py --tool PATH [--photorec] [--paranoid] DIR...

PATH is the program of this folder (cargo build --release). A file counts as found when a whole output is the same, byte by
byte.
"""
import argparse, collections, hashlib, json, os, shutil, subprocess, time


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def outputs(folder):
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.join(place, name) for name in names if name != "report.xml"]
    return found


def score(name, files, found, seconds, table, totals):
    have = collections.Counter(digest(path) for path in found)
    known = {one["sha256"] for one in files}
    for one in files:
        if not one["exact"]:
            continue
        group = f'{one["kind"]}, {one["class"]}' if one["kind"] in ("jpeg", "heic", "film") else f'other, {one["class"]}'
        cell = table[group][name]
        cell[1] += 1
        cell[0] += have[one["sha256"]] > 0
    total = totals[name]
    total["outputs"] += len(found)
    total["right"] += sum(count for one, count in have.items() if one in known)
    called = [path for path in found if os.path.basename(path).startswith(("whole", "reassembled"))]
    total["called"] += len(called)
    wrong = [path for path in called if digest(path) not in known]
    total["wrong"] += len(wrong)
    total["seconds"] += seconds
    return wrong


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--tool")
    ask.add_argument("--photorec", action="store_true")
    ask.add_argument("--paranoid", action="store_true")
    ask.add_argument("--budget", default="10")
    ask.add_argument("--limit", type=float, help="seconds after which a tool is stopped; what it has found by then counts")
    ask.add_argument("--misses", action="store_true")
    ask.add_argument("images", nargs="+")
    asked = ask.parse_args()
    table = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    totals = collections.defaultdict(collections.Counter)
    for folder in asked.images:
        truth = json.load(open(os.path.join(folder, "truth.json")))
        image = os.path.join(folder, "image")
        with open(image, "rb") as file:  # warm for everybody
            while file.read(1 << 24):
                pass
        jobs = []
        if asked.tool:
            jobs.append(("keepsake", lambda out: [asked.tool, image, out, asked.budget]))
        options = lambda more: f"partition_none,options,{more}fileopt,everything,enable,wholespace,search"
        if asked.photorec:
            jobs.append(("photorec", lambda out: ["photorec", "/d", out + "/recup", "/cmd", image, options("")]))
        if asked.paranoid:
            jobs.append(("photorec bf", lambda out: ["photorec", "/d", out + "/recup", "/cmd", image, options("paranoid_bf,")]))
        for name, command in jobs:
            out = os.path.join(folder, name.replace(" ", "-"))
            shutil.rmtree(out, ignore_errors=True)
            os.makedirs(out)
            begun = time.monotonic()
            try:
                subprocess.run(command(out), timeout=asked.limit, stdout=subprocess.DEVNULL,
                               stderr=None if name == "keepsake" else subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                totals[name]["stopped"] += 1
            seconds = time.monotonic() - begun
            found = outputs(out)
            wrong = score(name, truth["files"], found, seconds, table, totals)
            if asked.misses and name == "keepsake":
                have = {digest(path) for path in found}
                for one in truth["files"]:
                    if one["exact"] and one["sha256"] not in have:
                        print(f'{folder}: cluster {truth["cluster"]}: missed {one["kind"]}, {one["class"]}, {one["size"]} bytes, {one["sha256"][:8]} at {one.get("at")}')
                for path in wrong:
                    print("wrong:", path)
    names = list(totals)
    print("| class | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    for group in sorted(table):
        cells = [table[group][name] for name in names]
        print(f"| {group} | " + " | ".join(f"{got}/{of} ({100 * got / of:.0f} %)" for got, of in cells) + " |")
    for label, cell in [
        ("all that can be had", lambda name: "{}/{} ({:.0f} %)".format(*(lambda got, of: (got, of, 100 * got / of))(*[sum(table[group][name][index] for group in table) for index in (0, 1)]))),
        ("outputs", lambda name: str(totals[name]["outputs"])),
        ("outputs that are an original", lambda name: "{} ({:.0f} %)".format(totals[name]["right"], 100 * totals[name]["right"] / max(1, totals[name]["outputs"]))),
        ("called whole and wrong", lambda name: str(totals[name]["wrong"]) if name == "keepsake" else "says nothing"),
        ("seconds", lambda name: f'{totals[name]["seconds"]:.1f}' + (f', stopped in {totals[name]["stopped"]}' if totals[name]["stopped"] else "")),
    ]:
        print(f"| {label} | " + " | ".join(cell(name) for name in names) + " |")


main()
