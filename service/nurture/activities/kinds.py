"""The kinds of activities that are known by name (PURE): what each means, and who was active.

Any other kind may be told as well, and rules may name it: the names here are those our channels' vendors use, and those we propose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["inbound", "outbound", "system"]
"""``inbound``: the lead did it. ``outbound``: one of us got in touch with the lead. ``system``: a machine did it, such as a mailing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of activity. ``rated`` says that a rating belongs to it; ``source`` is the vendor whose word it is, None for our own."""

    kind: str
    direction: Direction
    description: str
    rated: bool = False
    source: str | None = None


_OURS: Final = (
    Kind("email.opened", "inbound", "The lead opened an e-mail"),
    Kind("email.clicked", "inbound", "The lead clicked a link in an e-mail"),
    Kind("email.replied", "inbound", "The lead answered an e-mail"),
    Kind("email.received", "inbound", "The lead wrote an e-mail to us"),
    Kind("email.sent", "outbound", "One of us wrote an e-mail to the lead"),
    Kind("email.unsubscribed", "inbound", "The lead wants no more e-mails"),
    Kind("email.complained", "inbound", "The lead called an e-mail spam"),
    Kind("email.bounced", "system", "An e-mail could not be delivered"),
    Kind("mailing.sent", "system", "The lead was sent a mailing, as many were"),
    Kind("call.made", "outbound", "One of us called and reached the lead"),
    Kind("call.attempted", "outbound", "One of us called, and nobody answered"),
    Kind("call.received", "inbound", "The lead called us"),
    Kind("message.sent", "outbound", "One of us wrote to the lead in a messenger"),
    Kind("message.received", "inbound", "The lead wrote to us in a messenger"),
    Kind("sms.sent", "outbound", "One of us sent the lead a text message"),
    Kind("visit.made", "outbound", "One of us called on the lead"),
    Kind("meeting.booked", "inbound", "The lead booked a meeting"),
    Kind("meeting.cancelled", "inbound", "The lead cancelled a meeting"),
    Kind("meeting.missed", "inbound", "The lead did not come to a meeting"),
    Kind("meeting.held", "outbound", "One of us met the lead"),
    Kind("demo.requested", "inbound", "The lead asked for a demonstration"),
    Kind("demo.held", "outbound", "One of us demonstrated the product to the lead"),
    Kind("quote.requested", "inbound", "The lead asked for a quotation"),
    Kind("quote.sent", "outbound", "One of us sent the lead a quotation"),
    Kind("quote.opened", "inbound", "The lead opened a quotation"),
    Kind("trial.started", "inbound", "The lead began to try the product"),
    Kind("page.visited", "inbound", "The lead visited a page"),
    Kind("form.submitted", "inbound", "The lead filled in a form"),
    Kind("content.downloaded", "inbound", "The lead downloaded something"),
    Kind("webinar.registered", "inbound", "The lead registered for a webinar or a live stream"),
    Kind("webinar.attended", "inbound", "The lead attended a webinar or a live stream"),
    Kind("event.registered", "inbound", "The lead registered for a fair, a seminar or another event"),
    Kind("event.attended", "inbound", "The lead was at a fair, a seminar or another event"),
    Kind("product.used", "inbound", "The lead used the product"),
    Kind("support.requested", "inbound", "The lead asked for help"),
    Kind("referral.made", "inbound", "The lead referred somebody to us"),
    Kind("survey.answered", "inbound", "The lead answered a survey", rated=True),
    Kind("nps.answered", "inbound", "The lead said how likely it would recommend us", rated=True),
    Kind("review.written", "inbound", "The lead reviewed us in public", rated=True),
    Kind("feedback.given", "inbound", "The lead said what it thinks of us", rated=True),
    Kind("interview.held", "outbound", "One of us interviewed the lead", rated=True),
)


def _of(source: str, kinds: Mapping[str, tuple[Direction, str]]) -> tuple[Kind, ...]:
    return tuple(Kind(kind, direction, text, source=source) for kind, (direction, text) in kinds.items())


_VENDORS: Final = (
    *_of(
        "activecampaign",
        {
            "open": ("inbound", "The contact opened a campaign"),
            "click": ("inbound", "The contact clicked a link of a campaign"),
            "reply": ("inbound", "The contact answered a campaign"),
            "forward": ("inbound", "The contact forwarded a campaign"),
            "share": ("inbound", "The contact shared a campaign"),
            "unsubscribe": ("inbound", "The contact unsubscribed; Mailchimp calls it so, too"),
            "bounce": ("system", "A campaign could not be delivered to the contact"),
            "sent": ("system", "A campaign was sent to the contact"),
            "contact_tag_added": ("system", "The contact was given a tag"),
            "contact_tag_removed": ("system", "A tag of the contact was taken away"),
            "contact_task_added": ("system", "A task about the contact was made"),
            "contact_task_completed": ("outbound", "A task about the contact was done"),
        },
    ),
    *_of(
        "calendly",
        {
            "invitee.created": ("inbound", "The invitee booked a meeting"),
            "invitee.canceled": ("inbound", "The invitee's meeting was cancelled"),
            "invitee_no_show.created": ("inbound", "The invitee did not come"),
            "invitee_no_show.deleted": ("system", "The invitee had come after all"),
        },
    ),
    *_of(
        "hubspot",
        {
            "contact.propertyChange": ("system", "A property of the contact changed"),
            "contact.associationChange": ("system", "The contact was linked to something, or no longer"),
            "contact.merge": ("system", "The contact was merged with another one"),
            "contact.deletion": ("system", "The contact was deleted"),
        },
    ),
    *_of(
        "intercom",
        {
            "conversation.user.created": ("inbound", "The contact began a conversation"),
            "conversation.user.replied": ("inbound", "The contact answered in a conversation"),
            "conversation.admin.replied": ("outbound", "A teammate answered in a conversation"),
            "conversation.admin.single.created": ("outbound", "A teammate began a conversation"),
            "conversation.admin.closed": ("system", "A teammate closed a conversation"),
            "conversation.rating.added": ("inbound", "The contact rated a conversation"),
            "contact.tag.created": ("system", "The contact was given a tag"),
        },
    ),
    *_of(
        "mailchimp",
        {
            "upemail": ("inbound", "The member has another address"),
            "cleaned": ("system", "The member's address bounced, or the member complained"),
        },
    ),
    *_of(
        "mautic",
        {
            "email_on_open": ("inbound", "The contact opened an e-mail"),
            "email_on_send": ("system", "The contact was sent an e-mail"),
            "page_on_hit": ("inbound", "The contact visited a page"),
            "lead_points_change": ("system", "The contact's points changed"),
        },
    ),
    *_of(
        "shopify",
        {
            "customers/disable": ("system", "The customer's account was closed"),
            "customers/enable": ("system", "The customer's account was opened"),
            "customers/delete": ("system", "The customer was deleted"),
        },
    ),
    *_of(
        "stripe",
        {
            "customer.subscription.created": ("inbound", "The customer began a subscription"),
            "customer.subscription.deleted": ("inbound", "The customer's subscription ended"),
            "invoice.paid": ("inbound", "The customer paid an invoice"),
            "invoice.payment_failed": ("system", "The customer's payment failed"),
        },
    ),
    *_of(
        "wechat",
        {
            "SCAN": ("inbound", "The follower scanned a QR code"),
            "CLICK": ("inbound", "The follower chose an entry of the menu"),
            "VIEW": ("inbound", "The follower opened a link of the menu"),
            "text": ("inbound", "The follower wrote a message"),
            "image": ("inbound", "The follower sent a picture"),
            "voice": ("inbound", "The follower sent a voice message"),
        },
    ),
    *_of(
        "wecom",
        {
            "edit_external_contact": ("system", "The member changed a note on the customer"),
            "del_external_contact": ("system", "The member removed the customer"),
            "del_follow_user": ("inbound", "The customer removed the member"),
        },
    ),
)

KINDS: Final[tuple[Kind, ...]] = _OURS + _VENDORS
BY_NAME: Final[Mapping[str, Kind]] = {kind.kind: kind for kind in KINDS}


def direction_of(kind: str) -> Direction:
    """Return who was active in a kind of activity; what nobody has described is told of what the lead did."""
    known = BY_NAME.get(kind)
    return known.direction if known else "inbound"


def is_outbound(kind: str) -> bool:
    """Say whether one of us got in touch with the lead: what a first response is."""
    return direction_of(kind) == "outbound"
