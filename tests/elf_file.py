# SPDX-License-Identifier: MIT
"""Kernels with one thing wrong, made from a good one."""

import struct

HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
NOTE = struct.Struct("<III")
SEGMENT_NOTE = 4
NOTE_ENTRY = 1
NOTE_HYPERCALL_PAGE = 2
NOTE_XEN_VERSION = 5
NOTE_FEATURES = 10


class ElfFile:
    """An ELF64 kernel whose header and Xen notes can be changed in place."""

    def __init__(self, path):
        self.data = bytearray(path.read_bytes())

    def patch(self, offset, form, value):
        struct.pack_into(form, self.data, offset, value)

    def _notes(self):
        """Yield offset, type and size of each Xen note's description."""
        header = HEADER.unpack_from(self.data)
        table, entry_size, count = header[7], header[11], header[12]
        for index in range(count):
            segment = SEGMENT.unpack_from(self.data, table + index * entry_size)
            if segment[0] != SEGMENT_NOTE:
                continue
            offset, end = segment[2], segment[2] + segment[5]
            while offset + NOTE.size <= end:
                name_size, size, kind = NOTE.unpack_from(self.data, offset)
                name = offset + NOTE.size
                description = name + (name_size + 3 & ~3)
                if self.data[name:name + name_size] == b"Xen\0":
                    yield name, description, kind, size
                offset = description + (size + 3 & ~3)

    def set_machine(self, machine):
        self.patch(18, "<H", machine)

    def rename_notes(self):
        for name, _, _, _ in list(self._notes()):
            self.data[name:name + 4] = b"Zen\0"

    def set_note(self, wanted, value):
        """Overwrite a note's number, or its text by one that is not longer."""
        for _, description, kind, size in self._notes():
            if kind != wanted:
                continue
            if isinstance(value, str):
                value = value.encode()
                assert len(value) < size
                self.data[description:description + size] = value.ljust(size, b"\0")
            else:
                self.patch(description, "<Q", value)
            return
        raise LookupError(f"no note {wanted}")

    def write(self, path):
        path.write_bytes(self.data)
        return path
