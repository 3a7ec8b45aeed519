"""What Xet clients upload, without HTTP and without a database: xorbs of chunks, shards of files, files from both.

A client cuts files into chunks, sends those that it has not sent before in xorbs, and at the end a shard that says of
which chunks each file is made. Reading such a file back by Xet is not covered: it is stored whole, by its sha256.

The formats are those of https://huggingface.co/docs/xet, checked against what hf_xet 1.8.0 sends.
"""

from __future__ import annotations

from registry.server.xet.assemble import Assembled, assemble
from registry.server.xet.shard import MAX_SHARD_BYTES, Segment, ShardFile, read_shard
from registry.server.xet.xorb import MAX_XORB_BYTES, Chunk, check_xorb, read_index, unpack

__all__ = [
    "MAX_SHARD_BYTES",
    "MAX_XORB_BYTES",
    "Assembled",
    "Chunk",
    "Segment",
    "ShardFile",
    "assemble",
    "check_xorb",
    "read_index",
    "read_shard",
    "unpack",
]
