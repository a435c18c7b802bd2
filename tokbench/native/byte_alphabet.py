"""The alphabet in which ByteLevel writes bytes."""

from __future__ import annotations


def byte_characters() -> list[str]:
    """The character that ByteLevel writes for each byte: itself if it can be seen, else from U+0100 on."""
    unseen = [byte for byte in range(0x100) if byte <= 0x20 or 0x7F <= byte <= 0xA0 or byte == 0xAD]
    characters = [chr(byte) for byte in range(0x100)]
    for number, byte in enumerate(unseen):
        characters[byte] = chr(0x100 + number)
    return characters
