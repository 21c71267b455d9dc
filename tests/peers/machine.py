# SPDX-License-Identifier: Apache-2.0
"""What a comparison says about the machine that it ran on."""
import pathlib
import platform
import subprocess


def cpu():
    """The processor's name, and of its features those that matter here."""
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    wanted = [flag for flag in flags if flag in ("avx2", "fma") or flag.startswith(("avx512", "avx_vnni", "amx", "asimddp"))]
    return {"model": fields.get("model name", platform.machine()), "flags": wanted}


def debian_version(package, name):
    """{name: version} of an installed Debian package, else nothing."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    try:
        version = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    except OSError:
        version = ""
    return {name: version} if version else {}
