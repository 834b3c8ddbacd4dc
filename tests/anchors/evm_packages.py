"""What the tests use of eth-account, eth-tester and py-evm, loaded when a name is asked for.

They raise the recursion limit of the whole process. With a limit of 100,000 a test elsewhere that
feeds deep nonsense to a decoder would end the process where it expects a RecursionError.
"""

import sys
from importlib import import_module
from typing import Any

MODULES = {
    "Account": "eth_account",
    "EthereumTester": "eth_tester",
    "PyEVMBackend": "eth_tester",
    "BlockNotFound": "eth_tester.exceptions",
    "TransactionFailed": "eth_tester.exceptions",
    "TransactionNotFound": "eth_tester.exceptions",
}


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(name)
    limit = sys.getrecursionlimit()
    try:
        return getattr(import_module(MODULES[name]), name)
    finally:
        sys.setrecursionlimit(limit)
