# SPDX-License-Identifier: Apache-2.0
"""What compare_peers.py prints: the table, how to read it, the fastest peers and whether slimpilot keeps its limits."""

LIMITS = {  # how much faster slimpilot has to be than the fastest peer
    ("pilotnet", "f32"): 1.15, ("pilotnet_same", "f32"): 1.15, ("pilotnet", "int8"): 1.8, ("pilotnet_same", "int8"): 2,
    ("deepest_lstm_tiny_pilotnet", "int8"): 2,
}  # fmt: skip
DEEPEST, DEEPEST_LIMIT_US = "deepest_lstm_tiny_pilotnet", 50
HEAD = ["network", "type", "threads", "runtime", "median µs", "p99 µs", "net µs", "peer/slimpilot", "max diff", "non-zero"]


def is_peer(row):
    return row["runtime"] != "slimpilot" and "missing" not in row


def best(rows):
    return min(rows, key=lambda row: row["ratio"], default=None)


def fastest_peers(rows):
    """The fastest peer of every network, type and number of threads; bf16 is a type of its own."""
    groups = {}
    for row in filter(is_peer, rows):
        groups.setdefault((row["network"], row["type"], row["threads"]), []).append(row)
    found = []
    for (network, kind, threads), group in groups.items():
        row = best(group)
        found.append({"network": network, "type": kind, "threads": threads, "runtime": row["runtime"], "ratio": row["ratio"],
                      "net_us": row["median_without_overhead_us"]})
    return found


def limits(rows):
    """Of one thread. `measured`: the fastest peer's time by slimpilot's, in int8 by the slower of its two int8 types; where no
    peer has int8, the fastest float one counts."""
    rows, found = [row for row in rows if row["threads"] == 1], []
    own_us = {(row["network"], row["type"]): row["median_us"] for row in rows if row["runtime"] == "slimpilot"}
    for (network, kind), least in LIMITS.items():
        own_types = [key for key in own_us if key[0] == network and key[1].startswith(kind)]
        for _, own_type in own_types:
            peers = [row for row in rows if is_peer(row) and row["network"] == network]
            same_type, floats = ([row for row in peers if row["type"] == name] for name in (own_type, "f32"))
            peer = best(same_type) or best(floats)
            if peer is None:
                continue
            ratio = peer["median_without_overhead_us"] / own_us[network, own_type]
            what = f"{network} {own_type} at least {least:g}× faster than the fastest peer"
            measured = f"{ratio:.2f}×, {peer['runtime']} {peer['type']}"
            found.append({"limit": what, "measured": measured, "passed": ratio >= least})
    if (DEEPEST, "f32") in own_us:
        took = own_us[DEEPEST, "f32"]
        what = f"{DEEPEST} f32 in at most {DEEPEST_LIMIT_US} µs"
        found.append({"limit": what, "measured": f"{took:.1f} µs", "passed": took <= DEEPEST_LIMIT_US})
    return found


def table(rows):
    cells = [HEAD]
    for row in rows:
        start = [row["network"], row["type"], str(row["threads"]), row["runtime"]]
        if "missing" in row:
            cells.append(start + ["-"] * 5 + [f"not run: {row['missing']}"])
            continue
        numbers = (row["median_us"], row["p99_us"], row["median_without_overhead_us"])
        cells.append([*start, *(f"{number:.1f}" for number in numbers), f"{row['ratio']:.2f}", f"{row['max_difference']:.2g}",
                      f"{100 * row['nonzero_share']:.0f} %"])
    widths = [max(len(line[column]) for line in cells if "not run" not in line[-1]) for column in range(len(HEAD))]
    widths[:4] = [max(len(line[column]) for line in cells) for column in range(4)]
    aligned = [
        [text.ljust(width) if column < 4 else text.rjust(width) for column, (text, width) in enumerate(zip(line, widths))]
        for line in cells
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def explanation(result):
    settings, rows = result["settings"], result["rows"]
    isa = {row["runtime"]: row["isa"] for row in rows if row.get("isa")}
    shown = [row for row in rows if row.get("settings")]
    chosen = [f"{row['network']} {row['type']}, {threads_of(row)}, {row['runtime']}: {row['settings']}" for row in shown]
    return "\n".join([
        f"{result['cpu']['model']}; {' '.join(result['cpu']['flags'])}",
        f"Batch 1, {settings['weights']}, {settings['pictures']}, {settings['turns']} turns of {settings['runs']} runs each "
        f"after warm-up; every runtime in a process of its own on the cores {settings['cores']}, as many as threads.",
        "ISA: " + ", ".join(f"{name} {level}" for name, level in isa.items())
        + ("; the others the best" if settings["isa"] == "best" else ", PyTorch avx2"),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        "net µs: less what a run of an empty network costs through the same Python binding; the ratios use it.",
        "max diff: from slimpilot's float32 outputs, as a share of the largest of them.",
        "non-zero: activations that enter the first dense layer, in slimpilot's model of that type.",
        "bf16 is compared with slimpilot's f32.",
        "The fastest settings of those tried (the JSON file has all times and reasons):",
        *(f"  {line}" for line in chosen),
    ])  # fmt: skip


def threads_of(row):
    return f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"


def text(result):
    fastest = [
        f"{peer['network']} {peer['type']}, {threads_of(peer)}: {peer['runtime']}, {peer['net_us']:.1f} µs; "
        f"slimpilot is {peer['ratio']:.2f}× as fast"
        for peer in result["fastest_peers"]
    ]
    kept = [f"{'PASS' if limit['passed'] else 'FAIL'}: {limit['limit']}: {limit['measured']}" for limit in result["limits"]]
    parts = [table(result["rows"]), explanation(result), "\n".join(["The fastest peers:", *fastest])]
    return "\n\n".join(parts + (["\n".join(kept)] if kept else []))
