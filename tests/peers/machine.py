# SPDX-License-Identifier: Apache-2.0
"""What a comparison says about the machine that it ran on."""
import pathlib
import platform


def cpu():
    """The processor's name, and of its features those that matter here."""
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    wanted = [flag for flag in flags if flag in ("avx2", "fma") or flag.startswith(("avx512", "avx_vnni", "amx", "asimddp"))]
    return {"model": fields.get("model name", platform.machine()), "flags": wanted}
