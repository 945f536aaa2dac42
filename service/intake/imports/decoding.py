"""From bytes to text: which encoding a file is in, found while it streams in."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import Final

from service.core.errors import Invalid

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_LONGEST_BOM: Final = 4
# Characters of Chinese encodings take two bytes, both of them high in all but the rarest; a letter with an accent stands alone.
_MOSTLY_PAIRS: Final = 0.8
_SAMPLE: Final = 64 << 10


class Decoder:
    """Decodes a file block by block: by its mark, as UTF-8, or, from the first byte on that is not UTF-8, as what it looks like.

    ``encoding`` insists on one. The encoding that was used is in `encoding` afterwards.
    """

    def __init__(self, encoding: str | None = None) -> None:
        self.encoding = encoding or ""
        self._insisted = encoding is not None
        self._decoder = _decoder(encoding) if encoding else None
        self._held = b""
        self._is_ascii = True

    def feed(self, block: bytes, *, final: bool = False) -> str:
        """Return the text of the next block; raises `Invalid` for what cannot be text in the encoding."""
        block = self._held + block
        if self._decoder is None:
            if len(block) < _LONGEST_BOM and not final:
                self._held = block
                return ""
            self._begin(block)
        self._held = b""
        return self._decode(block, final=final)

    def _begin(self, block: bytes) -> None:
        marked = next((name for mark, name in _BOMS if block.startswith(mark)), None)
        self._insisted = marked is not None
        self.encoding = marked or _wide(block) or "utf-8"
        self._decoder = codecs.getincrementaldecoder(self.encoding)()

    def _decode(self, block: bytes, *, final: bool) -> str:
        assert self._decoder is not None
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as fault:
            if self._insisted or self.encoding != "utf-8" or not self._is_ascii:
                raise Invalid(
                    "?encoding", f"the file is not {self.encoding} throughout: {fault.reason}", code="encoding_invalid"
                ) from None
            # Up to here all was ASCII, which the others share.
            block = state[0] + block
            self.encoding = _looks_like(block)
            self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")
            text = self._decoder.decode(block, final)
        self._is_ascii = self._is_ascii and text.isascii()
        return text


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    found = None
    with suppress(LookupError):
        found = codecs.lookup(encoding)
    # Other codecs turn bytes into bytes; there is no public name for telling them apart.
    if found is None or not found._is_text_encoding or found.name in {"idna", "punycode", "undefined"}:  # noqa: SLF001  as the line above
        raise Invalid("?encoding", f"there is no encoding {encoding!r}")
    return codecs.getincrementaldecoder("utf-8-sig" if found.name == "utf-8" else encoding)()


def _wide(block: bytes) -> str | None:
    """Return the kind of UTF-16 that a file without a mark is in: every other byte of western text is NUL."""
    sample = block[:1024]
    if len(sample) < _LONGEST_BOM or b"\0" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    return "utf-16-le" if odd > even else "utf-16-be"


def _looks_like(block: bytes) -> str:
    first = _HIGH.search(block)
    sample = block[first.start() if first else 0 :][:_SAMPLE]
    runs = [len(run) for run in _HIGH.findall(sample)]
    paired = sum(run for run in runs if run > 1)
    return "gb18030" if runs and paired >= _MOSTLY_PAIRS * sum(runs) else "cp1252"
