"""Import eth-tester and py-evm through this: they raise the recursion limit of the whole process.

With a limit of 100,000 a test elsewhere that feeds deep nonsense to a decoder would end the process
where it expects a RecursionError.
"""

import sys

_LIMIT = sys.getrecursionlimit()

from eth_tester import EthereumTester, PyEVMBackend  # noqa: E402
from eth_tester.exceptions import (  # noqa: E402
    BlockNotFound,
    TransactionFailed,
    TransactionNotFound,
)

sys.setrecursionlimit(_LIMIT)

__all__ = [
    "BlockNotFound",
    "EthereumTester",
    "PyEVMBackend",
    "TransactionFailed",
    "TransactionNotFound",
]
