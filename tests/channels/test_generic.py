from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from service.channels import generic
from service.channels.contract import ChannelConfig, Refusal, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "correct-horse"
BODY = b'{"email":"ada@example.com"}'


def channel(*secrets: str, mapping: dict[str, str] | None = None, **settings: object) -> ChannelConfig:
    return ChannelConfig(
        "web", "generic", secrets or (SECRET,), generic.Settings.model_validate(settings), mapping=mapping or {}
    )


def post(body: bytes = BODY, media: str = "application/json", url_secret: str | None = None, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", {"content-type": media, **named}, "", body, NOW, url_secret=url_secret)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"someone:{password}".encode()).decode()


def code_of(request: Request, config: ChannelConfig | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        generic.verify(request, config or channel())
    return caught.value.code


@pytest.mark.parametrize(
    "request_",
    [
        post(x_channel_secret=SECRET),
        post(authorization=f"Bearer {SECRET}"),
        post(authorization=basic(SECRET)),
        post(url_secret=SECRET),
    ],
    ids=["header", "bearer", "basic", "url"],
)
def test_the_secret_may_be_in_any_of_the_places(request_: Request) -> None:
    generic.verify(request_, channel())


@pytest.mark.parametrize(
    ("place", "request_"),
    [
        ("header", post(url_secret=SECRET)),
        ("basic", post(x_channel_secret=SECRET)),
        ("url", post(authorization=basic(SECRET))),
    ],
)
def test_a_channel_may_insist_on_one_place(place: str, request_: Request) -> None:
    assert code_of(request_, channel(place=place)) == "unsigned"


def test_a_channel_may_name_its_header() -> None:
    generic.verify(post(x_form_token=SECRET), channel(header="x-form-token"))
    assert code_of(post(x_channel_secret=SECRET), channel(header="x-form-token")) == "unsigned"


def test_no_secret_is_unsigned() -> None:
    assert code_of(post()) == "unsigned"


@pytest.mark.parametrize("wrong", ["wrong-horse", SECRET + "x", SECRET[:-1], "é", " "])
def test_a_wrong_secret_is_refused(wrong: str) -> None:
    for request in (post(x_channel_secret=wrong), post(authorization=basic(wrong)), post(url_secret=wrong)):
        assert code_of(request) in {"wrong_secret", "unsigned"}


def test_an_empty_secret_never_verifies() -> None:
    config = ChannelConfig("web", "generic", ("",), generic.Settings())
    for request in (
        post(x_channel_secret=""),
        post(url_secret=""),
        post(authorization=basic("")),
        post(x_channel_secret="x"),
    ):
        assert code_of(request, config) in {"unsigned", "wrong_secret"}


def test_both_secrets_count_during_a_rotation() -> None:
    generic.verify(post(x_channel_secret="old-secret"), channel("new-secret", "old-secret"))


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b'"text"'),
        ("application/json", b'{"a":"\\u0000"}'),
        ("application/x-www-form-urlencoded", b"a=%FF"),
        ("application/x-www-form-urlencoded", b"a=%00"),
        ("application/x-www-form-urlencoded", b"\xff"),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"no parts"),
    ],
)
def test_a_malformed_body_is_refused(media: str, body: bytes) -> None:
    assert code_of(post(body, media, x_channel_secret=SECRET)) == "malformed_body"


def test_another_media_type_is_refused() -> None:
    assert code_of(post(b"<a/>", "text/xml", x_channel_secret=SECRET)) == "unsupported_media_type"


def test_a_form_is_understood() -> None:
    body = b"your-name=Ada+Lovelace&your-email=ada%40example.com&tel=%2B49301234567&utm_source=google&utm_campaign=spring&size=12"
    [submitted] = generic.translate(post(body, "application/x-www-form-urlencoded"), channel()).submissions
    fields = submitted.fields
    assert fields["full_name"] == "Ada Lovelace"
    assert fields["email"] == "ada@example.com"
    assert fields["phone"] == "+49301234567"
    assert fields["utm"] == {"source": "google", "campaign": "spring"}
    assert fields["campaign"] == "spring"
    assert fields["attributes"] == {"size": "12"}


def test_a_multipart_form_is_understood_and_its_boundary_is_no_news() -> None:
    def form(boundary: str) -> Request:
        parts = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("first_name", "Ada"), ("mail", "ada@example.com"))
        )
        return post(
            f"{parts}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}", x_channel_secret=SECRET
        )

    one, two = form("aaa"), form("bbb")
    generic.verify(one, channel())
    [submitted] = generic.translate(one, channel()).submissions
    assert (submitted.fields["first_name"], submitted.fields["email"]) == ("Ada", "ada@example.com")
    assert generic.dedupe_key(one, channel()) == generic.dedupe_key(two, channel())


def test_the_mapping_decides_where_it_speaks() -> None:
    body = b'{"email":"office@example.com","contact":{"mail":"ada@example.com"},"crm":{"id":9007199254740993},"n":"12"}'
    mapping = {"email": "contact.mail", "external_ids.crm": "crm.id", "attributes.staff": "n", "campaign": "missing"}
    [submitted] = generic.translate(post(body), channel(mapping=mapping)).submissions
    assert submitted.fields["email"] == "ada@example.com"
    assert submitted.fields["external_ids"] == {"crm": "9007199254740993"}
    assert submitted.fields["attributes"]["staff"] == "12"
    assert "campaign" not in submitted.fields


def test_a_list_is_several_people() -> None:
    meaning = generic.translate(post(b'[{"email":"a@b.example"},{"email":"c@d.example"}]'), channel())
    assert [one.fields["email"] for one in meaning.submissions] == ["a@b.example", "c@d.example"]


@pytest.mark.parametrize("body", [b"[]", b"[1]", b'[{"a":1},2]'])
def test_a_list_of_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        generic.translate(post(body), channel())
    assert caught.value.code == "malformed_body"


def test_the_content_is_its_own_key_unless_the_channel_knows_an_id() -> None:
    assert generic.dedupe_key(post(), channel()) == generic.dedupe_key(post(), channel())
    assert generic.dedupe_key(post(), channel()) != generic.dedupe_key(post(b'{"email":"x@y.example"}'), channel())
    by_id = channel(dedupe="entry.id")
    assert generic.dedupe_key(post(b'{"entry":{"id":7},"n":1}'), by_id) == "id:7"
    assert (generic.dedupe_key(post(b'{"n":1}'), by_id) or "").startswith("sha256:")


def test_credentials_are_not_stored() -> None:
    request = post(x_form_token=SECRET, authorization=basic(SECRET), cookie="session=1", user_agent="curl")
    stored = generic.redact(request, channel(header="x-form-token"))
    assert SECRET not in str(stored)
    assert stored.headers["cookie"] == "[redacted]"
    assert stored.headers["user-agent"] == "curl"
    assert stored.body == BODY
