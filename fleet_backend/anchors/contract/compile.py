"""Compiles Anchor.vy into Anchor.json, which is in git: who runs an anchor needs no compiler.

`python -m fleet_backend.anchors.contract.compile` writes the file, `--check` compares it.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "Anchor.vy"
COMPILED = HERE / "Anchor.json"


def compile_contract() -> str:
    """What Anchor.json must hold: compiler, interface, bytecode to deploy and at run time."""
    import vyper
    from vyper.compiler import compile_code

    wanted = ["abi", "bytecode", "bytecode_runtime"]
    made = compile_code(SOURCE.read_text(), output_formats=wanted)
    content = {
        "compiler": f"vyper {vyper.__version__}",
        "abi": made["abi"],
        "bytecode": made["bytecode"],
        "bytecode_runtime": made["bytecode_runtime"],
    }
    return json.dumps(content, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    text = compile_contract()
    if arguments == ["--check"]:
        if not COMPILED.exists() or COMPILED.read_text() != text:
            print(f"{COMPILED.name} is not what {SOURCE.name} compiles to", file=sys.stderr)
            return 1
        return 0
    COMPILED.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
