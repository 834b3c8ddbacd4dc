"""eth-tester and py-evm, loaded when the first of these names is asked for.

They raise the recursion limit of the whole process. With a limit of 100,000 a test elsewhere that
feeds deep nonsense to a decoder would end the process where it expects a RecursionError.
"""

import sys
from typing import Any

NAMES = (
    "EthereumTester",
    "PyEVMBackend",
    "BlockNotFound",
    "TransactionFailed",
    "TransactionNotFound",
)


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(name)
    limit = sys.getrecursionlimit()
    import eth_tester
    from eth_tester import exceptions

    sys.setrecursionlimit(limit)
    return getattr(eth_tester, name, None) or getattr(exceptions, name)
