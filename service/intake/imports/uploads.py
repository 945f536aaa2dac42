"""What a request brings: a file as its body, or as a part of a form, and how to read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from service.core.errors import Invalid
from service.core.http.problems import invalid
from service.core.http.strict_json import parse
from service.intake.imports.receiving import format_of
from service.intake.imports.schemas import ImportOptions, ImportQuery

_BLOCK: Final = 256 << 10
_FORM: Final = "multipart/form-data"
_AS_JSON: Final = ("mapping", "events", "tags")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is yet to be read, and its options."""

    blocks: AsyncIterator[bytes]
    options: ImportOptions
    format: str


async def upload_of(request: Request, query: ImportQuery) -> Upload:
    """Return the file of a request; raises `Invalid` for options that cannot be used."""
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith(_FORM):
        options = merged(query, {})
        return Upload(request.stream(), options, format_of(content_type, options.name))
    form = await request.form(max_files=1, max_fields=30)
    file = next((part for part in form.values() if isinstance(part, UploadFile)), None)
    if file is None:
        raise Invalid("/file", "the form has no file")
    try:
        options = merged(query, _fields(form) | ({"name": file.filename[:200]} if file.filename else {}))
    except Invalid:
        await file.close()
        raise
    return Upload(_blocks(file), options, format_of(file.content_type or "", file.filename))


def merged(query: ImportQuery, form: Mapping[str, Any]) -> ImportOptions:
    """Return the options that the address and the form give together; the address comes first. Raises `Invalid`."""
    given = query.model_dump(exclude_none=True)
    together = {**_object("options", form.get("options")), **_object("options", given.pop("options", None))}
    for source in (form, given):
        together |= {name: _object(name, value) if name in _AS_JSON else value for name, value in source.items()}
    together.pop("options", None)
    try:
        return ImportOptions.model_validate(together)
    except ValidationError as fault:
        raise invalid(fault.errors(include_url=False, include_input=False), within=("body",)) from None


def _fields(form: FormData) -> dict[str, Any]:
    return {name: value for name, value in form.items() if isinstance(value, str) and value}


def _object(name: str, text: Any) -> Any:
    if not isinstance(text, str):
        return text or {}
    value = parse(text.encode())
    if not isinstance(value, dict | list):
        raise Invalid(f"/{name}", f"{name} is JSON: an object")
    return value


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    try:
        while block := await file.read(_BLOCK):
            yield block
    finally:
        await file.close()
