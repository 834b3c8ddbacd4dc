# pragma version ==0.4.3
# pragma evm-version shanghai
# pragma optimize gas
"""
@title Newest checkpoint of transparency logs
@license Apache-2.0
@notice A row belongs to (owner, origin), and only its owner can write it: the sender of a
        transaction is the owner. No administrator, no upgrade, no money, no way to delete.
@dev `origin` is the SHA-256 of the log's origin line. A size never gets smaller, and a size never
     gets another root. The contract does not know whether one root continues another: that is
     what consistency proofs and witnesses are for.
"""

event Registered:
    owner: indexed(address)
    origin: indexed(bytes32)

event Anchored:
    owner: indexed(address)
    origin: indexed(bytes32)
    size: uint64
    root: bytes32

# `head` is one word, because each word costs 5,000 gas to change:
# block of the registration << 128 | block of the newest anchor << 64 | size.
struct Row:
    head: uint256
    root: bytes32

MASK: constant(uint256) = 2**64 - 1

rows: HashMap[address, HashMap[bytes32, Row]]


@external
def register(origin: bytes32):
    """
    @notice Begin the sender's row for `origin`; once. A mistyped origin, or a wrong key, must not
            begin a second history unseen.
    """
    assert self.rows[msg.sender][origin].head == 0, "registered"
    self.rows[msg.sender][origin].head = block.number << 128
    log Registered(owner=msg.sender, origin=origin)


@external
def anchor(origin: bytes32, size: uint64, root: bytes32):
    """
    @notice Note that the log has `size` entries with this root. The same once more changes nothing
            (the first block stays); the empty log is not anchored.
    """
    head: uint256 = self.rows[msg.sender][origin].head
    assert head != 0, "not registered"
    new_size: uint256 = convert(size, uint256)
    if new_size <= head & MASK:
        assert new_size == head & MASK, "smaller size"
        assert self.rows[msg.sender][origin].root == root, "another root"
        return
    self.rows[msg.sender][origin].head = ((head >> 128) << 128) | (block.number << 64) | new_size
    self.rows[msg.sender][origin].root = root
    log Anchored(owner=msg.sender, origin=origin, size=size, root=root)


@external
@view
def newest(owner: address, origin: bytes32) -> (uint64, bytes32, uint64, uint64):
    """
    @notice Size, root, block of the newest anchor, block of the registration; zeros for what is
            not there.
    """
    head: uint256 = self.rows[owner][origin].head
    return (
        convert(head & MASK, uint64),
        self.rows[owner][origin].root,
        convert((head >> 64) & MASK, uint64),
        convert(head >> 128, uint64),
    )
