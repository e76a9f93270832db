"""Files and folders that are whole or absent, also after a crash or on a full disk.

Everything that is written to a home goes through here, and from here through ``pipeline.store.disk``.
"""

from pipeline.store.atomic.faults import disk_errors
from pipeline.store.atomic.files import (
    read_bytes,
    read_json,
    sha256_file,
    write_bytes,
    write_json,
    write_parts,
    write_text,
)
from pipeline.store.atomic.folders import make_folder, publish_folder, remove_tree, sync_folder
from pipeline.store.atomic.lines import append_line, cut_torn_line, is_torn, read_lines
from pipeline.store.atomic.temporary_files import TEMPORARY_SUFFIX, remove_temporaries, temporaries, temporary_name

__all__ = [
    "TEMPORARY_SUFFIX",
    "append_line",
    "cut_torn_line",
    "disk_errors",
    "is_torn",
    "make_folder",
    "publish_folder",
    "read_bytes",
    "read_json",
    "read_lines",
    "remove_temporaries",
    "remove_tree",
    "sha256_file",
    "sync_folder",
    "temporaries",
    "temporary_name",
    "write_bytes",
    "write_json",
    "write_parts",
    "write_text",
]
